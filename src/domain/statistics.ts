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
