import { z } from 'zod'
import type { AccountStatistics } from '../domain/statistics.ts'
import { looseNumber as number, looseText as text } from './fields.ts'

const statsShape = z.object({
  lifetime_tokens: number,
  peak_daily_tokens: number,
  longest_running_turn_sec: number,
  current_streak_days: number,
  longest_streak_days: number,
  daily_usage_buckets: z.array(z.unknown()).nullish().catch(null),
})
const profileShape = z.object({
  stats: statsShape,
  metadata: z.object({ stats_as_of: text }).nullish().catch(null),
})
const bucketShape = z.object({ start_date: z.string().regex(/^\d{4}-\d{2}-\d{2}/), tokens: z.number().min(0) })

/** Reads the answer of `GET /wham/profiles/me`. Null when it is not of that shape at all. */
export function readProfile(body: unknown, nowMs: number): AccountStatistics | null {
  const parsed = profileShape.safeParse(body)
  if (!parsed.success) return null
  const { stats, metadata } = parsed.data
  const countedAtMs = Date.parse(metadata?.stats_as_of ?? '')
  return {
    lifetimeTokens: count(stats.lifetime_tokens),
    peakDailyTokens: count(stats.peak_daily_tokens),
    longestTurnSeconds: count(stats.longest_running_turn_sec),
    currentStreakDays: count(stats.current_streak_days),
    longestStreakDays: count(stats.longest_streak_days),
    days: daysOf(stats.daily_usage_buckets ?? []),
    countedAtMs: Number.isFinite(countedAtMs) ? countedAtMs : null,
    readAtMs: nowMs,
  }
}

/** One entry per day; of two for one day the later in the list counts. */
function daysOf(buckets: readonly unknown[]): AccountStatistics['days'] {
  const byDay = new Map<string, number>()
  for (const bucket of buckets) {
    const parsed = bucketShape.safeParse(bucket)
    if (!parsed.success) continue
    const day = parsed.data.start_date.slice(0, 10)
    if (!Number.isNaN(Date.parse(day))) byDay.set(day, Math.round(parsed.data.tokens))
  }
  return [...byDay].map(([day, tokens]) => ({ day, tokens })).toSorted((a, b) => (a.day < b.day ? -1 : 1))
}

function count(given: number | null | undefined): number | null {
  return given == null || given < 0 ? null : Math.round(given)
}
