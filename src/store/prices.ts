import { and, asc, eq, sql } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

export function createPriceTable({ prices: t, counters }: Tables, unit: Unit): Store['prices'] {
  const changed = (tx: Db) =>
    tx
      .insert(counters)
      .values({ name: 'prices', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  return {
    list() {
      return unit('prices.list', async (tx) => tx.select().from(t).orderBy(asc(t.model), asc(t.source)))
    },
    async version() {
      const [row] = await unit('prices.version', async (tx) =>
        tx.select().from(counters).where(eq(counters.name, 'prices')),
      )
      return row?.value ?? 0
    },
    async save(rows) {
      await unit('prices.save', async (tx) => {
        for (const row of rows) {
          const { price, sinceMs } = row
          await tx
            .insert(t)
            .values(row)
            .onConflictDoUpdate({ target: [t.model, t.source], set: { price, sinceMs } })
        }
        await changed(tx)
      })
    },
    remove(model, source) {
      return unit('prices.remove', async (tx) => {
        const gone = await tx
          .delete(t)
          .where(and(eq(t.model, model), eq(t.source, source)))
          .returning({ model: t.model })
        if (gone.length > 0) await changed(tx)
        return gone.length > 0
      })
    },
  }
}
