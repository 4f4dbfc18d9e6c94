import { describe, expect, it } from 'vitest'
import { choose } from '../../../src/balancer/choose.ts'
import { standingOf } from '../../../src/balancer/standing.ts'
import { isOverSlowStart } from '../../../src/balancer/tiers.ts'
import type { Account } from '../../../src/domain/account.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import type { Settings, StrategyName } from '../../../src/domain/settings.ts'
import { anAccount, anAilingAccount, anAsk, aWindow, nowMs, withSettings } from '../../support/accounts.ts'
import { figures, order } from '../../support/strategies.ts'

const burnFirst = { policy: 'burn_first' } as const
const preserve = { policy: 'preserve' } as const
const tiered: StrategyName[] = [
  'cache_value',
  'capacity_weighted',
  'relative_availability',
  'usage_weighted',
  'round_robin',
  'fill_first',
]

describe.each(tiered)('before its own rank, %s asks', (strategy) => {
  it.each<[string, Account[], Partial<Settings>, string]>([
    [
      'what a person wants of the account',
      [figures('a', 0, 0, preserve), figures('b', 50, 50), figures('c', 90, 90, burnFirst)],
      {},
      'c b a',
    ],
    [
      'before the edge: what is to be used up is, to the end',
      [figures('a', 97, 0, burnFirst), figures('b', 0, 0)],
      {},
      'a b',
    ],
    [
      'a reserve only when the others are at their edge, and then not yet',
      [figures('a', 0, 0, preserve), figures('b', 97, 0)],
      {},
      'b a',
    ],
    ['but a reserve before one that is used up', [figures('a', 0, 0, preserve), figures('b', 100, 0)], {}, 'a b'],
    [
      'and so with one that is to be used up',
      [figures('a', 0, 100, burnFirst), figures('b', 0, 0, preserve)],
      {},
      'b a',
    ],
    ['who has room', [figures('a', 96, 0, { priority: 100 }), figures('b', 90, 90)], {}, 'b a'],
    [
      'the higher priority',
      [figures('a', 10, 10, { priority: -100 }), figures('b', 50, 50), figures('c', 90, 90, { priority: 100 })],
      {},
      'c b a',
    ],
    [
      'the earlier reset of the long window, by days, if that is asked for',
      [
        anAccount('a', { windows: [aWindow('weekly', 10, { resetAtMs: nowMs + 5 * dayMs })] }),
        anAccount('b', { windows: [aWindow('weekly', 80, { resetAtMs: nowMs + 2 * dayMs })] }),
        anAccount('c'),
      ],
      { preferEarlierReset: 'long' },
      'b a c',
    ],
    [
      'the earlier reset of the short window, by quarters of an hour, if that is asked for',
      [
        anAccount('a', { windows: [aWindow('short', 10, { resetAtMs: nowMs + 3 * hourMs })] }),
        anAccount('b', { windows: [aWindow('short', 80, { resetAtMs: nowMs + 2 * hourMs })] }),
      ],
      { preferEarlierReset: 'short' },
      'b a',
    ],
    [
      'the priority before the reset',
      [
        anAccount('a', { priority: 1, windows: [aWindow('weekly', 10, { resetAtMs: nowMs + 5 * dayMs })] }),
        anAccount('b', { windows: [aWindow('weekly', 80, { resetAtMs: nowMs + 2 * dayMs })] }),
      ],
      { preferEarlierReset: 'long' },
      'a b',
    ],
    [
      'whether an account that has just come back has its share already',
      [figures('a', 0, 0, { createdAtMs: nowMs, inFlight: 1 }), figures('b', 80, 80, { inFlight: 9 })],
      {},
      'b a',
    ],
  ])('%s', (_what, pool, given, expected) => expect(order(strategy, pool, given)).toBe(expected))
})

describe('within one tier', () => {
  it('the strategy decides', () => {
    const at = (minutes: number) => ({ resetAtMs: nowMs + 2 * dayMs + minutes * minuteMs })
    const pool = [
      anAccount('a', { windows: [aWindow('weekly', 60, at(10))] }),
      anAccount('b', { windows: [aWindow('weekly', 20, at(90))] }),
    ]
    expect(order('usage_weighted', pool, { preferEarlierReset: 'long' })).toBe('b a')
  })
})

describe('a thread', () => {
  it('stays with its account, although another one is to be used up first', () => {
    const pool = [figures('a', 10, 10), figures('b', 10, 10, burnFirst)]
    for (const strategy of tiered) {
      const home = { accountId: 'a', warmTokens: 9_000 }
      expect(choose(pool, anAsk({ home }), withSettings({ strategy }), nowMs), strategy).toMatchObject({
        accountId: 'a',
      })
    }
  })
})

describe('a slow start', () => {
  const settings = withSettings({ slowStartMinutes: 5, maxStreams: 20 })
  const isOver = (given: Partial<Account>, atMs = nowMs, set = settings) =>
    isOverSlowStart(standingOf(anAccount('a', given), set, atMs), {
      ...{ nowMs: atMs, settings: set, seed: 0, inputTokens: 1, home: null, prepared: 0 },
    })

  it.each([
    [0, 0, false],
    [0, 1, true],
    [1, 4, false],
    [1, 5, true],
    [2.5, 10, false],
    [2.5, 11, true],
    [4.9, 19, false],
    [5, 500, false],
  ])('after %d min has room for one more beside %d in flight: %s is no', (minutes, inFlight, isMore) => {
    expect(isOver({ createdAtMs: nowMs, inFlight }, nowMs + minutes * minuteMs)).toBe(isMore)
  })

  it('begins with the account, and again when it is fit again', () => {
    expect(isOver({ createdAtMs: nowMs - hourMs, inFlight: 1 })).toBe(false)
    expect(isOver({ ...anAilingAccount('a', { fitSinceMs: nowMs }), inFlight: 1 })).toBe(true)
  })

  it('is none when that is set', () => {
    expect(isOver({ createdAtMs: nowMs, inFlight: 9 }, nowMs, withSettings({ slowStartMinutes: 0 }))).toBe(false)
  })

  it('never keeps a request from the only account', () => {
    const pool = [anAccount('a', { createdAtMs: nowMs, inFlight: 5 })]
    expect(choose(pool, anAsk(), withSettings(), nowMs).accountId).toBe('a')
  })
})
