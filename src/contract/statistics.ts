import { z } from 'zod'
import { id, moment } from './common.ts'

/** Tokens of one day, by the upstream's count. `day` as YYYY-MM-DD. */
const Day = z.object({ day: z.iso.date(), tokens: z.int() })

/** Null: the upstream does not say. */
const Figures = {
  lifetimeTokens: z.int().nullable(),
  peakDailyTokens: z.int().nullable(),
  longestTurnSeconds: z.int().nullable(),
  currentStreakDays: z.int().nullable(),
  longestStreakDays: z.int().nullable(),
  /** Oldest first; days that the upstream does not list are left out. */
  days: z.array(Day),
  /** When the upstream counted. */
  countedAt: moment.nullable(),
}

/** What the upstream counts of an account over its life. */
export const AccountStatisticsView = z.object({
  accountId: id,
  ...Figures,
  /** When it was asked last with success; null: never, and then nothing is known. */
  readAt: moment.nullable(),
})
export type AccountStatisticsView = z.infer<typeof AccountStatisticsView>

/**
 * The pool's figures are of those accounts that told theirs. `lifetimeTokens` and `days` are sums. `peakDailyTokens` is
 * the largest summed day, and never less than the peak of one account. `longestTurnSeconds` is the longest of any
 * account. Streaks count days on which any account was used, as far as the days reach, and are never shorter than the
 * longest of one account: where the days do not reach far enough they are at least that long. `countedAt` is the oldest.
 */
const PoolStatisticsView = z.object({
  ...Figures,
  /** How many accounts told their figures, of how many. */
  accounts: z.int(),
  accountsTotal: z.int(),
})

export const DashboardStatistics = z.object({ pool: PoolStatisticsView, accounts: z.array(AccountStatisticsView) })
export type DashboardStatistics = z.infer<typeof DashboardStatistics>
