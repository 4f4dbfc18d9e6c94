import { describe, expect, it } from 'vitest'
import type { Account } from '../../../../src/domain/account.ts'
import { anAccount } from '../../../support/accounts.ts'
import { figures, order, partsOf } from '../../../support/strategies.ts'

describe('sequential_drain', () => {
  const [a, b, c] = [figures('a', 10, 0), figures('b', 90, 90), figures('c', 0, 0)]
  it.each<[string, Account[], string[], string]>([
    ['goes by the order that a person gave', [a, b, c], ['b', 'c', 'a'], 'b c a'],
    ['passes by who is not there any more', [a, c], ['gone', 'c', 'a'], 'c a'],
    [
      'puts who is not named after, the smallest plan first',
      [anAccount('pro', { plan: 'pro' }), anAccount('free', { plan: 'free' }), anAccount('plus'), c],
      ['c'],
      'c free plus pro',
    ],
    ['moves on when the account is near its edge', [a, figures('b', 96, 0)], ['b', 'a'], 'a b'],
    ['and comes back when everybody is', [figures('a', 97, 0), figures('b', 96, 0)], ['b', 'a'], 'b a'],
  ])('%s', (_rule, pool, drainOrder, expected) =>
    expect(order('sequential_drain', pool, { drainOrder })).toBe(expected),
  )

  it('keeps one order among equals, whoever was chosen last', () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const once = order(
      'sequential_drain',
      names.map((id, at) => anAccount(id, { lastChosenAtMs: at })),
    )
    const again = order(
      'sequential_drain',
      names.toReversed().map((id, at) => anAccount(id, { lastChosenAtMs: at })),
    )
    expect(again).toBe(once)
  })

  it('heeds a new order at once', () => {
    expect(order('sequential_drain', [a, b, c], { drainOrder: ['c', 'b', 'a'] })).toBe('c b a')
    expect(order('sequential_drain', [a, b, c], { drainOrder: ['a', 'c', 'b'] })).toBe('a c b')
  })

  it('tells the place', () => {
    expect(partsOf('b', 'sequential_drain', [a, b, c], { drainOrder: ['c', 'b'] })).toEqual({ place: 1 })
  })
})
