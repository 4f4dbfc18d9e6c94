import { describe, expect, it } from 'vitest'
import { type HealthEvent, next } from '../../../src/balancer/health.ts'
import { type Block, type Health, healthy } from '../../../src/domain/account.ts'
import { dayMs, hourMs, minuteMs, type QuotaWindow } from '../../../src/domain/quota.ts'
import { aBlock, aWindow, nowMs } from '../../support/accounts.ts'

const inMs = (ms: number) => nowMs + ms
const refused = (by: 'burst' | 'window' | 'plan', untilMs: number | null = null): HealthEvent => ({
  kind: 'refused',
  by,
  code: 'said',
  untilMs,
  window: null,
})
const failed: HealthEvent = { kind: 'failed', code: 'server_error' }
const served: HealthEvent = { kind: 'served' }
const block = (by: Block['by'], untilMs: number, endIsKnown: boolean, given: Partial<Block> = {}): Block =>
  aBlock(by, { untilMs, endIsKnown, sinceMs: nowMs, code: 'said', ...given })
const rest = (ms: number) => block('errors', inMs(ms), false, { code: 'server_error' })

const states = {
  fit: healthy,
  tired: { ...healthy, failures: 2 },
  resting: { ...healthy, failures: 3, blocked: aBlock('errors', { endIsKnown: false }) },
  rested: { ...healthy, failures: 3, blocked: aBlock('errors', { untilMs: nowMs, endIsKnown: false }) },
  burst: { ...healthy, blocked: aBlock('burst') },
  guessed: { ...healthy, blocked: aBlock('window', { endIsKnown: false }) },
  full: { ...healthy, blocked: aBlock('window', { window: 'short' }) },
  paused: { ...healthy, paused: true },
  signedOut: { ...healthy, signIn: 'reauth_required', signInReason: 'token_expired' },
  closed: { ...healthy, signIn: 'deactivated', signInReason: 'account_deactivated' },
} satisfies Record<string, Health>

type Change = Partial<Health> | 'same'
const known = refused('window', inMs(hourMs))
const knownBlock = block('window', inMs(hourMs), true)
const guess = refused('plan')
const guessBlock = block('plan', inMs(hourMs), false)
const brief = refused('burst', inMs(2_000))
const lost: HealthEvent = { kind: 'sign_in_lost', as: 'deactivated', code: 'account_deleted' }
const lostChange = { signIn: 'deactivated', signInReason: 'account_deleted' } as const
const pause: HealthEvent = { kind: 'paused' }

/** What each event changes in each state; whatever is not named stays as it was. */
const table: Record<keyof typeof states, [HealthEvent, Change][]> = {
  fit: [
    [served, 'same'],
    [known, { blocked: knownBlock }],
    [guess, { blocked: guessBlock }],
    [brief, { blocked: block('burst', inMs(2_000), true) }],
    [failed, { failures: 1 }],
    [lost, lostChange],
    [pause, { paused: true }],
  ],
  tired: [
    [served, { failures: 0 }],
    [known, { blocked: knownBlock }],
    [failed, { failures: 3, blocked: rest(30_000) }],
    [lost, lostChange],
    [pause, { paused: true }],
  ],
  resting: [
    [served, { failures: 0, blocked: null }],
    [known, { blocked: knownBlock }],
    [guess, { blocked: guessBlock }],
    [failed, 'same'],
    [lost, lostChange],
    [pause, { paused: true }],
  ],
  rested: [
    [served, { failures: 0, blocked: null }],
    [known, { blocked: knownBlock }],
    [failed, { failures: 4, blocked: rest(60_000) }],
  ],
  burst: [
    [served, 'same'],
    [known, { blocked: knownBlock }],
    [brief, 'same'],
    [guess, 'same'],
    [failed, { failures: 1 }],
    [pause, { paused: true }],
  ],
  guessed: [
    [served, 'same'],
    [known, { blocked: knownBlock }],
    [guess, { blocked: guessBlock }],
    [brief, { blocked: block('burst', inMs(2_000), true) }],
  ],
  full: [
    [served, 'same'],
    [brief, 'same'],
    [guess, 'same'],
    [known, { blocked: knownBlock }],
    [failed, { failures: 1 }],
  ],
  paused: [
    [served, 'same'],
    [known, { blocked: knownBlock }],
    [failed, { failures: 1 }],
    [lost, lostChange],
    [pause, 'same'],
  ],
  signedOut: [
    [served, 'same'],
    [known, { blocked: knownBlock }],
    [failed, { failures: 1 }],
    [lost, lostChange],
    [pause, { paused: true }],
  ],
  closed: [
    [served, 'same'],
    [failed, { failures: 1 }],
    [pause, { paused: true }],
  ],
}
const named = (event: HealthEvent) => (event.kind === 'refused' ? `refused (${event.by})` : event.kind)
const rows = Object.entries(table).flatMap(([name, list]) =>
  list.map(([event, change]) => [name as keyof typeof states, named(event), event, change] as const),
)

describe('the health of an account', () => {
  it.each(rows)('that is %s, when it is %s', (name, _event, event, change) => {
    const before = states[name]
    const after = next(before, event, nowMs)
    expect(after).toEqual(change === 'same' ? before : { ...before, ...change })
    if (change === 'same') expect(after).toEqual(before)
  })

  it.each(Object.entries(states))('that is %s is wholly restored when a person reactivates it', (_name, before) => {
    expect(next(before, { kind: 'reactivated' }, nowMs)).toEqual(healthy)
  })

  it.each(Object.entries(states))('that is %s is not changed by figures that say nothing', (_name, before) => {
    expect(next(before, { kind: 'reading', windows: [] }, nowMs)).toBe(before)
  })

  it.each([
    ['burst', 30_000],
    ['window', 5 * minuteMs],
    ['plan', hourMs],
  ] as const)('is blocked for a while when a refusal (%s) names no end', (by, ms) => {
    expect(next(healthy, refused(by), nowMs).blocked).toEqual(block(by, inMs(ms), false))
  })

  it('rests twice as long after each further failure, five minutes at most, and at once serves again', () => {
    const rests: number[] = []
    let health: Health = healthy
    let at = nowMs
    for (let count = 1; count <= 9; count++) {
      health = next(health, failed, at)
      const until = health.blocked?.untilMs ?? at
      rests.push((until - at) / 1_000)
      at = until
    }
    expect(rests).toEqual([0, 0, 30, 60, 120, 240, 300, 300, 300])
    expect(next(health, served, at)).toEqual(healthy)
  })

  it('counts requests that fail together as one trouble, once the account rests', () => {
    const together = Array.from({ length: 10 }, () => failed)
    const health = together.reduce((before, event) => next(before, event, nowMs), healthy)
    expect(health).toEqual({ ...healthy, failures: 3, blocked: rest(30_000) })
  })

  it('needs three failures in a row: an answer in between starts the count again', () => {
    const events = [failed, failed, served, failed, failed]
    expect(events.reduce((health, event) => next(health, event, nowMs), healthy).blocked).toBeNull()
  })
})

describe('figures', () => {
  const read = (given: Partial<QuotaWindow> = {}, used = 10) => aWindow('short', used, { readAtMs: nowMs, ...given })
  const later = { resetAtMs: inMs(5 * hourMs) }
  const assumed = aBlock('window', { endIsKnown: false })
  const assumedShort = aBlock('window', { endIsKnown: false, window: 'short' })
  const certain = aBlock('window', { window: 'short' })
  const sameReset = { resetAtMs: certain.untilMs + 20_000 }

  it.each<[string, Block, QuotaWindow[], boolean]>([
    ['newer and lower lift a block with an assumed end', assumed, [read()], true],
    ['of the same window do so too', assumedShort, [read()], true],
    ['of another window do not', assumedShort, [{ ...read(), kind: 'weekly' }], false],
    ['from before the block do not', assumed, [read({ readAtMs: assumed.sinceMs })], false],
    ['that show a full window do not', assumed, [read({}, 100)], false],
    ['do not, when one of two windows is still full', assumed, [read(), { ...read({}, 100), kind: 'weekly' }], false],
    ['that only repeat the refusal do not', assumed, [read({ source: 'refusal' }, 0)], false],
    ['do not lift a block with a named end', certain, [read(sameReset)], false],
    ['without a reset do not either', certain, [read({ resetAtMs: null })], false],
    ['of a later window do: it was reset early', certain, [read(later)], true],
    ['of a later window that is full again do not', certain, [read(later, 100)], false],
    [
      'of a later week do not lift the short one',
      certain,
      [{ ...read({ resetAtMs: inMs(7 * dayMs) }), kind: 'weekly' }],
      false,
    ],
    ['do not lift a burst', aBlock('burst', { endIsKnown: false }), [read(later)], false],
    ['do not lift a plan without the right', aBlock('plan', { endIsKnown: false }), [read(later)], false],
    ['do not end a rest after failures', aBlock('errors', { endIsKnown: false }), [read(later)], false],
  ])('%s', (_rule, blocked, windows, isLifted) => {
    const before = { ...healthy, blocked }
    const after = next(before, { kind: 'reading', windows }, nowMs)
    expect(after).toEqual(isLifted ? healthy : before)
  })

  it('never block a fit account, however full it is', () => {
    expect(next(healthy, { kind: 'reading', windows: [read({}, 100)] }, nowMs)).toBe(healthy)
  })
})
