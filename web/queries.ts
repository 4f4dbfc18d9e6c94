import { infiniteQueryOptions, QueryCache, QueryClient, queryOptions, skipToken } from '@tanstack/react-query'
import type { LiveRequest } from '../src/contract/live.ts'
import type { Timeframe } from '../src/contract/overview.ts'
import type { SettingsGroupView } from '../src/contract/settings.ts'
import { type AuditFilter, api, type RequestFilter } from './api.ts'
import { ApiError } from './call.ts'

/** How the stream of live events stands, as the page last knew. */
export type LiveState = {
  state: 'connecting' | 'live' | 'reconnecting' | 'resting'
  lastEventAtMs: number | null
  /** The server runs another version than the one that this page came from. */
  isOutdated: boolean
}

export const notYetLive: LiveState = { state: 'connecting', lastEventAtMs: null, isOutdated: false }

/** What the pages ask for, by name. Components read these; only `live.ts` changes them from outside. */
export const queries = {
  session: () => queryOptions({ queryKey: ['session'], queryFn: api.session }),
  accounts: () => queryOptions({ queryKey: ['accounts'], queryFn: api.accounts }),
  signIns: () => queryOptions({ queryKey: ['sign-ins'], queryFn: api.signIns }),
  /** The stream tells when it moves on; this is for the time in which that rests. */
  signIn: (id: string) =>
    queryOptions({
      queryKey: ['sign-ins', id],
      queryFn: () => api.signIn(id),
      refetchInterval: ({ state }) =>
        state.data?.status === 'pending' || state.data?.status === 'exchanging' ? 5_000 : false,
    }),
  trends: (id: string) => queryOptions({ queryKey: ['trends', id], queryFn: () => api.trends(id) }),
  statistics: (id: string) => queryOptions({ queryKey: ['statistics', id], queryFn: () => api.statistics(id) }),
  poolStatistics: () => queryOptions({ queryKey: ['statistics'], queryFn: api.poolStatistics }),
  resetCredits: (id: string) => queryOptions({ queryKey: ['reset-credits', id], queryFn: () => api.resetCredits(id) }),
  affinities: (accountId: string) =>
    infiniteQueryOptions({
      queryKey: ['affinities', accountId] as const,
      queryFn: ({ pageParam }) => api.affinities(accountId, pageParam),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.nextCursor,
    }),
  overview: (timeframe: Timeframe) =>
    queryOptions({ queryKey: ['overview', timeframe], queryFn: () => api.overview(timeframe) }),
  /** The server works it out once a minute. */
  forecast: () =>
    queryOptions({
      queryKey: ['forecast'],
      queryFn: api.forecast,
      staleTime: 60_000,
      refetchInterval: 60_000,
    }),
  requests: (filter: RequestFilter, limit: number) =>
    infiniteQueryOptions({
      queryKey: ['requests', filter, limit] as const,
      queryFn: ({ pageParam }) => api.requests(filter, limit, pageParam),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.nextCursor,
    }),
  request: (id: string) => queryOptions({ queryKey: ['request', id], queryFn: () => api.request(id) }),
  apiKeys: () => queryOptions({ queryKey: ['api-keys'], queryFn: api.apiKeys }),
  description: () =>
    queryOptions({ queryKey: ['description'], queryFn: api.description, staleTime: Number.POSITIVE_INFINITY }),
  modelSources: () => queryOptions({ queryKey: ['model-sources'], queryFn: api.modelSources }),
  sourceModels: (id: string) =>
    queryOptions({ queryKey: ['source-models', id], queryFn: () => api.sourceModels(id), refetchInterval: false }),
  models: () => queryOptions({ queryKey: ['models'], queryFn: api.models, staleTime: 5 * 60_000 }),
  settingsGroup: (group: SettingsGroupView['group']) =>
    queryOptions({ queryKey: ['settings', group], queryFn: () => api.settingsGroup(group) }),
  egressProxies: () => queryOptions({ queryKey: ['egress', 'proxies'], queryFn: api.egressProxies }),
  egressPools: () => queryOptions({ queryKey: ['egress', 'pools'], queryFn: api.egressPools }),
  settings: () => queryOptions({ queryKey: ['settings'], queryFn: api.settings }),
  channels: () => queryOptions({ queryKey: ['channels'], queryFn: api.channels }),
  rules: () => queryOptions({ queryKey: ['rules'], queryFn: api.rules, refetchInterval: 20_000 }),
  notifications: () =>
    infiniteQueryOptions({
      queryKey: ['notifications'] as const,
      queryFn: ({ pageParam }) => api.notifications(pageParam),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.nextCursor,
      refetchInterval: 20_000,
    }),
  sessions: () => queryOptions({ queryKey: ['sessions'], queryFn: api.sessions }),
  passkeys: () => queryOptions({ queryKey: ['passkeys'], queryFn: api.passkeys }),
  viewers: () => queryOptions({ queryKey: ['viewers'], queryFn: api.viewers }),
  firewall: () => queryOptions({ queryKey: ['firewall'], queryFn: api.firewall }),
  auditLog: (filter: AuditFilter) =>
    infiniteQueryOptions({
      queryKey: ['audit', filter] as const,
      queryFn: ({ pageParam }) => api.auditLog(filter, pageParam),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.nextCursor,
    }),

  /** The next three are never fetched: the live stream writes them. Requests on their way, newest first. */
  running: () => queryOptions<LiveRequest[]>({ queryKey: ['running'], queryFn: skipToken, initialData: [] }),
  /** The request that moved last since the page was opened. */
  latest: () => queryOptions<LiveRequest | null>({ queryKey: ['latest'], queryFn: skipToken, initialData: null }),
  live: () =>
    queryOptions<LiveState>({
      queryKey: ['live'],
      queryFn: skipToken,
      initialData: notYetLive,
    }),
}

/** The stream keeps everything fresh; this is the safety net. */
const refetchMs = 5 * 60_000

export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError(error, query) {
        const isSignedOut = error instanceof ApiError && error.status === 401
        if (isSignedOut && query.queryKey[0] !== 'session') void client.invalidateQueries({ queryKey: ['session'] })
      },
    }),
    defaultOptions: {
      queries: { refetchInterval: refetchMs, staleTime: 10_000, retry: false, networkMode: 'always' },
      mutations: { networkMode: 'always' },
    },
  })
  for (const key of ['running', 'latest', 'live']) {
    client.setQueryDefaults([key], { gcTime: Number.POSITIVE_INFINITY, staleTime: Number.POSITIVE_INFINITY })
  }
  return client
}
