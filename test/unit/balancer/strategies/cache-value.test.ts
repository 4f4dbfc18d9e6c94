import { describe, expect, it } from 'vitest'
import { choose, type Decision } from '../../../../src/balancer/choose.ts'
import type { Home } from '../../../../src/balancer/strategies/strategy.ts'
import type { Account } from '../../../../src/domain/account.ts'
import { dayMs, hourMs } from '../../../../src/domain/quota.ts'
import type { Settings } from '../../../../src/domain/settings.ts'
import { anAccount, anAsk, aWindow, nowMs, withSettings } from '../../../support/accounts.ts'
import { distance, figures, partsOf, shares } from '../../../support/strategies.ts'

const settings = withSettings({ strategy: 'cache_value' })
/** A week with this much used, of which so many days are left; the five hours are nearly over and unused. */
const weekly = (id: string, used: number, daysLeft: number, given: Partial<Account> = {}) =>
  anAccount(id, {
    windows: [aWindow('short', 0), aWindow('weekly', used, { resetAtMs: nowMs + daysLeft * dayMs })],
    ...given,
  })
const with_ = (home: Home | null, pool: Account[], inputTokens = 100_000): Decision =>
  choose(pool, anAsk({ home, inputTokens }), settings, nowMs)
const warm = (accountId: string, warmTokens = 95_000) => ({ accountId, warmTokens })

/** The order of prices, for a thread that is warm on an account that is not there. */
const priced = (pool: Account[], given: Partial<Settings> = {}) => {
  const ask = anAsk({ home: warm('gone', 5_000), inputTokens: 100_000 })
  const { ranked } = choose(pool, ask, withSettings({ strategy: 'cache_value', ...given }), nowMs)
  return ranked.map(({ accountId }) => accountId).join(' ')
}

describe('the price of cache_value', () => {
  it.each<[string, Account[], string]>([
    ['is lower where use is least ahead of its time', [weekly('a', 50, 3.5), weekly('b', 30, 3.5)], 'b a'],
    ['is lower for what would be lost soonest', [weekly('a', 30, 6), weekly('b', 30, 1), weekly('c', 30, 3)], 'b c a'],
    [
      'is higher where the short window is nearly full',
      [
        anAccount('a', { windows: [aWindow('short', 90), aWindow('weekly', 50, { resetAtMs: nowMs + 4 * dayMs })] }),
        weekly('b', 50, 3.5),
      ],
      'b a',
    ],
    [
      'does not mind a short window that is used ahead of time and has room',
      [
        anAccount('a', {
          windows: [
            aWindow('short', 70, { resetAtMs: nowMs + 4 * hourMs }),
            aWindow('weekly', 50, { resetAtMs: nowMs + 3.4 * dayMs }),
          ],
        }),
        weekly('b', 50, 3.5),
      ],
      'a b',
    ],
    ['takes a window that is not running for as much as it is', [anAccount('a'), weekly('b', 10, 7)], 'a b'],
    ['weighs a small and a big plan alike', [weekly('a', 60, 3.5, { plan: 'pro' }), weekly('b', 50, 3.5)], 'b a'],
    [
      'counts what no figure shows yet',
      [weekly('a', 30, 3.5, { unseenTokens: 7_560 * 20_000 * 0.3 }), weekly('b', 50, 3.5)],
      'b a',
    ],
    [
      'lets equals take turns',
      [weekly('a', 1, 3, { lastChosenAtMs: 2 }), weekly('b', 1, 3, { lastChosenAtMs: 1 })],
      'b a',
    ],
  ])('%s', (_rule, pool, expected) => expect(priced(pool)).toBe(expected))

  it('of an account of unknown size is not nothing', () => {
    const planCapacities = { house: { short: null, weekly: null, monthly: null } }
    const pool = [weekly('a', 80, 6, { plan: 'house' }), weekly('b', 10, 3)]
    expect(priced(pool, { planCapacities })).toBe('b a')
  })
})

describe('cache_value, with nothing cached', () => {
  it.each<[string, Account[], number[]]>([
    ['gives equals equal shares', [weekly('a', 50, 3.5), weekly('b', 50, 3.5)], [1, 1]],
    ['gives a bigger plan more', [weekly('a', 50, 3.5, { plan: 'pro' }), weekly('b', 50, 3.5)], [50_400, 7_560]],
    ['much prefers what is less ahead of its time', [weekly('a', 50, 3.5), weekly('b', 45, 3.5)], [1, Math.exp(1)]],
    [
      'and less what is nearly full for hours',
      [
        anAccount('a', { windows: [aWindow('short', 90), aWindow('weekly', 50, { resetAtMs: nowMs + 3.5 * dayMs })] }),
        weekly('b', 50, 3.5),
      ],
      [0.4, 1],
    ],
  ])('%s', (_rule, pool, weights) => expect(distance(shares('cache_value', pool), weights)).toBeLessThan(0.02))

  it('leaves a thread where it was, as long as there is room for hours', () => {
    const pool = [weekly('a', 80, 3.5), weekly('b', 0, 0.5)]
    expect(with_(warm('a', 0), pool)).toMatchObject({ accountId: 'a', because: 'affinity', move: null })
    const tight = [figures('a', 90, 50), ...'bcdefghi'.split('').map((id) => figures(id, 0, 0))]
    expect(with_(warm('a', 0), tight)).toMatchObject({ move: { fromAccountId: 'a', reason: 'gain', warmTokens: 0 } })
  })
})

describe('cache_value, with a warm cache', () => {
  it('stays, although others have more room', () => {
    expect(with_(warm('a'), [weekly('a', 50, 3.5), weekly('b', 20, 3.5)])).toMatchObject({
      ...{ accountId: 'a', because: 'affinity', move: null },
    })
  })

  it('moves when the other’s quota is so much cheaper, and tells the price', () => {
    const decision = with_(warm('a'), [weekly('a', 90, 6.9), weekly('b', 10, 0.5)])
    expect(decision).toMatchObject({ accountId: 'b', because: 'ranked_first' })
    const again = 95_000 * 0.9
    expect(decision.move).toEqual({
      ...{ fromAccountId: 'a', reason: 'gain', warmTokens: 95_000 },
      shortPercent: expect.closeTo((again * 100) / (225 * 20_000)),
      longPercent: expect.closeTo((again * 100) / (7_560 * 20_000)),
    })
  })

  it.each([
    ['of 5 %', 5_000],
    ['of 40 %', 40_000],
    ['of 95 %', 95_000],
  ])('moves exactly where paying the warm part again costs less: %s', (_share, warmTokens) => {
    const moves = Array.from(
      { length: 101 },
      (_, used) => with_(warm('a', warmTokens), [weekly('a', used * 0.97, 3.5), weekly('b', 0, 3.5)]).accountId === 'b',
    )
    // e^(5 × how much further ahead) against the price of the input in full: one turning point.
    const turn = Math.log(100_000 / (100_000 - warmTokens * 0.9)) / 5
    const first = moves.indexOf(true)
    expect((first / 100) * 0.97).toBeGreaterThanOrEqual(turn)
    expect(((first - 1) / 100) * 0.97).toBeLessThanOrEqual(turn)
    expect(moves.slice(first)).not.toContain(false)
  })

  it('stays where a person put the thread, whatever the price, until that account is near its edge', () => {
    const byHand = { accountId: 'a', warmTokens: 0, byHand: true }
    expect(with_(byHand, [weekly('a', 90, 6.9), weekly('b', 10, 0.5)]).accountId).toBe('a')
    expect(
      with_({ ...byHand, byHand: false, warmTokens: 5_000 }, [weekly('a', 90, 6.9), weekly('b', 10, 0.5)]).accountId,
    ).toBe('b')
    expect(with_(byHand, [weekly('a', 99, 6.9), weekly('b', 10, 0.5)]).accountId).toBe('b')
  })

  it('leaves an account near its edge, whatever the price', () => {
    expect(with_(warm('a'), [figures('a', 96, 0), figures('b', 90, 90)])).toMatchObject({
      accountId: 'b',
      move: { fromAccountId: 'a', reason: 'edge' },
    })
  })

  it('of more than the request seems to hold is not believed beyond the whole', () => {
    const decision = with_(warm('a', 500_000), [weekly('a', 10, 3), weekly('b', 10, 3)], 10)
    expect(decision.ranked.map(({ parts }) => parts.tokens)).toEqual([expect.closeTo(50_000), 500_000])
  })

  it('tells the tokens, what they are worth here, and the price', () => {
    const pool = [weekly('a', 50, 3.5)]
    expect(partsOf('a', 'cache_value', pool)).toEqual({
      ...{ tokens: 10_000, worth: expect.closeTo(1), price: expect.closeTo(0.5) },
    })
    expect(with_(warm('a', 100_000), pool).ranked[0]?.parts.tokens).toBeCloseTo(10_000)
  })
})
