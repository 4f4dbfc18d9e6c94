import {
  and,
  asc,
  count,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  isNotNull,
  lt,
  type SQL,
  type SQLWrapper,
  sql,
} from 'drizzle-orm'
import { clientFamily } from '../domain/client-family.ts'
import type { RequestRecord } from '../domain/request.ts'
import { type Place, readCursor, writeCursor } from './cursor.ts'
import { conditionsOf, conversationOf, indexed, isOfTimeOnly } from './request-conditions.ts'
import { recordOfRow, storable } from './request-rows.ts'
import type { RequestFilter, RequestStore } from './request-store.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

type CountedTime = { sinceMs: number; untilMs: number; countTo: number }
type ErrorCount = { code: string; requests: number }

/** Rows that one unit looks at, fitting or not: it must be over in a moment. */
const rowsPerUnit = 1_000

export function createRequestPages(
  { requests: t }: Tables,
  unit: Unit,
): Pick<RequestStore, 'page' | 'errorCodes' | 'conversations' | 'conversation'> {
  const { attempts: _attempts, decision: _decision, ...slim } = getTableColumns(t)
  const none = { attempts: sql<[]>`'[]'`.mapWith(() => []), decision: sql<null>`null` }
  const newestFirst = [desc(t.atMs), desc(t.id)]

  /** How far `rows` rows of those that an index can find reach; null: there are fewer. */
  const reach = async (tx: Db, filter: RequestFilter, after: SQL | undefined, rows: number): Promise<Place | null> => {
    const { sinceMs, untilMs } = filter
    const [last] = await tx
      .select({ atMs: t.atMs, name: t.id })
      .from(t)
      .where(
        and(
          ...indexed(t, filter),
          after,
          sinceMs === undefined ? undefined : gte(t.atMs, sinceMs),
          untilMs === undefined ? undefined : lt(t.atMs, untilMs),
        ),
      )
      .orderBy(...newestFirst)
      .offset(rows - 1)
      .limit(1)
    return last ?? null
  }
  /** Twice: the pair is exact, and the single one is what every index on time can use. */
  const afterCursor = (cursor: string | null): SQL | undefined => {
    if (cursor === null) return undefined
    const { atMs, name } = readCursor(cursor)
    return sql`(${t.atMs}, ${t.id}) < (${atMs}, ${name}) and ${t.atMs} <= ${atMs}`
  }
  const downTo = (last: Place | null): SQL | undefined =>
    last === null ? undefined : sql`(${t.atMs}, ${t.id}) >= (${last.atMs}, ${last.name}) and ${t.atMs} >= ${last.atMs}`
  /** From one code to the next: a look into the index for each, however many rows it has. */
  const nextErrorCode = async (tx: Db, last: string | null, within: CountedTime): Promise<ErrorCount | null> => {
    const [next] = await tx
      .select({ code: t.errorCode })
      .from(t)
      .where(last === null ? isNotNull(t.errorCode) : gt(t.errorCode, last))
      .orderBy(asc(t.errorCode))
      .limit(1)
    if (!next?.code) return null
    const some = tx
      .select({ id: t.id })
      .from(t)
      .where(and(eq(t.errorCode, next.code), gte(t.atMs, within.sinceMs), lt(t.atMs, within.untilMs)))
      .limit(within.countTo)
      .as('some')
    const [counted] = await tx.select({ requests: count() }).from(some)
    return { code: next.code, requests: counted?.requests ?? 0 }
  }
  return {
    async page({ limit, cursor, filter = {}, rows = rowsPerUnit, isSlim = false }) {
      const after = afterCursor(cursor)
      return unit('requests.page', async (tx) => {
        const last = isOfTimeOnly(filter) ? null : await reach(tx, filter, after, rows)
        const found = await tx
          .select(isSlim ? { ...slim, ...none } : getTableColumns(t))
          .from(t)
          .where(and(after, downTo(last), conditionsOf(t, filter)))
          .orderBy(...newestFirst)
          .limit(limit + 1)
        const page = found.slice(0, limit)
        const end = page.at(-1)
        const isFull = found.length > limit && end !== undefined
        const next: Place | null = isFull ? { atMs: end.atMs, name: end.id } : last
        const items = page.map(recordOfRow).filter((one) => isOfFamily(one, filter))
        return { items, nextCursor: next === null ? null : writeCursor(next) }
      })
    },
    async conversations({ cursor, filter, rows = rowsPerUnit }) {
      const after = afterCursor(cursor)
      return unit('requests.conversations', async (tx) => {
        const last = await reach(tx, filter, after, rows)
        const found = await tx
          .select({ atMs: t.atMs, name: t.id, conversationId: conversationOf(t) })
          .from(t)
          .where(and(after, downTo(last), conditionsOf(t, filter), isNotNull(conversationOf(t))))
          .orderBy(...newestFirst)
        const places = new Map<string, Place & { conversationId: string }>()
        for (const { conversationId, ...place } of found) {
          if (conversationId === null || places.has(conversationId)) continue
          places.set(conversationId, { ...place, conversationId })
        }
        return { places: [...places.values()], nextCursor: last === null ? null : writeCursor(last) }
      })
    },
    conversation(id, rows) {
      const ofIt = eq(conversationOf(t), storable(id))
      const { accountId, keyId, model, effort, client, status, moved, threadId } = t
      const same = { accountId, keyId, model, effort, client, status, moved, threadId }
      const { inputTokens, cachedTokens, outputTokens, reasoningTokens, costMicroUsd, totalMs } = t
      const summed = { inputTokens, cachedTokens, outputTokens, reasoningTokens, costMicroUsd, totalMs }
      return unit('requests.conversation', async (tx) => {
        const [first] = await tx.select({ atMs: t.atMs }).from(t).where(ofIt).orderBy(asc(t.atMs), asc(t.id)).limit(1)
        if (!first) return null
        const newest = tx
          .select({ ...same, ...summed, atMs: t.atMs })
          .from(t)
          .where(ofIt)
          .orderBy(...newestFirst)
          .limit(rows)
          .as('newest')
        const total = (column: SQLWrapper) => sql<number>`coalesce(sum(${column}), 0)`.mapWith(Number)
        const found = await tx
          .select({
            ...{ accountId: newest.accountId, keyId: newest.keyId, model: newest.model, effort: newest.effort },
            ...{ client: newest.client, status: newest.status, moved: newest.moved, threadId: newest.threadId },
            requests: sql<number>`count(*)`.mapWith(Number),
            lastMs: sql<number>`max(${newest.atMs})`.mapWith(Number),
            inputTokens: total(newest.inputTokens),
            cachedTokens: total(newest.cachedTokens),
            outputTokens: total(newest.outputTokens),
            reasoningTokens: total(newest.reasoningTokens),
            costMicroUsd: total(newest.costMicroUsd),
            totalMs: total(newest.totalMs),
          })
          .from(newest)
          .groupBy(
            ...[newest.accountId, newest.keyId, newest.model, newest.effort],
            ...[newest.client, newest.status, newest.moved, newest.threadId],
          )
        return {
          ...{ id, isThread: found.some((part) => part.threadId !== null), firstMs: first.atMs },
          lastMs: Math.max(...found.map(({ lastMs }) => lastMs)),
          parts: found.map(({ threadId: _thread, lastMs: _last, ...part }) => ({
            ...part,
            moved: part.moved ?? false,
          })),
          isCut: found.reduce((sum, { requests }) => sum + requests, 0) === rows,
        }
      })
    },
    async errorCodes({ sinceMs, untilMs, limit, countTo }) {
      const codes: { code: string; requests: number }[] = []
      for (let last: string | null = null; codes.length < limit; ) {
        const found = await unit('requests.errorCodes', (tx) => nextErrorCode(tx, last, { sinceMs, untilMs, countTo }))
        if (found === null) break
        last = found.code
        if (found.requests > 0) codes.push(found)
      }
      return codes
    },
  }
}

function isOfFamily({ client }: RequestRecord, { clients }: RequestFilter): boolean {
  return clients === undefined || clients.length === 0 || clients.includes(clientFamily(client) ?? '')
}
