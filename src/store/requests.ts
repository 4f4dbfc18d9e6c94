import {
  and,
  asc,
  type Column,
  desc,
  eq,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  or,
  type SQL,
  type SQLWrapper,
  sql,
} from 'drizzle-orm'
import type { Outcome, RequestRecord, TokenUsage } from '../domain/request.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { createInsert } from './insert.ts'
import { countByKey } from './keys.ts'
import type { Tables } from './schema.ts'
import type { RequestFilter, Store } from './store.ts'
import type { Unit } from './unit.ts'

type Row = Tables['requests']['$inferSelect']

export function createRequests(tables: Tables, unit: Unit): Store['requests'] {
  const { requests: t } = tables
  const insert = createInsert(t, (tx, row) => tx.insert(t).values(row).onConflictDoNothing().prepare())
  return {
    async add(records) {
      if (records.length === 0) return
      await unit('requests.add', async (tx) => {
        await insert(tx, records.map(rowOf))
        await countByKey(tx, tables, records)
      })
    },
    /** Throws AppError invalid_request for a cursor that is not ours. */
    async page({ limit, cursor, filter = {} }) {
      const after = cursor === null ? null : readCursor(cursor)
      const rows = await unit('requests.page', async (tx) =>
        tx
          .select()
          .from(t)
          .where(
            and(
              after === null ? undefined : sql`(${t.atMs}, ${t.id}) < (${after.atMs}, ${after.name})`,
              ...conditions(t, filter),
            ),
          )
          .orderBy(desc(t.atMs), desc(t.id))
          .limit(limit + 1),
      )
      const items = rows.slice(0, limit).map((row): RequestRecord => withUsage(row))
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last ? writeCursor({ atMs: last.atMs, name: last.id }) : null }
    },
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
            errors: counted('error'),
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
      return row ? withUsage(row) : null
    },
  }
}

function conditions(t: Tables['requests'], filter: RequestFilter): (SQL | undefined)[] {
  const { accountIds, models, statuses, sinceMs, untilMs, search } = filter
  const any = (column: Column, values: readonly string[] | undefined) =>
    values && values.length > 0 && inArray(column, values.map(storable))
  const pattern = `%${storable(search ?? '')
    .toLowerCase()
    .replace(/[!%_]/g, '!$&')}%`
  const found = (column: Column) => sql`lower(${column}) like ${pattern} escape '!'`
  return [
    any(t.accountId, accountIds) || undefined,
    any(t.model, models) || undefined,
    any(t.status, statuses) || undefined,
    sinceMs === undefined ? undefined : gte(t.atMs, sinceMs),
    untilMs === undefined ? undefined : lt(t.atMs, untilMs),
    search ? or(...[t.requestId, t.threadId, t.model, t.client, t.errorCode, t.errorMessage].map(found)) : undefined,
  ]
}

function rowOf({ usage, ...record }: RequestRecord): Row {
  return {
    ...record,
    model: storable(record.model),
    effort: storable(record.effort),
    serviceTier: storable(record.serviceTier),
    errorCode: storable(record.errorCode),
    errorMessage: storable(record.errorMessage),
    client: storable(record.client),
    sessionId: storable(record.sessionId),
    threadId: storable(record.threadId),
    responseId: storable(record.responseId),
    waitedMs: whole(record.waitedMs),
    inputTokens: usage?.input ?? null,
    cachedTokens: usage?.cached ?? null,
    outputTokens: usage?.output ?? null,
    reasoningTokens: usage?.reasoning ?? null,
    costMicroUsd: whole(record.costMicroUsd),
    firstTokenMs: whole(record.firstTokenMs),
    totalMs: Math.round(record.totalMs),
    decision: record.decision ?? null,
  }
}

type TokenColumns = Pick<Row, 'inputTokens' | 'cachedTokens' | 'outputTokens' | 'reasoningTokens'>

/** The row with its token columns as one value. */
function withUsage<R extends TokenColumns>(row: R): Omit<R, keyof TokenColumns> & { usage: TokenUsage | null } {
  const { inputTokens, cachedTokens, outputTokens, reasoningTokens, ...record } = row
  if (inputTokens === null) return { ...record, usage: null }
  const usage = {
    input: inputTokens,
    cached: cachedTokens ?? 0,
    output: outputTokens ?? 0,
    reasoning: reasoningTokens ?? 0,
  }
  return { ...record, usage }
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}

/** Text that came from outside: PostgreSQL refuses a NUL, and one such request would cost the whole batch. */
function storable<T extends string | null>(text: T): T | string {
  return text === null ? text : text.replaceAll('\0', '')
}
