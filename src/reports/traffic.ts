import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SumRows } from '../domain/packed-sums.ts'
import { dayMs, hourMs } from '../domain/quota.ts'
import { type Figure, figures, type KnownKind, named, quarterMs } from '../domain/request-sums.ts'
import { planSums, quartersOf } from '../domain/sum-plan.ts'
import type { RequestSums, TimedSums } from '../store/request-store.ts'
import type { Store } from '../store/store.ts'
import { addUp, type Part } from './add-up.ts'

type SumsQuery = Parameters<Store['requests']['sums']>[0]

/** Reads the sums of requests over any time, whatever of it is folded, fresh, or not counted yet. */
export type Traffic = {
  /** The parts of which the buckets of a time are the sums. `begins` lie on quarters of an hour. */
  parts(begins: readonly number[], untilMs: number): Promise<Part[]>
  /** As of a moment at which all parts read before it were complete. */
  kinds(): Promise<readonly KnownKind[]>
  /** What `store.requests.sums` gives, without reading more of the log than the quarters at both ends. */
  sums(query: SumsQuery): Promise<RequestSums[]>
  /** When the first request came; null: none has. */
  oldestMs(): Promise<number | null>
}

/** A unit of work of the store must be over in a moment. */
const daysPerRead = 8

export function createTraffic(store: Pick<Store, 'requests' | 'requestSums'>): Traffic {
  const parts = async (begins: readonly number[], untilMs: number) => {
    const [sinceMs] = begins
    if (sinceMs === undefined) return []
    const { uncounted, oldestMs } = await store.requestSums.span()
    if (oldestMs === null) return []
    // Of days that are being counted nothing is certain but the sums of one hour, all read in one unit.
    const isByHour = (atMs: number) =>
      uncounted !== null && atMs <= uncounted.lastMs && atMs + dayMs > uncounted.firstMs
    const plan = planSums(begins, untilMs, isByHour)
    const found: Part[] = []
    const read = async (fromMs: number, toMs: number, withUncounted: boolean) => {
      const within = ({ atMs }: { atMs: number }) => atMs >= fromMs && atMs < toMs
      const days = plan.days.filter(within)
      const hours = plan.hours.filter(within)
      const sums = await store.requestSums.read({
        days: days.map(({ atMs }) => atMs),
        hours: [...new Set(hours.map(({ atMs }) => atMs))],
        ...{ sinceMs: Math.max(fromMs, sinceMs), untilMs: Math.min(toMs, untilMs), withUncounted },
      })
      for (const [planned, rows] of [
        [days, byTime(sums.days)],
        [hours, byTime(sums.hours)],
      ] as const) {
        for (const { atMs, buckets, minus } of planned) {
          const ofTime = rows.get(atMs)
          if (ofTime) found.push({ rows: ofTime, buckets, minus })
        }
      }
      const bucketOf = (atMs: number) => bucketAt(begins, untilMs, atMs)
      for (const { atMs, rows } of sums.fresh) found.push({ rows, buckets: quartersOf(atMs, bucketOf), minus: -1 })
      await nextTurn()
    }
    const firstDay = Math.floor(Math.max(sinceMs, oldestMs) / dayMs) * dayMs
    for (let fromMs = firstDay; fromMs < untilMs; ) {
      if (isByHour(fromMs)) {
        await read(fromMs, fromMs + hourMs, true)
        fromMs += hourMs
        continue
      }
      let toMs = fromMs + dayMs
      while (toMs < untilMs && toMs < fromMs + daysPerRead * dayMs && !isByHour(toMs)) toMs += dayMs
      await read(fromMs, toMs, false)
      fromMs = toMs
    }
    return found
  }
  const kinds = () => store.requestSums.kinds()
  return {
    parts,
    kinds,
    async oldestMs() {
      return (await store.requestSums.span()).oldestMs
    },
    async sums(query) {
      const { sinceMs, untilMs, bucketMs, keyId } = query
      const [fromMs, toMs] = [Math.ceil(sinceMs / quarterMs) * quarterMs, Math.floor(untilMs / quarterMs) * quarterMs]
      if (fromMs >= toMs || bucketMs % quarterMs !== 0) return store.requests.sums(query)
      const begins = [fromMs]
      for (let at = Math.floor(fromMs / bucketMs) * bucketMs + bucketMs; at < toMs; at += bucketMs) begins.push(at)
      const read = await parts(begins, toMs)
      const known = await kinds()
      const sums = addUp(read, {
        groups: 1,
        buckets: begins.length,
        groupOf: ({ key }) => (keyId === undefined || key === keyId ? 0 : -1),
        kinds: known,
      })
      const rows = new Map<number, RequestSums>()
      const add = (row: RequestSums) => {
        const before = rows.get(row.atMs)
        rows.set(row.atMs, before === undefined ? row : both(before, row))
      }
      for (const [bucket, atMs] of begins.entries()) {
        const row = named(sums, bucket * figures.length)
        if (row.requests > 0) add({ ...ofFigures(row), atMs: Math.floor(atMs / bucketMs) * bucketMs })
      }
      const edges = [
        { sinceMs, untilMs: fromMs },
        { sinceMs: toMs, untilMs },
      ]
      for (const edge of edges) {
        if (edge.sinceMs < edge.untilMs) for (const row of await store.requests.sums({ ...query, ...edge })) add(row)
      }
      return [...rows.values()].sort((a, b) => a.atMs - b.atMs)
    },
  }
}

function byTime(sums: readonly TimedSums[]): Map<number, SumRows> {
  return new Map(sums.map(({ atMs, rows }) => [atMs, rows]))
}

/** Which bucket a moment belongs to, -1 outside of all. */
function bucketAt(begins: readonly number[], untilMs: number, atMs: number): number {
  if (atMs >= untilMs) return -1
  let [low, high] = [0, begins.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((begins[middle] ?? 0) <= atMs) low = middle + 1
    else high = middle
  }
  return low - 1
}

const summed = [
  'requests',
  'errors',
  'cancelled',
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'costMicroUsd',
] as const

function ofFigures(row: Record<Figure, number>): Omit<RequestSums, 'atMs'> {
  return Object.fromEntries(summed.map((name) => [name, row[name]])) as Omit<RequestSums, 'atMs'>
}

function both(one: RequestSums, other: RequestSums): RequestSums {
  return {
    atMs: one.atMs,
    ...(Object.fromEntries(summed.map((name) => [name, one[name] + other[name]])) as Omit<RequestSums, 'atMs'>),
  }
}
