import { describe, expect, it } from 'vitest'
import { dayMs } from '../../../src/domain/quota.ts'
import { type AccountStatistics, poolStatistics } from '../../../src/domain/statistics.ts'
import { nowMs } from '../../support/accounts.ts'

const told = (given: Partial<AccountStatistics> = {}): AccountStatistics => ({
  lifetimeTokens: null,
  peakDailyTokens: null,
  longestTurnSeconds: null,
  currentStreakDays: null,
  longestStreakDays: null,
  days: [],
  countedAtMs: null,
  readAtMs: nowMs,
  ...given,
})
/** `ago` in days; today is the 15th. */
const day = (ago: number, tokens: number) => ({
  day: new Date(nowMs - ago * dayMs).toISOString().slice(0, 10),
  tokens,
})
const pool = (...all: AccountStatistics[]) => poolStatistics(all, nowMs)

describe('the statistics of the pool', () => {
  it('add up lifetime tokens and days, and take the longest turn and the oldest count', () => {
    const a = told({ lifetimeTokens: 100, longestTurnSeconds: 5, countedAtMs: 7, days: [day(2, 1), day(0, 10)] })
    const b = told({ lifetimeTokens: 11, longestTurnSeconds: 9, countedAtMs: 6, days: [day(1, 20), day(0, 30)] })
    expect(pool(a, b)).toMatchObject({
      lifetimeTokens: 111,
      longestTurnSeconds: 9,
      countedAtMs: 6,
      days: [day(2, 1), day(1, 20), day(0, 40)],
      accounts: 2,
    })
  })

  it.each<[string, AccountStatistics[], number | null]>([
    ['is the largest summed day', [told({ days: [day(1, 30)], peakDailyTokens: 30 }), told({ days: [day(1, 5)] })], 35],
    ['is never less than the peak of one account', [told({ days: [day(1, 30)], peakDailyTokens: 99 }), told()], 99],
    ['is open where nobody told', [told(), told()], null],
  ])('have a peak day that %s', (_rule, all, peak) => expect(pool(...all).peakDailyTokens).toBe(peak))

  it.each<[string, AccountStatistics[], { current: number | null; longest: number | null }]>([
    [
      'span days of different accounts',
      [told({ days: [day(0, 1), day(2, 1)], currentStreakDays: 1 }), told({ days: [day(1, 1), day(9, 1)] })],
      { current: 3, longest: 3 },
    ],
    ['last while today has only begun', [told({ days: [day(2, 1), day(1, 1)] })], { current: 2, longest: 2 }],
    ['end with a day unused', [told({ days: [day(4, 1), day(3, 1), day(2, 1)] })], { current: 0, longest: 3 }],
    [
      'do not count days without tokens',
      [told({ days: [day(2, 1), day(1, 0), day(0, 1)] })],
      { current: 1, longest: 1 },
    ],
    [
      'are never shorter than those of one account',
      [told({ days: [day(0, 1)], currentStreakDays: 40, longestStreakDays: 50 }), told({ longestStreakDays: 3 })],
      { current: 40, longest: 50 },
    ],
    ['are open where nobody told', [told(), told()], { current: null, longest: null }],
    ['are never longer now than ever', [told({ currentStreakDays: 5 })], { current: 5, longest: 5 }],
    [
      'take no current streak from what was read days ago',
      [told({ currentStreakDays: 8, longestStreakDays: 8, readAtMs: nowMs - 2 * dayMs })],
      { current: null, longest: 8 },
    ],
  ])('have streaks that %s', (_rule, all, { current, longest }) => {
    expect(pool(...all)).toMatchObject({ currentStreakDays: current, longestStreakDays: longest })
  })

  it('are open in every figure where nobody told', () => {
    expect(pool()).toEqual({
      lifetimeTokens: null,
      peakDailyTokens: null,
      longestTurnSeconds: null,
      currentStreakDays: null,
      longestStreakDays: null,
      days: [],
      countedAtMs: null,
      accounts: 0,
    })
  })
})
