import { FacetsQuery, RequestFacets } from '../contract/requests.ts'
import { type Figures, figures, type KnownKind, named, quarterMs, type RequestKind } from '../domain/request-sums.ts'
import type { Clock } from '../lib/clock.ts'
import { addUp } from '../reports/add-up.ts'
import type { Traffic } from '../reports/traffic.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { epochOf } from './request-filter.ts'
import { route } from './route.ts'

export type Names = {
  /** What people call it; null: it is gone. */
  account: (id: string) => string | null
  key: (id: string) => string | null
}

type Deps = { store: Pick<Store, 'requests'>; traffic: Traffic; clock: Clock; names: Names; flush: () => Promise<void> }

const maxValues = 200
const maxCodes = 100
const countTo = 10_000

/** `GET /api/request-logs/facets` */
export function requestFacetsRoute({ store, traffic, clock, names, flush }: Deps) {
  return route(
    {
      method: 'GET',
      path: '/api/request-logs/facets',
      access: 'viewer',
      summary: 'What there is to filter the log by',
      query: FacetsQuery,
      answer: RequestFacets,
    },
    async ({ query }) => {
      await flush()
      const nowMs = clock.now()
      const sinceMs = epochOf(query.since) ?? (await traffic.oldestMs()) ?? nowMs
      const untilMs = Math.max(epochOf(query.until) ?? nowMs + 1, sinceMs + 1)
      const fromMs = Math.floor(sinceMs / quarterMs) * quarterMs
      const toMs = Math.ceil(untilMs / quarterMs) * quarterMs
      const parts = await traffic.parts([fromMs], toMs)
      const kinds = await traffic.kinds()
      const byId = new Map(kinds.map((kind, at) => [kind.id, at]))
      const sums = addUp(parts, { groups: kinds.length, buckets: 1, groupOf: ({ id }) => byId.get(id) ?? -1, kinds })
      const counted = kinds.map((kind, at) => ({ kind, sums: named(sums, at * figures.length) }))
      const of = (name: keyof RequestKind) => countsOf(counted, name)
      return {
        ...{ since: iso(fromMs), until: iso(toMs) },
        accounts: of('account').map(([accountId, requests]) => ({
          ...{ accountId, displayName: accountId === null ? null : names.account(accountId), requests },
        })),
        keys: of('key').map(([keyId, requests]) => ({
          ...{ keyId, name: keyId === null ? null : names.key(keyId), requests },
        })),
        models: of('model').map(([model, requests]) => ({ model, requests })),
        clients: of('client').map(([client, requests]) => ({ client, requests })),
        efforts: of('effort').map(([effort, requests]) => ({ effort, requests })),
        serviceTiers: of('tier').map(([serviceTier, requests]) => ({ serviceTier, requests })),
        statuses: statusesOf(counted.map((one) => one.sums)),
        errorCodes: await store.requests.errorCodes({ sinceMs: fromMs, untilMs: toMs, limit: maxCodes, countTo }),
      }
    },
  )
}

type Counted = { kind: KnownKind; sums: Figures }

function countsOf(counted: readonly Counted[], name: keyof RequestKind): [string | null, number][] {
  const counts = new Map<string | null, number>()
  for (const { kind, sums } of counted) {
    if (sums.requests > 0) counts.set(kind[name], (counts.get(kind[name]) ?? 0) + sums.requests)
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, maxValues)
}

function statusesOf(sums: readonly Figures[]): RequestFacets['statuses'] {
  const total = (of: (one: Figures) => number) => sums.reduce((sum, one) => sum + of(one), 0)
  const error = total((one) => one.errors + one.moved)
  const cancelled = total((one) => one.cancelled)
  return [
    { status: 'success', requests: total((one) => one.requests) - error - cancelled },
    { status: 'error', requests: error },
    { status: 'cancelled', requests: cancelled },
  ]
}
