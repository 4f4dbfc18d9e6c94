import type { Pool } from '../accounts/pool.ts'
import { type LiveData, type LiveEventName, LiveEvents, type LiveRequest } from '../contract/live.ts'
import type { Ways } from '../domain/egress.ts'
import type { LiveEvent } from '../domain/live.ts'
import type { Bus } from '../lib/bus.ts'
import type { Clock } from '../lib/clock.ts'
import { accountView, iso } from './account-views.ts'
import { requestView } from './requests.ts'
import { viewerView } from './viewer-view.ts'

/** One event as it is sent; `id` grows by one, and never repeats one of an earlier start of the server. */
export type Sent = { id: number; text: string /** What viewers get of it. */; textForViewers: () => string }

/** Gathers what happens, and keeps the last of it for those who were away for a moment. */
export type LiveFeed = {
  newestId(): number
  /** What came after an id, or null when that is no longer kept. */
  since(id: number): Sent[] | null
  subscribe(listener: (events: readonly Sent[]) => void): () => void
  stop(): void
}

export type LiveDeps = {
  bus: Bus<LiveEvent>
  pool: Pool
  clock: Clock
  /** Where accounts can go. */
  ways: () => Ways
  totals: () => Promise<LiveData<'totals'>>
  onError: (error: unknown) => void
}

/** A busy pool costs its watchers no more than a quiet one: changes are gathered this long. */
const gatherMs = 250
const totalsMs = 2_000
const kept = 500
/** A reader that is away longer starts afresh; without readers nothing is kept after this time. */
const replayMs = 60_000
/** Requests gathered within one turn of the feed; a burst beyond it is told as a resync. */
const maxGathered = 300

export function createLiveFeed({ bus, pool, clock, ways, totals, onError }: LiveDeps): LiveFeed {
  const ring: Sent[] = []
  const listeners = new Set<(events: readonly Sent[]) => void>()
  const accounts = new Set<string>()
  const removed = new Set<string>()
  const requests = new Map<string, LiveRequest>()
  const signIns = new Map<string, LiveData<'sign_in'>['status']>()
  let settings = false
  let egress = false
  let overflow = false
  // Far above what an earlier start can have reached: a reader that comes from there must not get a part of what it missed.
  let newest = clock.now() * 1_000
  let scheduled = false
  let lastReaderAtMs = Number.NEGATIVE_INFINITY
  let totalsStale = false
  let totalsWaiting = false
  let totalsDueMs = 0
  let lastTotals = ''

  const event = <N extends LiveEventName>(name: N, data: LiveData<N>): Sent => {
    newest++
    const id = newest
    // Made once for all viewers, and only when there is one.
    let seen: string | null = null
    const textForViewers = () => {
      seen ??= eventText(name, forViewers(name, data), id)
      return seen
    }
    return { id, text: eventText(name, data, id), textForViewers }
  }
  const publish = (events: Sent[]) => {
    if (events.length === 0) return
    ring.push(...events)
    ring.splice(0, Math.max(0, ring.length - kept))
    for (const listener of listeners) listener(events)
  }
  const flush = () => {
    const nowMs = clock.now()
    const events: Sent[] = []
    for (const id of accounts) {
      const account = pool.get(id)
      if (account) events.push(event('account', accountView(account, nowMs, ways())))
    }
    for (const accountId of removed) events.push(event('account_removed', { accountId }))
    for (const request of requests.values()) events.push(event('request', request))
    if (settings) events.push(event('settings', {}))
    for (const [id, status] of signIns) events.push(event('sign_in', { id, status }))
    if (egress) events.push(event('egress', {}))
    if (overflow) events.push(event('resync', {}))
    accounts.clear()
    removed.clear()
    requests.clear()
    signIns.clear()
    settings = false
    egress = false
    overflow = false
    publish(events)
  }
  const sendTotals = async () => {
    const data = await totals()
    const text = JSON.stringify(data)
    if (text !== lastTotals) publish([event('totals', data)])
    lastTotals = text
  }
  /** The last change of a burst must not stay untold because it came too soon; without a change nothing is summed. */
  const tellTotals = () => {
    if (listeners.size === 0 || !totalsStale || totalsWaiting) return
    const waitMs = totalsDueMs - clock.now()
    if (waitMs > 0) {
      totalsWaiting = true
      clock.after(waitMs, () => {
        totalsWaiting = false
        tellTotals()
      })
      return
    }
    totalsStale = false
    totalsDueMs = clock.now() + totalsMs
    sendTotals().catch(onError)
  }
  const schedule = () => {
    totalsStale = true
    if (scheduled) return
    scheduled = true
    clock.after(gatherMs, () => {
      scheduled = false
      flush()
      tellTotals()
    })
  }
  const gather = (live: LiveEvent) => {
    // Nobody watches, nor did a moment ago: what happens is counted only, so that a late reader starts afresh.
    if (listeners.size === 0 && clock.now() - lastReaderAtMs > replayMs) {
      ring.length = 0
      newest++
      return
    }
    if (live.kind === 'account') accounts.add(live.id)
    else if (live.kind === 'account_removed') removed.add(live.id)
    else if (live.kind === 'settings') settings = true
    else if (live.kind === 'sign_in') signIns.set(live.id, live.status)
    else if (live.kind === 'egress') egress = true
    else if (requests.size >= maxGathered && !requests.has(idOf(live))) overflow = true
    else requests.set(idOf(live), liveRequest(live))
    schedule()
  }
  const stopListening = bus.listen(gather)
  return {
    newestId: () => newest,
    since(id) {
      const oldest = ring[0]?.id ?? newest + 1
      if (id > newest || id < oldest - 1) return null
      return ring.filter((sent) => sent.id > id)
    },
    subscribe(listener) {
      listeners.add(listener)
      schedule()
      return () => {
        listeners.delete(listener)
        lastReaderAtMs = clock.now()
      }
    },
    stop: stopListening,
  }
}

export function eventText<N extends LiveEventName>(name: N, data: LiveData<N>, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

const viewerViews = Object.fromEntries(Object.entries(LiveEvents).map(([name, schema]) => [name, viewerView(schema)]))

/** What viewers get of an event's data. */
function forViewers<N extends LiveEventName>(name: N, data: LiveData<N>): LiveData<N> {
  // Every name of an event has its schema, and what is left has the fields that it names.
  return viewerViews[name]?.(data) as LiveData<N>
}

type RequestEvent = Extract<LiveEvent, { kind: 'request' | 'request_ended' }>

function idOf(live: RequestEvent): string {
  return live.kind === 'request' ? live.requestId : live.record.requestId
}

function liveRequest(live: RequestEvent): LiveRequest {
  if (live.kind === 'request') {
    const { requestId, phase, atMs, route, model, accountId, sourceId } = live
    return { requestId, phase, at: iso(atMs), route, model, accountId, sourceId, record: null }
  }
  const { requestId, atMs, route, model, accountId, sourceId } = live.record
  return {
    requestId,
    phase: 'ended',
    at: iso(atMs),
    route,
    model,
    accountId,
    sourceId,
    record: requestView(live.record),
  }
}
