import { and, eq, lte, ne, sql } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createCatalogues({ catalogues: c }: Tables, unit: Unit): Store['catalogues'] {
  return {
    load() {
      return unit('catalogues.load', async (tx) => tx.select().from(c).orderBy(c.plan, c.clientVersion))
    },
    /** What was fetched later stays, in whatever order lists come. Lists are large: those of other versions make way. */
    async save({ plan, clientVersion, etag, fetchedAtMs, models }) {
      const row = { plan, clientVersion, etag, fetchedAtMs: Math.round(fetchedAtMs), models }
      await unit('catalogues.save', async (tx) => {
        await tx
          .insert(c)
          .values(row)
          .onConflictDoUpdate({
            target: [c.plan, c.clientVersion],
            set: { etag, fetchedAtMs: row.fetchedAtMs, models },
            setWhere: sql`${c.fetchedAtMs} <= ${row.fetchedAtMs}`,
          })
        await tx
          .delete(c)
          .where(and(eq(c.plan, plan), ne(c.clientVersion, clientVersion), lte(c.fetchedAtMs, row.fetchedAtMs)))
      })
    },
  }
}
