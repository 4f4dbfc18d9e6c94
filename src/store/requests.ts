import { and, asc, eq, gte, isNotNull, isNull, lt, type SQLWrapper, sql } from 'drizzle-orm'
import type { Outcome } from '../domain/request.ts'
import { createInsert } from './insert.ts'
import { countByKey } from './keys.ts'
import { createRequestPages } from './request-pages.ts'
import { createRepricing } from './request-prices.ts'
import { recordOfRow, rowOf, storable, withUsage } from './request-rows.ts'
import type { CountIn } from './request-sums.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createRequests(tables: Tables, unit: Unit, countIn: CountIn): Store['requests'] {
  const { requests: t } = tables
  const insert = createInsert(t, (tx, row) => tx.insert(t).values(row).onConflictDoNothing().prepare())
  return {
    async add(records) {
      if (records.length === 0) return
      const counting = countIn.inUnit()
      await unit('requests.add', async (tx) => {
        const results = await insert(tx, records.map(rowOf))
        // What was there already is counted already.
        const fresh = records.filter((_record, at) => rowsOf(results[at]) === 1)
        await counting.count(tx, fresh)
        await countByKey(tx, tables, fresh)
      })
      counting.settled()
    },
    ...createRequestPages(tables, unit),
    reprice: createRepricing(tables, unit, countIn),
    arrivals({ sinceMs, untilMs, limit }) {
      const { id, atMs, model, accountId, status, totalMs, affinityKey, threadId, sessionId } = t
      const { inputTokens, cachedTokens, outputTokens, reasoningTokens } = t
      const tokens = { inputTokens, cachedTokens, outputTokens, reasoningTokens }
      return unit('requests.arrivals', async (tx) => {
        const rows = await tx
          .select({ id, atMs, model, accountId, status, totalMs, affinityKey, threadId, sessionId, ...tokens })
          .from(t)
          .where(and(gte(t.atMs, sinceMs), lt(t.atMs, untilMs), isNotNull(t.accountId)))
          .orderBy(asc(t.atMs), asc(t.id))
          .limit(limit)
        return rows.map(withUsage)
      })
    },
    async sums({ sinceMs, untilMs, bucketMs, keyId }) {
      // A constant, not a parameter: PostgreSQL would take the two occurrences for different expressions.
      const width = sql.raw(String(Math.round(bucketMs)))
      const bucket = sql<number>`(${t.atMs} / ${width}) * ${width}`.mapWith(Number)
      const total = (column: SQLWrapper) => sql<number>`coalesce(sum(${column}), 0)`.mapWith(Number)
      const counted = (status: Outcome) => total(sql`case when ${t.status} = ${status} then 1 else 0 end`)
      const ofKey = keyId === undefined ? undefined : keyId === null ? isNull(t.keyId) : eq(t.keyId, keyId)
      return unit('requests.sums', async (tx) =>
        tx
          .select({
            atMs: bucket,
            requests: sql<number>`count(*)`.mapWith(Number),
            errors: total(sql`case when ${t.status} = 'error' and ${t.moved} is not true then 1 else 0 end`),
            cancelled: counted('cancelled'),
            inputTokens: total(t.inputTokens),
            cachedTokens: total(t.cachedTokens),
            outputTokens: total(t.outputTokens),
            costMicroUsd: total(t.costMicroUsd),
          })
          .from(t)
          .where(and(gte(t.atMs, sinceMs), lt(t.atMs, untilMs), ofKey))
          .groupBy(bucket)
          .orderBy(bucket),
      )
    },
    async get(id) {
      const [row] = await unit('requests.get', async (tx) =>
        tx
          .select()
          .from(t)
          .where(eq(t.id, storable(id))),
      )
      return row ? recordOfRow(row) : null
    },
  }
}

/** How many rows a statement has made, in the words of each driver. */
function rowsOf(result: unknown): number | null | undefined {
  const { changes, rowCount, affectedRows } = result as Record<string, number | null | undefined>
  return changes ?? rowCount ?? affectedRows
}
