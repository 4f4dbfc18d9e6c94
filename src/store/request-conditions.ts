import {
  and,
  type Column,
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
import { storable } from './request-rows.ts'
import type { RequestFilter } from './request-store.ts'
import type { Tables } from './schema.ts'

type Requests = Tables['requests']

/** What an index is made of, word for word. */
export function conversationOf({ threadId, sessionId }: Requests): SQL<string | null> {
  return sql`(case when ${threadId} is null then ${sessionId} else ${threadId} end)`
}

/** Rows that fit a filter, but for its client families: a pattern finds a few too many. */
export function conditionsOf(t: Requests, filter: RequestFilter): SQL | undefined {
  const { statuses, moved, slowerThanMs, sinceMs, untilMs, search, clients, threadIds } = filter
  return and(
    ...indexed(t, filter),
    any(t.accountId, filter.accountIds),
    any(t.keyId, filter.keyIds),
    any(t.model, filter.models),
    any(t.effort, filter.efforts),
    any(t.serviceTier, filter.tiers),
    any(t.errorCode, filter.errorCodes),
    any(t.route, filter.routes),
    any(t.transport, filter.transports),
    any(t.sourceId, filter.sourceIds),
    any(t.sessionId, filter.sessionIds),
    any(t.threadId, threadIds),
    // A thread's rows are found by the index of conversations.
    threadIds?.length ? inArray(conversationOf(t), threadIds.map(storable)) : undefined,
    any(conversationOf(t), filter.conversationIds),
    statuses?.length ? inArray(t.status, [...statuses]) : undefined,
    moved === undefined ? undefined : moved ? eq(t.moved, true) : sql`${t.moved} is not true`,
    slowerThanMs === undefined ? undefined : sql`${t.totalMs} > ${slowerThanMs}`,
    clients?.length ? or(...clients.map((family) => ofFamily(t, family))) : undefined,
    sinceMs === undefined ? undefined : gte(t.atMs, sinceMs),
    untilMs === undefined ? undefined : lt(t.atMs, untilMs),
    filter.inConversation === undefined ? undefined : isNotNull(conversationOf(t)),
    filter.inConversation ? contains(conversationOf(t), filter.inConversation) : undefined,
    search ? or(...searched(t).map((column) => contains(column, search))) : undefined,
  )
}

/** Of these conditions the one by which an index finds rows in the order of the log; none: time alone does. */
export function indexed(
  t: Requests,
  { conversationIds, threadIds, errorCodes, sourceIds, keyIds }: RequestFilter,
): SQL[] {
  const only = (values: readonly string[] | undefined) =>
    values?.length === 1 && values[0] ? storable(values[0]) : null
  const conversation = only(conversationIds) ?? only(threadIds)
  if (conversation !== null) return [eq(conversationOf(t), conversation)]
  for (const [column, values] of [
    [t.errorCode, errorCodes],
    [t.sourceId, sourceIds],
    [t.keyId, keyIds],
  ] as const) {
    const value = only(values)
    if (value !== null) return [eq(column, value)]
  }
  return []
}

/** True where the time alone decides: then every row fits, and none is looked at in vain. */
export function isOfTimeOnly({ sinceMs: _since, untilMs: _until, ...rest }: RequestFilter): boolean {
  return Object.values(rest).every(
    (value) => value === undefined || value === '' || (Array.isArray(value) && value.length === 0),
  )
}

/** An empty text asks for rows that have none. */
function any(column: Column | SQL, values: readonly string[] | undefined): SQL | undefined {
  if (values === undefined || values.length === 0) return undefined
  const named = values.filter((value) => value !== '').map(storable)
  return or(
    named.length === 0 ? undefined : inArray(column as Column, named),
    named.length === values.length ? undefined : isNull(column),
  )
}

function ofFamily(t: Requests, family: string): SQL {
  if (family === '') return sql`(${t.client} is null or ${t.client} not like '_%')`
  return sql`${t.client} like ${`%${escaped(storable(family))}%`} escape '!'`
}

function searched(t: Requests): Column[] {
  const { id, requestId, threadId, sessionId, responseId, model, client, route, errorCode, errorMessage } = t
  return [id, requestId, threadId, sessionId, responseId, model, client, route, errorCode, errorMessage]
}

function contains(column: SQLWrapper, text: string): SQL {
  return sql`lower(${column}) like ${`%${escaped(storable(text).toLowerCase())}%`} escape '!'`
}

function escaped(text: string): string {
  return text.replace(/[!%_]/g, '!$&')
}
