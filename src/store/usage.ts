import { and, asc, eq, gte, lt, sql } from 'drizzle-orm'
import { hourMs } from '../domain/quota.ts'
import { createInsert } from './insert.ts'
import { removeOldest } from './remove-oldest.ts'
import type { Tables } from './schema.ts'
import type { Store, UsageHour } from './store.ts'
import type { Unit } from './unit.ts'

export function createUsage({ usageSamples: t, usageHours: h }: Tables, unit: Unit): Store['usage'] {
  const newest = {
    lastPercent: sql`excluded.last_percent`,
    minPercent: sql`excluded.min_percent`,
    maxPercent: sql`excluded.max_percent`,
    burnedPercent: sql`excluded.burned_percent`,
    resetAtMs: sql`excluded.reset_at_ms`,
    samples: sql`excluded.samples`,
  }
  const saveHours = createInsert(h, (tx, row) =>
    tx
      .insert(h)
      .values(row)
      .onConflictDoUpdate({ target: [h.accountId, h.kind, h.atMs], set: newest })
      .prepare(),
  )
  return {
    async add(samples) {
      if (samples.length === 0) return
      // A reset computed from "resets after" may have a fraction.
      const rows = samples.map((sample) => ({
        ...sample,
        resetAtMs: sample.resetAtMs === null ? null : Math.round(sample.resetAtMs),
      }))
      await unit('usage.add', async (tx) => {
        await tx.insert(t).values(rows).onConflictDoNothing()
      })
    },
    hourly(accountId, sinceMs) {
      return unit('usage.hourly', async (tx) => {
        const lastOfEachHour = tx
          .select({ kind: t.kind, atMs: sql`max(${t.atMs})` })
          .from(t)
          .where(and(eq(t.accountId, accountId), gte(t.atMs, sinceMs)))
          // Written out, not bound: SQLite takes a bound number as a float, and the division would not be whole.
          .groupBy(t.kind, sql`${t.atMs} / ${sql.raw(String(hourMs))}`)
        return tx
          .select()
          .from(t)
          .where(and(eq(t.accountId, accountId), sql`(${t.kind}, ${t.atMs}) in ${lastOfEachHour}`))
          .orderBy(asc(t.atMs), asc(t.kind))
      })
    },
    since(sinceMs, accountId, untilMs?: number) {
      return unit('usage.since', async (tx) =>
        tx
          .select()
          .from(t)
          .where(
            and(
              gte(t.atMs, sinceMs),
              untilMs === undefined ? undefined : lt(t.atMs, untilMs),
              accountId === undefined ? undefined : eq(t.accountId, accountId),
            ),
          )
          .orderBy(asc(t.atMs), asc(t.accountId), asc(t.kind)),
      )
    },
    hours(sinceMs, accountId) {
      return unit('usage.hours', async (tx) =>
        tx
          .select()
          .from(h)
          .where(and(gte(h.atMs, sinceMs), accountId === undefined ? undefined : eq(h.accountId, accountId)))
          .orderBy(asc(h.atMs), asc(h.accountId), asc(h.kind)),
      )
    },
    async saveHours(hours) {
      if (hours.length === 0) return
      const rows = hours.map((hour) => ({
        ...hour,
        resetAtMs: hour.resetAtMs === null ? null : Math.round(hour.resetAtMs),
      }))
      await unit('usage.saveHours', (tx) => saveHours(tx, rows.sort(byPlace)))
    },
    prune(beforeMs, limit) {
      const old = { key: [t.accountId, t.kind, t.atMs], which: lt(t.atMs, beforeMs), by: t.atMs, limit } as const
      return unit('usage.prune', (tx) => removeOldest(tx, t, old))
    },
  }
}

/** One order for everybody keeps two replicas from locking each other out. */
function byPlace(one: UsageHour, other: UsageHour): number {
  return placeOf(one) < placeOf(other) ? -1 : 1
}

function placeOf({ accountId, kind, atMs }: UsageHour): string {
  return `${accountId} ${kind} ${atMs}`
}
