import { describe, expect, it } from 'vitest'
import type { Exclusion } from '../../../src/balancer/eligibility.ts'
import { firstEndOf, isWorthWaiting, type Patience, patienceOf } from '../../../src/balancer/patience.ts'
import { nowMs } from '../../support/accounts.ts'

const blocked = (by: 'burst' | 'window' | 'plan' | 'errors', ms: number): Exclusion => ({
  ...{ reason: 'blocked', by, code: 'x', untilMs: nowMs + ms, endIsKnown: true },
})
const busy: Exclusion = { reason: 'busy', cap: 'streams', inFlight: 1, limit: 1 }
const metered = (untilMs: number | null): Exclusion => ({ reason: 'meter_used_up', meter: 'spark', untilMs })
const until = (ms: number): Patience => ({ kind: 'until', atMs: nowMs + ms })

describe('a request that nobody can serve', () => {
  it.each<[string, Exclusion[], Patience, number | null]>([
    ['has nothing to wait for without accounts', [], null, null],
    ['waits for a place', [busy], { kind: 'room' }, null],
    ['waits for the end of a try', [{ reason: 'probing' }], { kind: 'room' }, null],
    ['waits for the first brief rest to end', [blocked('errors', 9_000), blocked('burst', 5_000)], until(5_000), 5_000],
    [
      'waits for a place rather, and is asked again when a rest ends',
      [blocked('burst', 5_000), busy],
      { kind: 'room' },
      5_000,
    ],
    ['is asked again also when a window ends meanwhile', [busy, blocked('window', 3_000)], { kind: 'room' }, 3_000],
    ['and when a model’s limit does', [busy, metered(nowMs + 2_000), metered(null)], { kind: 'room' }, 2_000],
    ['waits also for a window that ends', [blocked('window', 3_000), blocked('plan', 4_000)], until(3_000), 3_000],
    ['and for the limit of a model', [metered(nowMs + 4_000), metered(null)], until(4_000), 4_000],
    ['does not wait for a person', [{ reason: 'paused' }, { reason: 'reauth_required', code: null }], null, null],
    [
      'does not wait where it may not',
      [{ reason: 'not_owner', ownerId: 'a' }, { reason: 'already_tried' }],
      null,
      null,
    ],
  ])('%s', (_what, exclusions, patience, firstMs) => {
    const excluded = exclusions.map((exclusion, at) => ({ accountId: `a${at}`, exclusion }))
    expect(patienceOf(excluded)).toEqual(patience)
    expect(firstEndOf(excluded)).toBe(firstMs === null ? null : nowMs + firstMs)
    const bound = patience?.kind === 'until' ? patience.atMs : nowMs
    expect(isWorthWaiting(excluded, bound)).toBe(patience !== null)
    if (patience?.kind === 'until') expect(isWorthWaiting(excluded, bound - 1)).toBe(false)
  })
})
