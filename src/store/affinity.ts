import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, eq, gt, inArray, lte, sql } from 'drizzle-orm'
import { createInsert } from './insert.ts'
import type { Tables } from './schema.ts'
import type { AffinityRow, OwnerRow, Store } from './store.ts'
import type { Unit } from './unit.ts'

const rowsPerStatement = 1_000

/**
 * Who serves what. Keys and ids are kept and looked up as they are given, so callers hand in short ones: they hash
 * what may be long.
 */
export function createAffinity({ affinities: a, owners: o }: Tables, unit: Unit): Store['affinity'] {
  const newest = { accountId: sql`excluded.account_id`, expiresAtMs: sql`excluded.expires_at_ms` }
  const saveAffinities = createInsert(a, (tx, row) =>
    tx.insert(a).values(row).onConflictDoUpdate({ target: a.key, set: newest }).prepare(),
  )
  const saveOwners = createInsert(o, (tx, row) =>
    tx
      .insert(o)
      .values(row)
      .onConflictDoUpdate({ target: [o.kind, o.id], set: newest })
      .prepare(),
  )

  function pruneSome(nowMs: number): Promise<number> {
    return unit('affinity.prune', async (tx) => {
      const soft = tx.select({ key: a.key }).from(a).where(lte(a.expiresAtMs, nowMs)).limit(rowsPerStatement)
      const hard = tx
        .select({ kind: o.kind, id: o.id })
        .from(o)
        .where(lte(o.expiresAtMs, nowMs))
        .limit(rowsPerStatement)
      const softGone = await tx.delete(a).where(inArray(a.key, soft)).returning({ key: a.key })
      const hardGone = await tx.delete(o).where(sql`(${o.kind}, ${o.id}) in ${hard}`).returning({ id: o.id })
      return softGone.length + hardGone.length
    })
  }

  return {
    load(nowMs) {
      return unit('affinity.load', async (tx) => ({
        affinities: await tx.select().from(a).where(gt(a.expiresAtMs, nowMs)),
        owners: await tx.select().from(o).where(gt(o.expiresAtMs, nowMs)),
      }))
    },
    async save(rows) {
      const affinities = lastOfEach(rows.affinities, (row: AffinityRow) => row.key)
      const owners = lastOfEach(rows.owners, (row: OwnerRow) => `${row.kind} ${row.id}`)
      if (affinities.length + owners.length === 0) return
      await unit('affinity.save', async (tx) => {
        await saveAffinities(tx, affinities)
        await saveOwners(tx, owners)
      })
    },
    async owner({ kind, id }, nowMs) {
      const [row] = await unit('affinity.owner', async (tx) =>
        tx
          .select({ accountId: o.accountId })
          .from(o)
          .where(and(eq(o.kind, kind), eq(o.id, id), gt(o.expiresAtMs, nowMs))),
      )
      return row?.accountId ?? null
    },
    /** In several units, so that streams go on in between: rows that have expired are dead either way. */
    async prune(nowMs) {
      let total = 0
      for (;;) {
        const gone = await pruneSome(nowMs)
        total += gone
        if (gone < rowsPerStatement) return total
        await nextTurn()
      }
    },
  }
}

/** One order for everybody keeps two replicas from locking each other out. */
function lastOfEach<Row>(rows: readonly Row[], nameOf: (row: Row) => string): Row[] {
  const byName = new Map(rows.map((row) => [nameOf(row), row]))
  return [...byName].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row)
}
