import { RequestDecision, RequestLog, RequestLogQuery, RequestParams, RequestView } from '../contract/requests.ts'
import type { RequestRecord } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { createRequestLog } from '../reports/request-log.ts'
import type { Traffic } from '../reports/traffic.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { requestExportRoute } from './request-export.ts'
import { type Names, requestFacetsRoute } from './request-facets.ts'
import { filterOf } from './request-filter.ts'
import { route } from './route.ts'

export type RequestDeps = {
  store: Pick<Store, 'requests' | 'requestSums'>
  traffic: Traffic
  names: Names
  clock: Clock
  /** Writes what is still queued: whoever asks for the log wants the newest line too. */
  flush: () => Promise<void>
}

export function requestRoutes({ store, traffic, names, clock, flush }: RequestDeps) {
  const log = createRequestLog(store)
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
        summary: 'Requests, newest first; a page may end early and go on at its cursor',
        query: RequestLogQuery,
        answer: RequestLog,
      },
      async ({ query }) => {
        await flush()
        const { limit, cursor = null, ...filter } = query
        const page = await log.page({ limit, cursor, filter: filterOf(filter) })
        return { items: page.items.map(requestView), nextCursor: page.nextCursor }
      },
    ),
    requestFacetsRoute({ store, traffic, clock, names, flush }),
    requestExportRoute({ log, flush, accountName: names.account }),
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

/** A request as people see it. */
export function requestView({ atMs, costMicroUsd, attempts, ...record }: RequestRecord): RequestView {
  return {
    ...record,
    at: iso(atMs),
    costUsd: costMicroUsd === null ? null : costMicroUsd / 1e6,
    attempts: attempts.map(({ atMs: triedAtMs, scope, tookMs, egressId = null, ...attempt }) => ({
      egressId,
      ...attempt,
      sourceId: attempt.sourceId ?? null,
      scope: scope ?? null,
      at: iso(triedAtMs),
      tookMs: tookMs ?? null,
    })),
  }
}
