import { setImmediate as nextTurn } from 'node:timers/promises'
import { dayMs, hourMs } from '../domain/quota.ts'
import type { Outcome, RequestRecord } from '../domain/request.ts'
import { figures, type KnownKind, nameInSums } from '../domain/request-sums.ts'
import { readCursor, writeCursor } from '../store/cursor.ts'
import type { RequestFilter, TimedSums } from '../store/request-store.ts'
import type { Store } from '../store/store.ts'

type Page = { items: RequestRecord[]; nextCursor: string | null }

/** Reads the log page by page, however large it is and however little of it fits. */
export type RequestLog = {
  /**
   * Newest first. When much was looked at in vain the page ends early: it has fewer items than asked for, or none, and a
   * cursor to go on with. Without a cursor there is nothing more.
   */
  page(query: { limit: number; cursor: string | null; filter: RequestFilter; isSlim?: boolean }): Promise<Page>
}

/** So many units of work for one page; each looks at some thousand rows at most. */
const unitsPerPage = 80
/** After so many that found too little the sums are asked where there is more. */
const unitsPerLook = 3
const daysPerRead = 8

/** `rows` a unit looks at, where not as many as the store finds right. */
export function createRequestLog(store: Pick<Store, 'requests' | 'requestSums'>, rows?: number): RequestLog {
  return {
    async page({ limit, cursor, filter, isSlim = false }) {
      const items: RequestRecord[] = []
      let at = cursor
      for (let units = 1; ; units++) {
        const page = await store.requests.page({
          limit: limit - items.length,
          cursor: at,
          filter,
          isSlim,
          ...(rows && { rows }),
        })
        items.push(...page.items)
        at = page.nextCursor
        if (at === null || items.length >= limit || units >= unitsPerPage) return { items, nextCursor: at }
        await nextTurn()
        if (units % unitsPerLook !== 0 || !isOfKinds(filter)) continue
        const beforeMs = readCursor(at).atMs + 1
        const hour = await lastHour(store, filter, beforeMs)
        if (hour === null) return { items, nextCursor: null }
        // No id is smaller than an empty one: the next page begins with the last row before that time.
        if (hour + hourMs < beforeMs) at = writeCursor({ atMs: hour + hourMs, name: '' })
      }
    },
  }
}

/** Whether sums can tell where there is something that fits. */
function isOfKinds(filter: RequestFilter): boolean {
  const { accountIds, keyIds, models, efforts, tiers, clients, statuses } = filter
  return [accountIds, keyIds, models, efforts, tiers, clients, statuses].some((values) => (values?.length ?? 0) > 0)
}

/** The last hour that begins before a time and may have requests that fit; null: there is none. */
async function lastHour(
  { requestSums }: Pick<Store, 'requestSums'>,
  filter: RequestFilter,
  beforeMs: number,
): Promise<number | null> {
  const { oldestMs, uncounted } = await requestSums.span()
  if (oldestMs === null) return null
  const hourBefore = (ms: number) => Math.floor((ms - 1) / hourMs) * hourMs
  // Of those that are in no sum yet nothing is known.
  const unknown =
    uncounted !== null && uncounted.firstMs < beforeMs ? hourBefore(Math.min(beforeMs, uncounted.lastMs + 1)) : null
  const floorMs = Math.max(oldestMs, filter.sinceMs ?? 0, unknown ?? 0)
  const latest = async (of: 'days' | 'hours', times: number[], sinceMs: number, untilMs: number) => {
    const read = await requestSums.read({ days: [], hours: [], [of]: times, sinceMs, untilMs })
    const fits = await matcher(requestSums, filter)
    const found = [...read[of], ...read.fresh].filter(
      ({ atMs, rows }) => atMs < untilMs && hasAny(rows, fits, filter.statuses),
    )
    return found.length === 0 ? null : Math.max(...found.map(({ atMs }) => atMs))
  }
  const steps = (fromMs: number, toMs: number, stepMs: number) =>
    Array.from({ length: Math.ceil((toMs - fromMs) / stepMs) }, (_, n) => fromMs + n * stepMs)
  for (let endMs = beforeMs; endMs > floorMs; ) {
    const startMs = Math.floor((endMs - 1) / dayMs) * dayMs - (daysPerRead - 1) * dayMs
    const found = await latest('days', steps(startMs, endMs, dayMs), startMs, endMs)
    await nextTurn()
    if (found === null) {
      endMs = startMs
      continue
    }
    const day = Math.floor(found / dayMs) * dayMs
    const untilMs = Math.min(day + dayMs, endMs)
    const hour = await latest('hours', steps(day, untilMs, hourMs), day, untilMs)
    if (hour !== null) return Math.max(hour, unknown ?? 0)
    endMs = day
  }
  return unknown
}

/** By number, whether a kind fits. */
async function matcher(requestSums: Pick<Store['requestSums'], 'kinds'>, filter: RequestFilter): Promise<Set<number>> {
  const has = (values: readonly string[] | undefined, value: string | null) =>
    values === undefined || values.length === 0 || values.map(nameInSums).includes(value ?? '')
  const fits = ({ account, key, model, client, effort, tier }: KnownKind) =>
    // Kinds beyond their number are not told apart: each of those may fit.
    (has(filter.accountIds, account) && has(filter.keyIds, key) && model === '(other)') ||
    (has(filter.accountIds, account) &&
      has(filter.keyIds, key) &&
      has(filter.models, model) &&
      has(filter.clients, client) &&
      has(filter.efforts, effort) &&
      has(filter.tiers, tier))
  return new Set((await requestSums.kinds()).filter(fits).map(({ id }) => id))
}

const columnOf = { requests: figures.indexOf('requests'), errors: figures.indexOf('errors') }
const cancelledColumn = figures.indexOf('cancelled')
const movedColumn = figures.indexOf('moved')

function hasAny(
  rows: TimedSums['rows'],
  kinds: ReadonlySet<number>,
  statuses: readonly Outcome[] | undefined,
): boolean {
  for (let at = 0; at < rows.length; at++) {
    if (!kinds.has(rows.kinds?.[at] ?? 0)) continue
    const figure = (column: number) => rows.columns[column]?.[at] ?? 0
    const errors = figure(columnOf.errors) + figure(movedColumn)
    const cancelled = figure(cancelledColumn)
    const counts: Record<Outcome, number> = {
      error: errors,
      cancelled,
      success: figure(columnOf.requests) - errors - cancelled,
    }
    if (statuses === undefined || statuses.length === 0 || statuses.some((status) => counts[status] > 0)) return true
  }
  return false
}
