import { sql } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createCatalogues({ catalogues: c }: Tables, unit: Unit): Store['catalogues'] {
  return {
    load() {
      return unit('catalogues.load', async (tx) => tx.select().from(c).orderBy(c.plan, c.clientVersion))
    },
    /** Of two lists of one plan and version the one that was fetched later stays, in whatever order they come. */
    async save({ plan, clientVersion, etag, fetchedAtMs, models }) {
      const row = { plan, clientVersion, etag, fetchedAtMs: Math.round(fetchedAtMs), models }
      await unit('catalogues.save', async (tx) => {
        await tx
          .insert(c)
          .values(row)
          .onConflictDoUpdate({
            target: [c.plan, c.clientVersion],
            set: { etag: row.etag, fetchedAtMs: row.fetchedAtMs, models },
            setWhere: sql`${c.fetchedAtMs} <= ${row.fetchedAtMs}`,
          })
      })
    },
  }
}
