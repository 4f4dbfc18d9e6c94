import { dayMs } from './quota.ts'

/** What the upstream says of an account's use over its life (`GET /wham/profiles/me`). Null: not told. */
export type AccountStatistics = {
  lifetimeTokens: number | null
  peakDailyTokens: number | null
  longestTurnSeconds: number | null
  currentStreakDays: number | null
  longestStreakDays: number | null
  /** Oldest first; `day` as YYYY-MM-DD. */
  days: { day: string; tokens: number }[]
  /** When the upstream counted, epoch ms; null where it does not say. */
  countedAtMs: number | null
  readAtMs: number
}

/** The same for the whole pool, of those accounts that told it. Null: none did. */
export type PoolStatistics = {
  lifetimeTokens: number | null
  peakDailyTokens: number | null
  longestTurnSeconds: number | null
  currentStreakDays: number | null
  longestStreakDays: number | null
  days: { day: string; tokens: number }[]
  /** The oldest of the accounts' counts. */
  countedAtMs: number | null
  /** How many accounts are in it. */
  accounts: number
}

/**
 * Sums up the pool. Lifetime tokens and days add up. The peak is the largest summed day, and never less than one
 * account's own peak, which may lie before its days begin. A streak counts days on which any account was used: exact
 * as far as the days reach, and never less than the longest that one account reports.
 */
export function poolStatistics(all: readonly AccountStatistics[], nowMs: number): PoolStatistics {
  const days = summedDays(all)
  const ofAll = (of: (one: AccountStatistics) => number | null) => all.flatMap((one) => of(one) ?? [])
  const used = days.filter(({ tokens }) => tokens > 0).map(({ day }) => dayNumber(day))
  const runs = runsOf(used)
  const today = Math.floor(nowMs / dayMs)
  const last = runs.at(-1)
  // A day that has only begun does not break a streak.
  const current = last !== undefined && last.end >= today - 1 ? last.length : 0
  const recent = all.filter(({ readAtMs }) => readAtMs > nowMs - dayMs)
  const currentStreakDays = largest([
    ...recent.flatMap((one) => one.currentStreakDays ?? []),
    ...(days.length === 0 ? [] : [current]),
  ])
  return {
    lifetimeTokens: sum(ofAll(({ lifetimeTokens }) => lifetimeTokens)),
    peakDailyTokens: largest([...ofAll((one) => one.peakDailyTokens), ...days.map(({ tokens }) => tokens)]),
    longestTurnSeconds: largest(ofAll((one) => one.longestTurnSeconds)),
    currentStreakDays,
    longestStreakDays: largest([
      ...ofAll((one) => one.longestStreakDays),
      ...runs.map(({ length }) => length),
      ...(currentStreakDays === null ? [] : [currentStreakDays]),
    ]),
    days,
    countedAtMs: smallest(ofAll(({ countedAtMs }) => countedAtMs)),
    accounts: all.length,
  }
}

function summedDays(all: readonly AccountStatistics[]): PoolStatistics['days'] {
  const byDay = new Map<string, number>()
  for (const { days } of all) for (const { day, tokens } of days) byDay.set(day, (byDay.get(day) ?? 0) + tokens)
  return [...byDay].map(([day, tokens]) => ({ day, tokens })).toSorted((a, b) => (a.day < b.day ? -1 : 1))
}

/** Runs of days without a gap, oldest first; `days` must be in order. */
function runsOf(days: readonly number[]): { length: number; end: number }[] {
  const runs: { length: number; end: number }[] = []
  for (const day of days) {
    const run = runs.at(-1)
    if (run !== undefined && day === run.end + 1) {
      run.length++
      run.end = day
    } else runs.push({ length: 1, end: day })
  }
  return runs
}

function dayNumber(day: string): number {
  return Math.floor(Date.parse(day) / dayMs)
}

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0)
}

function largest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.max(...values)
}

function smallest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values)
}
