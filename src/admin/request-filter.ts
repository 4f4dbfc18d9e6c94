import type { RequestExportQuery } from '../contract/requests.ts'
import type { RequestFilter } from '../store/request-store.ts'

/** What a query narrows the log to. */
export function filterOf(query: RequestExportQuery): RequestFilter {
  return {
    accountIds: query.accountId,
    keyIds: query.keyId,
    models: query.model,
    efforts: query.effort,
    tiers: query.serviceTier,
    clients: query.client,
    statuses: query.status,
    moved: query.moved,
    errorCodes: query.errorCode,
    routes: query.route,
    transports: query.transport,
    sourceIds: query.sourceId,
    threadIds: query.threadId,
    sessionIds: query.sessionId,
    conversationIds: query.conversationId,
    slowerThanMs: query.slowerThanMs,
    sinceMs: epochOf(query.since),
    untilMs: epochOf(query.until),
    search: query.search,
  }
}

export function epochOf(moment: string | undefined): number | undefined {
  return moment === undefined ? undefined : Date.parse(moment)
}
