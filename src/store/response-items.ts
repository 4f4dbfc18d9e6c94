import { and, desc, eq, gte } from 'drizzle-orm'
import { fingerprint } from '../lib/secrets.ts'
import { createInsert } from './insert.ts'
import type { ObjectRow } from './response-rows.ts'
import type { Tables } from './schema.ts'
import type { ItemHolder, Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

type Items = Pick<Store['responses'], 'holders'> & {
  /** Within a unit. Makes the items of a response known by their ids; those that are known already stay. */
  index(tx: Db, row: Indexed, itemIds: Iterable<string>): Promise<void>
}

type Indexed = Pick<ObjectRow, 'id' | 'kind' | 'keyId' | 'createdAtMs'>

/** Which kept response has which items. */
export function createResponseItems({ responses: t, responseItems: i }: Tables, unit: Unit): Items {
  const insert = createInsert(i, (tx, row) => tx.insert(i).values(row).onConflictDoNothing().prepare())

  return {
    async index(tx, { id, kind, keyId, createdAtMs }, itemIds) {
      // Only the Responses API has items.
      if (kind !== 'response') return
      const items = [...itemIds].map((itemId) => digest(keyId, itemId))
      await insert(
        tx,
        items.map((item) => ({ responseId: id, item, createdAtMs })),
      )
    },
    holders(keyId, itemIds, sinceMs) {
      return unit('responses.holders', async (tx) => {
        const found: ItemHolder[] = []
        for (const itemId of itemIds) {
          const [row] = await tx
            .select({ responseId: i.responseId, inputBytes: t.inputBytes, outputBytes: t.outputBytes })
            .from(i)
            .innerJoin(t, eq(t.id, i.responseId))
            .where(and(eq(i.item, digest(keyId, itemId)), gte(i.createdAtMs, sinceMs)))
            .orderBy(desc(i.createdAtMs))
            .limit(1)
          if (row) found.push({ itemId, responseId: row.responseId, bytes: row.inputBytes + row.outputBytes })
        }
        return found
      })
    },
  }
}

/** Bound to the key, so that nobody's lookup meets what others have made. */
function digest(keyId: string | null, itemId: string): string {
  return fingerprint(JSON.stringify([keyId, itemId])).slice(0, 32)
}
