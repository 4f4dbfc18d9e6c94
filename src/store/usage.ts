import { and, asc, eq, gte, lt, sql } from 'drizzle-orm'
import { hourMs } from '../domain/quota.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createUsage({ usageSamples: t }: Tables, unit: Unit): Store['usage'] {
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
    prune(beforeMs, limit) {
      return unit('usage.prune', async (tx) => {
        const oldest = tx
          .select({ accountId: t.accountId, kind: t.kind, atMs: t.atMs })
          .from(t)
          .where(lt(t.atMs, beforeMs))
          .orderBy(asc(t.atMs))
          .limit(limit)
        const gone = await tx
          .delete(t)
          .where(sql`(${t.accountId}, ${t.kind}, ${t.atMs}) in ${oldest}`)
          .returning({ atMs: t.atMs })
        return gone.length
      })
    },
  }
}
