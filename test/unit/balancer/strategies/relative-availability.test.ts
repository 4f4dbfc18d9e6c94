import { describe, expect, it } from 'vitest'
import type { Account } from '../../../../src/domain/account.ts'
import { dayMs, minuteMs } from '../../../../src/domain/quota.ts'
import { anAccount, aWindow, nowMs } from '../../../support/accounts.ts'
import { distance, order, partsOf, shares } from '../../../support/strategies.ts'

/** A weekly account with this much used, whose window resets after so many days. */
const weekly = (id: string, used: number, days: number, given: Partial<Account> = {}) =>
  anAccount(id, { windows: [aWindow('weekly', used, { resetAtMs: nowMs + days * dayMs })], ...given })

describe('relative_availability', () => {
  it.each<[string, Account[], number, number[]]>([
    ['what is left counts', [weekly('a', 0, 4), weekly('b', 50, 4)], 1, [2, 1]],
    ['what would be lost soon counts more', [weekly('a', 0, 2), weekly('b', 0, 4)], 1, [2, 1]],
    ['by the power that is set', [weekly('a', 0, 2), weekly('b', 0, 4)], 2, [4, 1]],
    ['also by a great one', [weekly('a', 0, 2), weekly('b', 10, 2)], 10, [1, 0.9 ** 10]],
    ['not at all with a power of nothing', [weekly('a', 0, 2), weekly('b', 0, 4)], 0, [1, 1]],
    ['a week where no reset is known', [weekly('a', 0, 7), anAccount('b')], 1, [1, 1]],
    ['a larger plan has more', [weekly('a', 0, 2, { plan: 'prolite' }), weekly('b', 0, 2)], 1, [37_800, 7_560]],
  ])('%s', (_rule, pool, relativePower, weights) => {
    const seen = shares('relative_availability', pool, { relativePower })
    expect(distance(seen, weights), `${seen}`).toBeLessThan(0.02)
  })

  it('takes part in the draw only with a tenth of the best score', () => {
    const pool = [weekly('a', 0, 1), weekly('b', 89, 1), weekly('c', 91, 1)]
    const [, b, c] = shares('relative_availability', pool, { relativePower: 1 })
    expect(b).toBeGreaterThan(0.05)
    expect(c).toBe(0)
    expect(order('relative_availability', pool).split(' ').at(-1)).toBe('c')
  })

  it('draws among as many of the best as are set', () => {
    const pool = [weekly('a', 0, 4), weekly('b', 10, 4), weekly('c', 20, 4), weekly('d', 30, 4)]
    const seen = shares('relative_availability', pool, { relativeTopK: 2, relativePower: 1 })
    expect(distance(seen.slice(0, 2), [10, 9])).toBeLessThan(0.02)
    expect(seen.slice(2)).toEqual([0, 0])
    expect(shares('relative_availability', pool, { relativeTopK: 1 })).toEqual([1, 0, 0, 0])
  })

  it('does not take the last minutes before a reset for more than they are', () => {
    const soon = (id: string, minutes: number) => weekly(id, 0, (minutes * minuteMs) / dayMs)
    const seen = shares('relative_availability', [soon('a', 0.01), soon('b', 5)], { relativePower: 1 })
    expect(distance(seen, [1, 1])).toBeLessThan(0.02)
  })

  it('still has an order when everything is used up', () => {
    const used = [weekly('a', 100, 1), weekly('b', 100, 2)]
    expect(order('relative_availability', used).split(' ').toSorted()).toEqual(['a', 'b'])
  })

  it('tells the score, and the least that took part', () => {
    expect(partsOf('b', 'relative_availability', [weekly('a', 0, 1), weekly('b', 50, 1)])).toEqual({
      creditsPerSecond: expect.closeTo(3_780 / 86_400),
      least: expect.closeTo(3_780 / 86_400),
    })
  })
})
