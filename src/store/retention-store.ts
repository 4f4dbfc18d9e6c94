/** A table as far as keeping it in bounds is concerned; about so many rows and bytes. */
export type TableSize = { rows: number; bytes: number }

type KeptTable = 'requests' | 'requestSums' | 'usageSamples' | 'usageHours' | 'audit'

/** Old rows, and what they take. Each call is a small step, to be repeated while it says that more is left. */
export type RetentionStore = {
  /** Deletes at most `limit` requests older than a time, the oldest first; returns how many. Their sums stay. */
  pruneRequests(beforeMs: number, limit: number): Promise<number>
  /** Empties attempts and decision of at most `limit` requests older than a time; returns how many. */
  dropDetails(beforeMs: number, limit: number): Promise<number>
  /** Deletes at most `limit` hours of usage older than a time; returns how many. */
  pruneUsageHours(beforeMs: number, limit: number): Promise<number>
  /**
   * Gives at most so many free pages of the file back to the system. True while there is much more. Always false on
   * PostgreSQL, and for a file made by a release before this one.
   */
  shrink(pages: number): Promise<boolean>
  sizes(): Promise<Record<KeptTable, TableSize>>
  /** The whole database; `freeBytes` of it are unused. */
  database(): Promise<{ bytes: number; freeBytes: number | null }>
  /** How many are older than a time, counted up to a number. */
  countOlder(what: 'requests' | 'details' | 'usageHours' | 'audit', beforeMs: number, countTo: number): Promise<number>
}
