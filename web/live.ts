import type { InfiniteData, QueryClient } from '@tanstack/react-query'
import type { AccountList } from '../src/contract/accounts.ts'
import type { LiveData, LiveEventName, LiveRequest } from '../src/contract/live.ts'
import type { Overview } from '../src/contract/overview.ts'
import type { RequestLog, RequestView } from '../src/contract/requests.ts'
import type { RequestFilter } from './api.ts'
import { type LiveState, notYetLive, queries } from './queries.ts'

/** A tab that nobody sees gives its connection back after this long. */
const hiddenMs = 30_000
const retryMs = 3_000
/** A list that grew by this much through live rows is read again from its start. */
const mostLiveRows = 300
/** A request whose end was never told is forgotten. */
const longestRunMs = 60 * 60_000

/** The only reader of the event stream: what arrives is written into the query cache. Returns how to stop it. */
export function startLive(client: QueryClient): () => void {
  let source: EventSource | null = null
  let retry: ReturnType<typeof setTimeout> | undefined
  let rest: ReturnType<typeof setTimeout> | undefined
  let version: string | null = null
  /** A new connection cannot ask for what was missed; one that the browser restores does. */
  let hasMissed = false

  const tell = (change: Partial<LiveState>) =>
    client.setQueryData(queries.live().queryKey, (before = notYetLive) => ({ ...before, ...change }))
  const close = () => {
    clearTimeout(retry)
    source?.close()
    source = null
    hasMissed = true
  }
  const open = () => {
    if (source !== null) return
    clearTimeout(retry)
    const opened = new EventSource('/api/events')
    source = opened
    const on = <N extends LiveEventName>(name: N, handle: (data: LiveData<N>) => void) =>
      opened.addEventListener(name, (event) => {
        // The server builds what it sends from the shapes that these types come from.
        handle(JSON.parse(event.data) as LiveData<N>)
        tell({ state: 'live', lastEventAtMs: Date.now() })
      })
    on('hello', (data) => {
      version ??= data.version
      if (data.version !== version) tell({ isOutdated: true })
      if (hasMissed) readAgain(client)
      hasMissed = false
    })
    on('account', (account) => patchAccounts(client, (all) => [...without(all, account.accountId), account]))
    on('account_removed', ({ accountId }) => patchAccounts(client, (all) => without(all, accountId)))
    on('request', (request) => followRequest(client, request))
    on('totals', (totals) =>
      client.setQueryData(queries.overview('1d').queryKey, (before) => before && { ...before, ...totals }),
    )
    on('settings', () => {
      void client.invalidateQueries({ queryKey: ['settings'] })
      void client.invalidateQueries({ queryKey: ['model-sources'] })
    })
    on('egress', () => {
      void client.invalidateQueries({ queryKey: ['egress'] })
      void client.invalidateQueries({ queryKey: ['accounts'] })
    })
    on('sign_in', () => void client.invalidateQueries({ queryKey: ['sign-ins'] }))
    on('resync', () => readAgain(client))
    opened.addEventListener('error', () => {
      tell({ state: 'reconnecting' })
      if (opened.readyState !== EventSource.CLOSED) return
      // The server said no, as it does to one who is signed out.
      close()
      void client.invalidateQueries({ queryKey: ['session'] })
      retry = setTimeout(open, retryMs)
    })
  }
  const onVisibility = () => {
    clearTimeout(rest)
    if (!document.hidden) return open()
    rest = setTimeout(() => {
      close()
      tell({ state: 'resting' })
    }, hiddenMs)
  }
  document.addEventListener('visibilitychange', onVisibility)
  open()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    clearTimeout(rest)
    close()
  }
}

function readAgain(client: QueryClient): void {
  client.setQueryData(queries.running().queryKey, [])
  void client.invalidateQueries()
}

type Accounts = AccountList['accounts']

function without(all: Accounts, accountId: string): Accounts {
  return all.filter((account) => account.accountId !== accountId)
}

function patchAccounts(client: QueryClient, change: (all: Accounts) => Accounts): void {
  client.setQueryData(queries.accounts().queryKey, (before) => {
    if (before === undefined) return undefined
    return { accounts: change(before.accounts).toSorted((a, b) => a.displayName.localeCompare(b.displayName)) }
  })
}

function followRequest(client: QueryClient, request: LiveRequest): void {
  client.setQueryData(queries.latest().queryKey, request)
  client.setQueryData(queries.running().queryKey, (before = []) => {
    const oldestMs = Date.parse(request.at) - longestRunMs
    const known = before.find((one) => one.requestId === request.requestId)
    const others = before.filter((one) => one !== known && Date.parse(one.at) > oldestMs)
    if (request.phase === 'ended') return others
    // It stays where it was admitted, however often it moves on.
    return [...others, { ...request, at: known?.at ?? request.at }].toSorted((a, b) => b.at.localeCompare(a.at))
  })
  if (request.record === null) return
  addToLists(client, request.record)
  addToSeries(client, request.record)
}

function addToLists(client: QueryClient, record: RequestView): void {
  const lists = client.getQueryCache().findAll({ queryKey: ['requests'] })
  for (const { queryKey, state } of lists) {
    const data = state.data as InfiniteData<RequestLog> | undefined
    const [first, ...others] = data?.pages ?? []
    const isKnown = data?.pages.some(({ items }) => items.some(({ id }) => id === record.id))
    if (data === undefined || first === undefined || isKnown || !fits(record, queryKey[1] as RequestFilter)) continue
    if (first.items.length >= mostLiveRows) void client.invalidateQueries({ queryKey })
    else {
      const items = [record, ...first.items].toSorted((a, b) => b.at.localeCompare(a.at))
      client.setQueryData(queryKey, { ...data, pages: [{ ...first, items }, ...others] })
    }
  }
}

/** The server's own filter, for one row. */
function fits(record: RequestView, { status, accountId, model, since, search }: RequestFilter): boolean {
  if (status && record.status !== status) return false
  if (accountId && record.accountId !== accountId) return false
  if (model && record.model !== model) return false
  if (since && record.at < since) return false
  if (!search) return true
  const { requestId, threadId, client, errorCode, errorMessage } = record
  const texts = [requestId, record.model, threadId, client, errorCode, errorMessage]
  return texts.some((text) => text?.toLowerCase().includes(search.toLowerCase()))
}

/** The totals come by themselves; the bar of this hour grows here. */
function addToSeries(client: QueryClient, record: RequestView): void {
  const { queryKey } = queries.overview('1d')
  const last = client.getQueryData(queryKey)?.series.at(-1)
  if (last === undefined) return
  const isOfNextHour = Date.parse(record.at) >= Date.parse(last.t) + 60 * 60_000
  if (isOfNextHour) return void client.invalidateQueries({ queryKey })
  client.setQueryData(queryKey, (before) => before && { ...before, series: before.series.map(grown(record)) })
}

type Point = Overview['series'][number]

function grown(record: RequestView): (point: Point, at: number, all: readonly Point[]) => Point {
  return (point, at, all) => {
    const next = all[at + 1]
    if (record.at < point.t || (next && record.at >= next.t)) return point
    return {
      ...point,
      requests: point.requests + 1,
      errors: point.errors + (record.status === 'error' ? 1 : 0),
      tokens: point.tokens + (record.usage ? record.usage.input + record.usage.output : 0),
      costUsd: point.costUsd + (record.costUsd ?? 0),
    }
  }
}
