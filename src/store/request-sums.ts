import { and, asc, count, desc, eq, gte, inArray, isNull, lt, min, or, sql } from 'drizzle-orm'
import { createSums, type Sums, unpackSums } from '../domain/packed-sums.ts'
import { dayMs, hourMs } from '../domain/quota.ts'
import type { RequestRecord } from '../domain/request.ts'
import { figures, figuresOf, hourOf, kindOf, quarterOf } from '../domain/request-sums.ts'
import { randomId } from '../lib/secrets.ts'
import { createInsert } from './insert.ts'
import type { Kinds } from './request-kinds.ts'
import { withUsage } from './request-rows.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

type Counted = Pick<
  RequestRecord,
  | 'id'
  | 'atMs'
  | 'accountId'
  | 'keyId'
  | 'model'
  | 'client'
  | 'effort'
  | 'serviceTier'
  | 'status'
  | 'moved'
  | 'usage'
  | 'costMicroUsd'
  | 'firstTokenMs'
>

type Kinded = Pick<Counted, 'atMs' | 'accountId' | 'keyId' | 'model' | 'client' | 'effort' | 'serviceTier'>

export type CountIn = ReturnType<typeof createCountIn>

/**
 * Adds requests to the sums in the very unit that writes them, so that each is counted exactly once whatever happens.
 * Nothing is changed that another process may want to change: what a batch adds is a row of its own per hour.
 */
export function createCountIn(tables: Tables, kinds: Kinds) {
  const { requestSumsNew: t } = tables
  const insert = createInsert(t, (tx, row) => tx.insert(t).values(row).prepare())
  return {
    /** Call `settled` of what it returns once the unit is over and was not undone. */
    inUnit() {
      const numbers = kinds.inUnit()
      return {
        settled: numbers.settled,
        async packed(tx: Db, requests: readonly Counted[]): Promise<{ atMs: number; sums: Buffer }[]> {
          const byHour = new Map<number, Sums>()
          for (const one of requests) {
            addTo(byHour, one.atMs).add(quarterOf(one.atMs), await numbers.idOf(tx, kindOf(one)), figuresOf(one))
          }
          return [...byHour].map(([atMs, sums]) => ({ atMs, sums: sums.pack() }))
        },
        /** Adds what requests have cost more, or less, than they were counted with. */
        async adjustCost(tx: Db, requests: readonly (Kinded & { delta: number })[]): Promise<void> {
          const byHour = new Map<number, Sums>()
          for (const one of requests) {
            const added = figures.map((name) => (name === 'costMicroUsd' ? one.delta : 0))
            addTo(byHour, one.atMs).add(quarterOf(one.atMs), await numbers.idOf(tx, kindOf(one)), added)
          }
          const rows = [...byHour].map(([hourMs, sums]) => ({ id: randomId('adj_'), hourMs, sums: sums.pack() }))
          await insert(tx, rows)
        },
        async count(tx: Db, requests: readonly Counted[]): Promise<void> {
          const [first] = requests
          const rows = await this.packed(tx, requests)
          // Named after a request that is counted once, the row cannot be there already.
          await insert(
            tx,
            rows.map(({ atMs, sums }) => ({ id: `${first?.id}.${atMs / hourMs}`, hourMs: atMs, sums })),
          )
        },
      }
    },
  }
}

function addTo(byHour: Map<number, Sums>, atMs: number): Sums {
  const hour = hourOf(atMs)
  const sums = byHour.get(hour) ?? createSums()
  byHour.set(hour, sums)
  return sums
}

/** So many new rows of one hour are folded in one unit. */
const rowsPerFold = 500

export function createRequestSums(tables: Tables, unit: Unit, kinds: Kinds, countIn: CountIn): Store['requestSums'] {
  const { requests: r, requestSumsNew: n, requestHours: h, requestDays: d, counters } = tables
  /** Holds off everybody else who moves sums from one table to another, and tells readers that something has moved. */
  const begin = (tx: Db) =>
    tx
      .insert(counters)
      .values({ name: 'request_sums', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  const version = async (tx: Db) => {
    const [row] = await tx.select({ value: counters.value }).from(counters).where(eq(counters.name, 'request_sums'))
    return row?.value ?? 0
  }
  const mergeInto = async (tx: Db, table: typeof h | typeof d, atMs: number, added: Sums) => {
    const [row] = await tx.select({ sums: table.sums }).from(table).where(eq(table.atMs, atMs))
    if (row) added.addRows(unpackSums(row.sums))
    const sums = added.pack()
    await tx.insert(table).values({ atMs, sums }).onConflictDoUpdate({ target: table.atMs, set: { sums } })
  }
  const uncounted = async (tx: Db, sinceMs: number, untilMs: number) => {
    const rows = await tx
      .select(countedColumns(r))
      .from(r)
      .where(and(isNull(r.counted), gte(r.atMs, hourOf(sinceMs)), lt(r.atMs, untilMs)))
    return rows.map(countedOf)
  }
  return {
    kinds: () => kinds.list(),
    async read({ days, hours, sinceMs, untilMs, withUncounted = false }) {
      const counting = countIn.inUnit()
      const result = await unit('requestSums.read', async (tx) => {
        // On PostgreSQL each query sees the database of its own moment: when something has moved, all are asked again.
        for (;;) {
          const before = await version(tx)
          const of = (table: typeof h | typeof d, atMs: readonly number[]) =>
            atMs.length === 0
              ? []
              : tx
                  .select()
                  .from(table)
                  .where(inArray(table.atMs, [...atMs]))
          const read = {
            days: await of(d, days),
            hours: await of(h, hours),
            fresh: await tx
              .select({ atMs: n.hourMs, sums: n.sums })
              .from(n)
              .where(and(gte(n.hourMs, hourOf(sinceMs)), lt(n.hourMs, untilMs))),
          }
          const older = withUncounted ? await uncounted(tx, sinceMs, untilMs) : []
          if (before !== (await version(tx))) continue
          return { ...read, fresh: [...read.fresh, ...(await counting.packed(tx, older))] }
        }
      })
      counting.settled()
      const decoded = (rows: { atMs: number; sums: Uint8Array }[]) =>
        rows.map(({ atMs, sums }) => ({ atMs, rows: unpackSums(sums) }))
      return { days: decoded(result.days), hours: decoded(result.hours), fresh: decoded(result.fresh) }
    },
    async span() {
      return unit('requestSums.span', async (tx) => {
        const [oldest] = await tx.select({ atMs: min(d.atMs) }).from(d)
        const [oldestFresh] = await tx.select({ atMs: min(n.hourMs) }).from(n)
        // One end at a time: that is a look into the index, and both together would be a walk through all of it.
        const raw = (order: typeof asc) =>
          tx.select({ atMs: r.atMs }).from(r).where(isNull(r.counted)).orderBy(order(r.atMs), order(r.id)).limit(1)
        const [first] = await raw(asc)
        const [last] = await raw(desc)
        const times = [oldest?.atMs, oldestFresh?.atMs, first?.atMs].filter((at) => typeof at === 'number')
        const uncounted = first && last ? { firstMs: first.atMs, lastMs: last.atMs } : null
        return { oldestMs: times.length === 0 ? null : Math.min(...times), uncounted }
      })
    },
    async fold({ beforeMs, minRows }) {
      return unit('requestSums.fold', async (tx) => {
        const [next] = await tx
          .select({ hourMs: n.hourMs })
          .from(n)
          .groupBy(n.hourMs)
          .having(or(lt(n.hourMs, beforeMs), gte(count(), minRows)))
          .orderBy(asc(n.hourMs))
          .limit(1)
        if (!next) return false
        await begin(tx)
        const ofHour = eq(n.hourMs, next.hourMs)
        const some = tx.select({ id: n.id }).from(n).where(ofHour).orderBy(asc(n.id)).limit(rowsPerFold)
        const taken = await tx.delete(n).where(inArray(n.id, some)).returning({ sums: n.sums })
        const hour = createSums()
        const day = createSums()
        for (const { sums } of taken) {
          const rows = unpackSums(sums)
          hour.addRows(rows)
          day.addRows(rows, true)
        }
        if (taken.length > 0) {
          await mergeInto(tx, h, next.hourMs, hour)
          await mergeInto(tx, d, Math.floor(next.hourMs / dayMs) * dayMs, day)
        }
        return true
      })
    },
    async countOlder(limit) {
      const counting = countIn.inUnit()
      const done = await unit('requestSums.countOlder', async (tx) => {
        const older = tx.select({ atMs: r.atMs, id: r.id }).from(r).where(isNull(r.counted))
        const newestFirst = older.orderBy(desc(r.atMs), desc(r.id)).limit(limit).as('newest_first')
        const [last] = await tx.select().from(newestFirst).orderBy(asc(newestFirst.atMs), asc(newestFirst.id)).limit(1)
        if (!last) return 0
        await begin(tx)
        const reached = sql`(${r.atMs}, ${r.id}) >= (${last.atMs}, ${last.id})`
        const rows = await tx
          .update(r)
          .set({ counted: true })
          .where(and(isNull(r.counted), reached))
          .returning(countedColumns(r))
        await counting.count(tx, rows.map(countedOf))
        return rows.length
      })
      counting.settled()
      return done
    },
  }
}

function countedColumns(r: Tables['requests']) {
  const { id, atMs, accountId, keyId, model, client, effort, serviceTier, status, moved } = r
  const { inputTokens, cachedTokens, outputTokens, reasoningTokens, costMicroUsd, firstTokenMs } = r
  const what = { id, atMs, accountId, keyId, model, client, effort, serviceTier, status, moved }
  return { ...what, inputTokens, cachedTokens, outputTokens, reasoningTokens, costMicroUsd, firstTokenMs }
}

type CountedRow = Pick<Tables['requests']['$inferSelect'], keyof ReturnType<typeof countedColumns>>

function countedOf({ moved, ...row }: CountedRow): Counted {
  return { ...withUsage(row), moved: moved ?? false }
}
