import { describe, expect, it } from 'vitest'
import { readProfile } from '../../../src/upstream/profile.ts'
import { nowMs } from '../../support/accounts.ts'

const open = {
  lifetimeTokens: null,
  peakDailyTokens: null,
  longestTurnSeconds: null,
  currentStreakDays: null,
  longestStreakDays: null,
  days: [],
  countedAtMs: null,
  readAtMs: nowMs,
}

describe('a profile', () => {
  it('gives the account’s statistics', () => {
    const stats = {
      lifetime_tokens: 123_456,
      peak_daily_tokens: 45_678,
      longest_running_turn_sec: 540,
      current_streak_days: 3,
      longest_streak_days: 14,
      daily_usage_buckets: [
        { start_date: '2026-01-15', tokens: 12 },
        { start_date: '2026-01-14', tokens: 34 },
      ],
    }
    const metadata = { stats_as_of: '2026-01-15T11:59:00.000Z' }
    expect(readProfile({ profile: { username: 'ann' }, stats, metadata }, nowMs)).toEqual({
      lifetimeTokens: 123_456,
      peakDailyTokens: 45_678,
      longestTurnSeconds: 540,
      currentStreakDays: 3,
      longestStreakDays: 14,
      days: [
        { day: '2026-01-14', tokens: 34 },
        { day: '2026-01-15', tokens: 12 },
      ],
      countedAtMs: nowMs - 60_000,
      readAtMs: nowMs,
    })
  })

  it.each<[string, object, object]>([
    ['says nothing', { stats: {} }, open],
    ['says null', { stats: { lifetime_tokens: null, daily_usage_buckets: null }, metadata: null }, open],
    ['says nonsense', { stats: { lifetime_tokens: 'many', peak_daily_tokens: -1, current_streak_days: {} } }, open],
    ['counts nothing', { stats: { lifetime_tokens: 0 } }, { ...open, lifetimeTokens: 0 }],
    [
      'has days that are none',
      {
        stats: { daily_usage_buckets: [{ start_date: '2026-13-45', tokens: 1 }, { start_date: 'x', tokens: 1 }, null] },
      },
      open,
    ],
    [
      'names a day twice',
      {
        stats: {
          daily_usage_buckets: [
            { start_date: '2026-01-14T00:00:00Z', tokens: 1 },
            { start_date: '2026-01-14', tokens: 2 },
          ],
        },
      },
      { ...open, days: [{ day: '2026-01-14', tokens: 2 }] },
    ],
  ])('that %s leaves open what it does not say', (_what, body, expected) => {
    expect(readProfile(body, nowMs)).toEqual(expected)
  })

  it.each([null, {}, [], { stats: 5 }])('is not read from %j', (body) => expect(readProfile(body, nowMs)).toBeNull())
})
