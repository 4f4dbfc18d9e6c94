import { and, asc, count, eq, getTableColumns, gte, lt, lte, type SQL, sql } from 'drizzle-orm'
import { removeOldest } from './remove-oldest.ts'
import type { RetentionStore, TableSize } from './retention-store.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

type Table = Tables[keyof Tables]

/** What only SQLite can do: gives free pages of the file back to the system, within a unit. */
export type FreePages = (pages: number) => void

/** Dropping of details goes on here: requests before it have none any more. */
const detailMark = 'request_details_until'
/** So far rows are counted one by one; beyond it their number is estimated. */
const countedRows = 20_000
const sampledRows = 100
/** A file with less free room than this is left alone: what is deleted makes room for what comes. */
const freeShare = 0.1
const fewPages = 2_000

/** `freePages` null: the database is PostgreSQL, which sees to its files itself. */
export function createRetention(tables: Tables, unit: Unit, freePages: FreePages | null): RetentionStore {
  const { requests: r, usageHours: h, usageSamples, audit, requestHours, requestDays, counters } = tables
  const one = <N extends string>(tx: Db, fields: Record<N, SQL<number>>) =>
    tx
      .select(fields)
      .from(sql`(select 1) as one_row`)
      .then(([row]) => row as Record<N, number> | undefined)
  const pragma = async (tx: Db, name: string) => {
    const [row] = await tx.select({ value: sql<number>`${sql.raw(name)}` }).from(sql`${sql.raw(`pragma_${name}`)}`)
    return row?.value ?? 0
  }
  const markOf = async (tx: Db) => {
    const [mark] = await tx.select().from(counters).where(eq(counters.name, detailMark))
    return mark?.value ?? 0
  }

  const sizeOf = async (tx: Db, table: Table): Promise<TableSize> => {
    const some = tx
      .select({ one: sql`1`.as('one') })
      .from(table)
      .limit(countedRows)
      .as('some')
    const [counted] = await tx.select({ rows: count() }).from(some)
    const rows = counted?.rows ?? 0
    if (freePages === null) {
      const name = sql`${nameOf(table)}::regclass`
      const size = await one(tx, {
        rows: sql<number>`(select reltuples from pg_class where oid = ${name})`.mapWith(Number),
        bytes: sql<number>`pg_total_relation_size(${name})`.mapWith(Number),
      })
      return { rows: rows < countedRows ? rows : Math.max(rows, size?.rows ?? 0), bytes: size?.bytes ?? 0 }
    }
    const span = await one(tx, {
      rows: sql<number>`(select max(rowid) from ${table}) - (select min(rowid) from ${table}) + 1`,
    })
    const lengths = Object.values(getTableColumns(table)).map((column) => sql`coalesce(length(${column}), 0)`)
    const newest = tx
      .select({ bytes: sql<number>`${sql.join(lengths, sql` + `)}`.as('bytes') })
      .from(table)
      .orderBy(sql`rowid desc`)
      .limit(sampledRows)
      .as('newest')
    const [mean] = await tx.select({ bytes: sql<number>`coalesce(avg(${newest.bytes}), 0)` }).from(newest)
    const about = rows < countedRows ? rows : Math.max(rows, span?.rows ?? 0)
    return { rows: about, bytes: Math.round(about * (mean?.bytes ?? 0)) }
  }
  return {
    pruneRequests(beforeMs, limit) {
      const old = { key: [r.id], which: lt(r.atMs, beforeMs), by: r.atMs, limit } as const
      return unit('retention.pruneRequests', (tx) => removeOldest(tx, r, old))
    },
    dropDetails(beforeMs, limit) {
      return unit('retention.dropDetails', async (tx) => {
        const from = await markOf(tx)
        const old = await tx
          .select({ atMs: r.atMs })
          .from(r)
          .where(and(gte(r.atMs, from), lt(r.atMs, beforeMs)))
          .orderBy(asc(r.atMs))
          .limit(limit)
        const last = old.at(-1)
        if (!last) return 0
        // All of the last millisecond: the mark goes behind it.
        await tx
          .update(r)
          .set({ attempts: [], decision: null })
          .where(and(gte(r.atMs, from), lte(r.atMs, last.atMs)))
        const value = last.atMs + 1
        await tx
          .insert(counters)
          .values({ name: detailMark, value })
          .onConflictDoUpdate({ target: counters.name, set: { value } })
        return old.length
      })
    },
    pruneUsageHours(beforeMs, limit) {
      const old = { key: [h.accountId, h.kind, h.atMs], which: lt(h.atMs, beforeMs), by: h.atMs, limit } as const
      return unit('retention.pruneUsageHours', (tx) => removeOldest(tx, h, old))
    },
    async shrink(pages) {
      if (freePages === null) return false
      return unit('retention.shrink', async (tx) => {
        const free = await pragma(tx, 'freelist_count')
        const isMuch = free > fewPages && free > (await pragma(tx, 'page_count')) * freeShare
        const isIncremental = (await pragma(tx, 'auto_vacuum')) === 2
        if (!isMuch || !isIncremental) return false
        freePages(pages)
        return true
      })
    },
    async sizes() {
      const of = (name: string, table: Table) => unit(`retention.size.${name}`, (tx) => sizeOf(tx, table))
      const [hours, days] = [await of('requestHours', requestHours), await of('requestDays', requestDays)]
      return {
        requests: await of('requests', r),
        requestSums: { rows: hours.rows + days.rows, bytes: hours.bytes + days.bytes },
        usageSamples: await of('usageSamples', usageSamples),
        usageHours: await of('usageHours', h),
        audit: await of('audit', audit),
      }
    },
    database() {
      return unit('retention.database', async (tx) => {
        if (freePages === null) {
          const size = await one(tx, { bytes: sql<number>`pg_database_size(current_database())`.mapWith(Number) })
          return { bytes: size?.bytes ?? 0, freeBytes: null }
        }
        const pageBytes = await pragma(tx, 'page_size')
        const bytes = (await pragma(tx, 'page_count')) * pageBytes
        return { bytes, freeBytes: (await pragma(tx, 'freelist_count')) * pageBytes }
      })
    },
    countOlder(what, beforeMs, countTo) {
      return unit(`retention.count.${what}`, async (tx) => {
        const table = { requests: r, details: r, usageHours: h, audit }[what]
        const from = what === 'details' ? await markOf(tx) : 0
        const some = tx
          .select({ atMs: table.atMs })
          .from(table)
          .where(and(gte(table.atMs, from), lt(table.atMs, beforeMs)))
          .limit(countTo)
          .as('some')
        const [counted] = await tx.select({ rows: count() }).from(some)
        return counted?.rows ?? 0
      })
    },
  }
}

/** The name that the database knows a table by. */
function nameOf(table: Table): string {
  return (table as unknown as Record<symbol, string>)[Symbol.for('drizzle:Name')] ?? ''
}
