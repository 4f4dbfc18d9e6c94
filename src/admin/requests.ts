import { RequestDecision, RequestLog, RequestLogQuery, RequestParams, RequestView } from '../contract/requests.ts'
import type { RequestRecord } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { type AnyRoute, route } from './route.ts'

/** `flush` writes what is still queued: whoever asks for the log wants the newest line too. */
export function requestRoutes({ store, flush }: { store: Store; flush: () => Promise<void> }): AnyRoute[] {
  const known = async (id: string) => {
    await flush()
    const record = await store.requests.get(id)
    if (record === null) throw new AppError('request_not_found')
    return record
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/request-logs',
        access: 'viewer',
        summary: 'Requests, newest first',
        query: RequestLogQuery,
        answer: RequestLog,
      },
      async ({ query }) => {
        await flush()
        const {
          limit,
          cursor = null,
          accountId: accountIds,
          model: models,
          status: statuses,
          since,
          until,
          search,
        } = query
        const filter = { accountIds, models, statuses, search, sinceMs: epoch(since), untilMs: epoch(until) }
        const page = await store.requests.page({ limit, cursor, filter })
        return { items: page.items.map(requestView), nextCursor: page.nextCursor }
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/request-logs/:id',
        access: 'viewer',
        summary: 'One request with its routing decision',
        params: RequestParams,
        answer: RequestView,
      },
      async ({ params }) => {
        return requestView(await known(params.id))
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/request-logs/:id/decision',
        access: 'viewer',
        summary: 'Why this account: candidates, exclusions, tries and their times',
        params: RequestParams,
        answer: RequestDecision,
      },
      async ({ params }) => {
        const { id, requestId, at, accountId, decision, attempts, waitedMs, firstTokenMs, totalMs } = requestView(
          await known(params.id),
        )
        return { id, requestId, at, accountId, decision: decision ?? null, attempts, waitedMs, firstTokenMs, totalMs }
      },
    ),
  ]
}

function epoch(moment: string | undefined): number | undefined {
  return moment === undefined ? undefined : Date.parse(moment)
}

/** A request as people see it. */
export function requestView({ atMs, costMicroUsd, attempts, ...record }: RequestRecord): RequestView {
  return {
    ...record,
    at: iso(atMs),
    costUsd: costMicroUsd === null ? null : costMicroUsd / 1e6,
    attempts: attempts.map(({ atMs: triedAtMs, scope, tookMs, ...attempt }) => ({
      ...attempt,
      scope: scope ?? null,
      at: iso(triedAtMs),
      tookMs: tookMs ?? null,
    })),
  }
}
