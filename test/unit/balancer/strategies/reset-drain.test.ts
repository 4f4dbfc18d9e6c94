import { describe, expect, it } from 'vitest'
import type { Account } from '../../../../src/domain/account.ts'
import { dayMs } from '../../../../src/domain/quota.ts'
import { anAccount, aWindow, nowMs } from '../../../support/accounts.ts'
import { order, partsOf } from '../../../support/strategies.ts'

const resets = (id: string, days: number, short = 0, weekly = 0, given: Partial<Account> = {}) => {
  const windows = [aWindow('short', short), aWindow('weekly', weekly, { resetAtMs: nowMs + days * dayMs })]
  return anAccount(id, { windows, ...given })
}

describe('reset_drain', () => {
  it.each<[string, Account[], string]>([
    ['takes whose long window resets first', [resets('a', 5.5), resets('b', 1.5), resets('c', 3.5)], 'b c a'],
    ['however much of it is used', [resets('a', 5.5, 0, 0), resets('b', 1.5, 90, 90)], 'b a'],
    ['within a day, who has most left of the short window', [resets('a', 1.1, 30), resets('b', 1.9, 20)], 'b a'],
    ['then who has most left of the long one', [resets('a', 1.1, 20, 50), resets('b', 1.9, 20, 40)], 'b a'],
    ['one without a known reset last', [anAccount('a'), resets('b', 6.5)], 'b a'],
    ['one near its edge after those with room', [resets('a', 0.5, 96), resets('b', 6.5)], 'b a'],
    ['and one that is used up last of all', [resets('a', 0.5, 100), resets('b', 6.5, 97), resets('c', 7)], 'c b a'],
    [
      'whatever its policy and priority',
      [resets('a', 1.5, 0, 0, { policy: 'preserve', priority: -5 }), resets('b', 3)],
      'a b',
    ],
  ])('%s', (_rule, pool, expected) => expect(order('reset_drain', pool)).toBe(expected))

  it('tells the days and both figures', () => {
    expect(partsOf('a', 'reset_drain', [resets('a', 2.5, 10, 20)])).toEqual({
      ...{ days: 2, shortPercent: 10, longPercent: 20 },
    })
  })
})
