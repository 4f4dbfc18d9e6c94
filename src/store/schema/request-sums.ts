import type { Dialect } from './dialect.ts'

/** Sums of requests, kept for ever: what `src/domain/packed-sums.ts` makes of them. */
export function requestSumTables(c: Dialect) {
  /** The combinations of account, key, model, client, effort and tier that have been seen, each with a number. */
  const requestKinds = c.table('request_kinds', {
    id: c.int().primaryKey(),
    /** All of it as one text, to find it by. */
    name: c.text().notNull().unique(),
    account: c.text(),
    key: c.text(),
    model: c.text(),
    client: c.text(),
    effort: c.text(),
    tier: c.text(),
  })
  /** What batches of requests have added and is not yet part of their hours; written with the requests themselves. */
  const requestSumsNew = c.table(
    'request_sums_new',
    { id: c.text().primaryKey(), hourMs: c.int().notNull(), sums: c.bytes().notNull() },
    (t) => [c.index('request_sums_new_hour').on(t.hourMs)],
  )
  /** One row per hour, in quarters of it. */
  const requestHours = c.table('request_hours', { atMs: c.int().primaryKey(), sums: c.bytes().notNull() })
  /** One row per UTC day: the sums of its hours. */
  const requestDays = c.table('request_days', { atMs: c.int().primaryKey(), sums: c.bytes().notNull() })
  return { requestKinds, requestSumsNew, requestHours, requestDays }
}
