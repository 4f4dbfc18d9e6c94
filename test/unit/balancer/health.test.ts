import { describe, expect, it } from 'vitest'
import { type Evidence, next } from '../../../src/balancer/health.ts'
import { activeBlock, type Block, type Health, healthy, statusOf } from '../../../src/domain/account.ts'
import { dayMs, hourMs, minuteMs, type QuotaWindow } from '../../../src/domain/quota.ts'
import { aBlock, aWindow, nowMs } from '../../support/accounts.ts'

type Refused = Extract<Evidence, { kind: 'refused' }>
const inMs = (ms: number) => nowMs + ms
const refused = (by: Refused['by'], untilMs: number | null = null, given: Partial<Refused> = {}): Refused => ({
  ...{ kind: 'refused', by, code: 'said', untilMs, window: null, meter: null },
  ...given,
})
const failed: Evidence = { kind: 'failed', code: 'server_error' }
const served: Evidence = { kind: 'served' }
const weekly = (untilMs: number) => refused('window', untilMs, { window: 'weekly' })
const told = (health: Health, ...events: Evidence[]) =>
  events.reduce((before, event) => next(before, event, nowMs), health)
const endOf = (health: Health, atMs = nowMs) => (activeBlock(health, atMs)?.untilMs ?? atMs) - atMs

describe('an end that nobody named', () => {
  it.each<[Refused['by'], number[]]>([
    ['burst', [30, 60, 120, 240, 480, 600, 600]],
    ['window', [300, 600, 1_200, 2_400, 3_600, 3_600]],
    ['plan', [3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 86_400]],
  ])('of a refusal (%s) is assumed twice as far away each time in a row, up to a bound', (by, seconds) => {
    let health: Health = healthy
    let atMs = nowMs
    const waits = seconds.map((_, at) => {
      health = next(health, refused(by), atMs)
      expect(health.blocks).toMatchObject([{ endIsKnown: false, strikes: at + 1 }])
      const ms = endOf(health, atMs)
      atMs += ms
      return ms / 1_000
    })
    expect(waits).toEqual(seconds)
    // An answer in between starts the row again.
    expect(endOf(next(next(health, served, atMs), refused(by), atMs), atMs)).toBe((seconds[0] ?? 0) * 1_000)
  })

  it('is not further away for requests that were refused together', () => {
    const health = told(healthy, refused('burst'), refused('burst'), refused('burst'))
    expect(health.blocks).toMatchObject([{ untilMs: inMs(30_000), strikes: 1 }])
  })

  it('gives way to a named one, also to an earlier one, and a named one does not give way to it', () => {
    expect(endOf(told(healthy, refused('burst'), refused('burst', inMs(2_000))))).toBe(2_000)
    expect(endOf(told(healthy, refused('burst', inMs(2_000)), refused('burst')))).toBe(2_000)
  })
})

describe('failures', () => {
  it('make the account rest from the third in a row, twice as long each time, five minutes at most', () => {
    const rests: number[] = []
    let health: Health = healthy
    let atMs = nowMs
    for (let count = 1; count <= 9; count++) {
      health = next(health, failed, atMs)
      const ms = endOf(health, atMs)
      rests.push(ms / 1_000)
      atMs += ms
    }
    expect(rests).toEqual([0, 0, 30, 60, 120, 240, 300, 300, 300])
    expect(next(health, served, atMs)).toMatchObject({ blocks: [], failures: 0, fitSinceMs: atMs })
  })

  it('are endless, and the rest still has its bound', () => {
    const health = next({ ...healthy, failures: 2_000 }, failed, nowMs)
    expect(endOf(health)).toBe(5 * minuteMs)
  })

  it('that come together count as one trouble, once the account rests', () => {
    const health = told(healthy, ...Array.from({ length: 10 }, () => failed))
    expect(health).toMatchObject({ failures: 3, blocks: [{ by: 'errors', untilMs: inMs(30_000) }] })
  })

  it('start again after an answer', () => {
    expect(told(healthy, failed, failed, served, failed, failed).blocks).toEqual([])
  })
})

describe('several limits', () => {
  it('stand beside each other: a long one is not forgotten because of a brief one with a name', () => {
    const health = told(healthy, refused('plan'), refused('burst', inMs(2_000)))
    expect(activeBlock(health, nowMs)).toMatchObject({ by: 'plan', untilMs: inMs(hourMs) })
    expect(activeBlock(health, inMs(3_000))).toMatchObject({ by: 'plan' })
    const later = next(health, served, inMs(3_000))
    expect(later.blocks).toMatchObject([{ by: 'plan' }])
  })

  it('of the week and of five hours end one after the other', () => {
    const short = refused('window', inMs(hourMs), { window: 'short' })
    for (const events of [
      [weekly(inMs(dayMs)), short],
      [short, weekly(inMs(dayMs))],
    ]) {
      const health = told(healthy, ...events)
      expect(health.blocks).toHaveLength(2)
      expect([nowMs, inMs(2 * hourMs), inMs(dayMs)].map((atMs) => statusOf(health, atMs))).toEqual([
        'quota_exceeded',
        'quota_exceeded',
        'active',
      ])
    }
  })

  it('of one window hold until the later end that was named', () => {
    for (const events of [
      [weekly(inMs(dayMs)), weekly(inMs(hourMs))],
      [weekly(inMs(hourMs)), weekly(inMs(dayMs))],
    ]) {
      expect(told(healthy, ...events).blocks).toMatchObject([{ untilMs: inMs(dayMs) }])
    }
  })

  it('do not end a rest, nor does a rest end them', () => {
    const health = told({ ...healthy, failures: 2 }, weekly(inMs(dayMs)), failed)
    expect(health.blocks.map(({ by }) => by)).toEqual(['window', 'errors'])
    expect(next(health, served, nowMs).blocks.map(({ by }) => by)).toEqual(['window'])
    expect(next(health, { kind: 'signed_in' }, nowMs).blocks.map(({ by }) => by)).toEqual(['window'])
  })

  it('of a model leave the account as it is', () => {
    const health = told(healthy, refused('window', inMs(dayMs), { window: 'weekly', meter: 'spark' }))
    expect(statusOf(health, nowMs)).toBe('active')
    expect(activeBlock(health, nowMs)).toBeNull()
    expect(health.fitSinceMs).toBe(0)
  })

  it('are at most one of each kind, window and meter, whatever comes', () => {
    let health: Health = healthy
    for (let turn = 0; turn < 50; turn++) {
      const [by, window] = [
        (['burst', 'window', 'plan'] as const)[turn % 3],
        ([null, 'short', 'weekly'] as const)[turn % 4],
      ]
      const meter = turn % 5 === 0 ? 'spark' : null
      health = next(health, refused(by ?? 'burst', inMs(turn * 1_000), { window: window ?? null, meter }), nowMs)
    }
    const kinds = health.blocks.map(({ by, window, meter }) => `${by} ${window} ${meter}`)
    expect(new Set(kinds).size).toBe(kinds.length)
  })
})

describe('requests at once', () => {
  it('are one fewer than were too many, and never none', () => {
    expect(told(healthy, { kind: 'crowded', inFlight: 9 }).concurrency).toEqual({ limit: 8, untilMs: inMs(300_000) })
    for (const inFlight of [0, 1, 2]) {
      expect(told(healthy, { kind: 'crowded', inFlight }).concurrency?.limit).toBe(1)
    }
  })

  it('keep to the lowest bound while it is believed', () => {
    const health = told(healthy, { kind: 'crowded', inFlight: 4 }, { kind: 'crowded', inFlight: 9 })
    expect(health.concurrency?.limit).toBe(3)
    const later = inMs(300_000)
    expect(next(health, { kind: 'crowded', inFlight: 9 }, later).concurrency?.limit).toBe(8)
    expect(next(health, served, later).concurrency).toBeNull()
    expect(next(health, served, later - 1)).toBe(next(health, served, nowMs))
  })
})

describe('since when an account is fit', () => {
  it('is the end of its last limit', () => {
    const health = told(healthy, refused('burst', inMs(2_000)), weekly(inMs(dayMs)))
    expect(health.fitSinceMs).toBe(inMs(dayMs))
    expect(next(health, served, inMs(dayMs) + 1).fitSinceMs).toBe(inMs(dayMs))
  })

  it('is now, when it is let go before the end, unless something else still holds it', () => {
    const reset: Evidence = { kind: 'windows_reset' }
    expect(told(healthy, weekly(inMs(dayMs)), reset).fitSinceMs).toBe(nowMs)
    expect(told(healthy, weekly(inMs(dayMs)), refused('burst', inMs(9_000)), reset).fitSinceMs).toBe(inMs(9_000))
  })

  it('is when a person signed in or put it back', () => {
    const out = told(healthy, { kind: 'sign_in_lost', as: 'reauth_required', code: 'x' })
    expect(next(out, { kind: 'signed_in' }, inMs(7)).fitSinceMs).toBe(inMs(7))
    expect(next(out, { kind: 'reactivated' }, inMs(7)).fitSinceMs).toBe(inMs(7))
    // New tokens of an account that had nothing to mend change nothing.
    expect(next(healthy, { kind: 'signed_in' }, inMs(7))).toBe(healthy)
  })
})

describe('a lost sign-in', () => {
  it('of a closed account stays that of a closed account, until there are new tokens', () => {
    const closed = told(healthy, { kind: 'sign_in_lost', as: 'deactivated', code: 'account_deleted' })
    expect(told(closed, { kind: 'sign_in_lost', as: 'reauth_required', code: 'token_expired' })).toBe(closed)
    expect(told(closed, { kind: 'signed_in' }).signIn).toBe('ok')
  })

  it('is said once', () => {
    const lost: Evidence = { kind: 'sign_in_lost', as: 'reauth_required', code: 'token_expired' }
    const health = told(healthy, lost)
    expect(told(health, lost)).toBe(health)
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
    [
      'of any later window do not lift a named end of nobody knows which window',
      aBlock('window'),
      [{ ...read({ resetAtMs: inMs(7 * dayMs) }), kind: 'weekly' }],
      false,
    ],
    ['do not lift a burst', aBlock('burst', { endIsKnown: false }), [read(later)], false],
    ['do not lift a plan without the right', aBlock('plan', { endIsKnown: false }), [read(later)], false],
    ['do not end a rest after failures', aBlock('errors', { endIsKnown: false }), [read(later)], false],
  ])('%s', (_rule, blocked, windows, isLifted) => {
    const before = { ...healthy, blocks: [blocked] }
    const after = next(before, { kind: 'reading', windows, meter: null }, nowMs)
    if (isLifted) expect(after.blocks).toEqual([])
    else expect(after).toBe(before)
  })

  it('never block a fit account, however full it is', () => {
    expect(next(healthy, { kind: 'reading', windows: [read({}, 100)], meter: null }, nowMs)).toBe(healthy)
  })
})
