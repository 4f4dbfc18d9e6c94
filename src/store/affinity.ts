import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, desc, eq, gt, inArray, lte, type SQL, sql } from 'drizzle-orm'
import { readCursor, writeCursor } from './cursor.ts'
import { createInsert } from './insert.ts'
import { removeOldest } from './remove-oldest.ts'
import type { Tables } from './schema.ts'
import type { AffinityFilter, AffinityRow, OwnerRow, Store } from './store.ts'
import type { Unit } from './unit.ts'

const rowsPerStatement = 1_000
/** Of more rows than memory holds, those that live longest are loaded. */
const rowsLoaded = 50_000

/**
 * Who serves what. Keys and ids are kept and looked up as they are given, so callers hand in short ones: they hash
 * what may be long.
 */
export function createAffinity({ affinities: a, owners: o }: Tables, unit: Unit): Store['affinity'] {
  const newest = { accountId: sql`excluded.account_id`, expiresAtMs: sql`excluded.expires_at_ms` }
  const newestUse = {
    ...newest,
    kind: sql`excluded.kind`,
    warmTokens: sql`excluded.warm_tokens`,
    usedAtMs: sql`excluded.used_at_ms`,
  }
  const saveAffinities = createInsert(a, (tx, row) =>
    tx.insert(a).values(row).onConflictDoUpdate({ target: a.key, set: newestUse }).prepare(),
  )
  const saveOwners = createInsert(o, (tx, row) =>
    tx
      .insert(o)
      .values(row)
      .onConflictDoUpdate({ target: [o.kind, o.id], set: { ...newest, keyId: sql`excluded.key_id` } })
      .prepare(),
  )

  function pruneSome(nowMs: number): Promise<number> {
    return unit('affinity.prune', async (tx) => {
      const limit = rowsPerStatement
      const soft = { key: [a.key], which: lte(a.expiresAtMs, nowMs), by: a.expiresAtMs, limit } as const
      const hard = { key: [o.kind, o.id], which: lte(o.expiresAtMs, nowMs), by: o.expiresAtMs, limit } as const
      return (await removeOldest(tx, a, soft)) + (await removeOldest(tx, o, hard))
    })
  }

  function purgeSome(which: SQL | undefined): Promise<string[]> {
    return unit('affinity.purge', async (tx) => {
      const some = tx.select({ key: a.key }).from(a).where(which).limit(rowsPerStatement)
      const gone = await tx.delete(a).where(inArray(a.key, some)).returning({ key: a.key })
      return gone.map(({ key }) => key)
    })
  }

  const fits = ({ accountId, kind }: AffinityFilter): SQL | undefined =>
    and(
      accountId === undefined ? undefined : eq(a.accountId, storable(accountId)),
      kind === undefined ? undefined : eq(a.kind, kind),
    )

  return {
    /** The longest-lived last, so that a memory which takes them in order and has no room for all keeps those. */
    load(nowMs) {
      return unit('affinity.load', async (tx) => {
        const affinities = await tx
          .select()
          .from(a)
          .where(gt(a.expiresAtMs, nowMs))
          .orderBy(desc(a.expiresAtMs))
          .limit(rowsLoaded)
        const owners = await tx
          .select()
          .from(o)
          .where(gt(o.expiresAtMs, nowMs))
          .orderBy(desc(o.expiresAtMs))
          .limit(rowsLoaded)
        return { affinities: affinities.reverse(), owners: owners.reverse() }
      })
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
          .select({ accountId: o.accountId, keyId: o.keyId })
          .from(o)
          .where(and(eq(o.kind, kind), eq(o.id, id), gt(o.expiresAtMs, nowMs))),
      )
      return row ?? null
    },
    /** Throws AppError invalid_request for a cursor that is not ours. */
    async page({ limit, cursor, filter, nowMs }) {
      const after = cursor === null ? null : readCursor(cursor)
      const rows = await unit('affinity.page', async (tx) =>
        tx
          .select()
          .from(a)
          .where(
            and(
              gt(a.expiresAtMs, nowMs),
              fits(filter),
              after === null ? undefined : sql`(${a.usedAtMs}, ${a.key}) < (${after.atMs}, ${after.name})`,
            ),
          )
          .orderBy(desc(a.usedAtMs), desc(a.key))
          .limit(limit + 1),
      )
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      const isMore = rows.length > limit && last !== undefined
      return { items, nextCursor: isMore ? writeCursor({ atMs: last.usedAtMs, name: last.key }) : null }
    },
    /** In several units, like `prune`: what is gone stays gone, and the rest may be asked for again. */
    async purge(which) {
      const gone: string[] = []
      if ('keys' in which) {
        for (let at = 0; at < which.keys.length; at += rowsPerStatement) {
          const keys = which.keys.slice(at, at + rowsPerStatement).map(storable)
          gone.push(...(await purgeSome(inArray(a.key, keys))))
        }
        return gone
      }
      for (;;) {
        const some = await purgeSome(fits(which.filter))
        gone.push(...some)
        if (some.length < rowsPerStatement) return gone
        await nextTurn()
      }
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

/** Text that came from outside: PostgreSQL refuses a NUL. */
function storable(text: string): string {
  return text.replaceAll('\0', '')
}
