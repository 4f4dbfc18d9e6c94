import type { Amounts } from '../../domain/limit-counts.ts'
import type { Place } from '../../domain/reservation.ts'
import type { Dialect } from './dialect.ts'

/** What keys have used of their limits. */
export function ledgerTables(c: Dialect) {
  /** Requests that are over, counted in pieces of time until they leave the limit's window. */
  const limitCounts = c.table(
    'limit_counts',
    {
      limitId: c.text().notNull(),
      /** A limit that counts something else now begins anew. */
      shape: c.text().notNull(),
      startMs: c.int().notNull(),
      untilMs: c.int().notNull(),
      keyId: c.text().notNull(),
      used: c.int().notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.limitId, t.shape, t.startMs] }),
      c.index('limit_counts_key').on(t.keyId),
      c.index('limit_counts_until').on(t.untilMs),
    ],
  )
  /** Requests under way. A row goes in the unit that counts what the request has used. */
  const reservations = c.table(
    'reservations',
    {
      id: c.text().primaryKey(),
      keyId: c.text().notNull(),
      holder: c.text().notNull(),
      atMs: c.int().notNull(),
      declared: c.json<Amounts>().notNull(),
      places: c.json<Place[]>().notNull(),
    },
    (t) => [c.index('reservations_holder').on(t.holder)],
  )
  /** Servers that are alive: the reservations of others wait for nobody. */
  const reservationHolders = c.table('reservation_holders', {
    id: c.text().primaryKey(),
    aliveUntilMs: c.int().notNull(),
  })
  return { limitCounts, reservations, reservationHolders }
}
