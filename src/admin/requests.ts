import { RequestLog, RequestLogQuery, RequestParams, RequestView } from '../contract/requests.ts'
import type { RequestRecord } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { type AnyRoute, route } from './route.ts'

/** `flush` writes what is still queued: whoever asks for the log wants the newest line too. */
export function requestRoutes({ store, flush }: { store: Store; flush: () => Promise<void> }): AnyRoute[] {
  return [
    route(
      {
        method: 'GET',
        path: '/api/request-logs',
        access: 'session',
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
        access: 'session',
        summary: 'One request with its routing decision',
        params: RequestParams,
        answer: RequestView,
      },
      async ({ params }) => {
        await flush()
        const record = await store.requests.get(params.id)
        if (record === null) throw new AppError('request_not_found')
        return requestView(record)
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
    attempts: attempts.map(({ atMs: triedAtMs, ...attempt }) => ({ ...attempt, at: iso(triedAtMs) })),
  }
}
