import { type Bucket, type Calendar, createCalendar } from '../domain/calendar.ts'
import { dayMs } from '../domain/quota.ts'
import {
  type Dimension,
  dimensions,
  type Figure,
  type Figures,
  figures,
  type KnownKind,
  named,
  nameInSums,
  quarterMs,
  type RequestKind,
} from '../domain/request-sums.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { addUpInTurns, type Part } from './add-up.ts'
import type { Traffic } from './traffic.ts'

export type ReportQuery = {
  /** A date, which counts whole, or a moment. Absent: seven days. */
  from?: string | undefined
  to?: string | undefined
  timeZone: string
  bucket: Bucket
  groupBy: readonly Dimension[]
  /** By dimension, any of these values; an empty one is "none". */
  filter: Partial<Record<Dimension, readonly string[] | undefined>>
  /** So many groups have a series of their own. */
  top: number
  rankBy: 'cost' | 'tokens' | 'requests'
}

/** A group with its sums; `kind` has the dimensions grouped by. Null: all groups beyond the first, of which there are `groups`. */
type Series = { kind: Partial<RequestKind> | null; groups: number; totals: Figures; buckets: Figures[] }

export type Report = {
  sinceMs: number
  untilMs: number
  /** When each bucket begins. */
  begins: number[]
  totals: Figures
  series: Series[]
  /** The same length of time before. */
  before: { sinceMs: number; untilMs: number; totals: Figures }
}

const maxBuckets: Record<Bucket, number> = { day: 800, hour: 1_500 }
const defaultDays = 7
/** Since then every time zone's clock is a whole number of quarters of an hour away from UTC. */
const firstMs = Date.UTC(2000, 0, 1)

/** Sums over a time, in buckets of a place's days or hours, by group. @throws AppError invalid_request */
export async function report(query: ReportQuery, traffic: Traffic, clock: Clock): Promise<Report> {
  const { timeZone, bucket, groupBy, filter, top, rankBy } = query
  const calendar = createCalendar(timeZone)
  if (calendar === null) throw wrong('timeZone', 'There is no such time zone; it is named like Europe/Berlin.')
  const { sinceMs, untilMs } = rangeOf(query, calendar, clock.now())
  const longest = bucket === 'day' ? dayMs : dayMs / 24
  if ((untilMs - sinceMs) / longest > maxBuckets[bucket])
    throw wrong('from', `With a ${bucket} to a bucket a report has at most ${maxBuckets[bucket]} of them.`)
  const begins = calendar.beginnings(sinceMs, untilMs, bucket)
  const before = timeBefore(sinceMs, untilMs, calendar)
  const parts = await traffic.parts(begins, untilMs)
  const partsBefore = await traffic.parts([before.sinceMs], before.untilMs)
  const kinds = await traffic.kinds()

  const fits = fitting(filter)
  const byName = new Map<string, number>()
  const groups: Partial<RequestKind>[] = []
  const groupById = new Map<number, number>()
  for (const kind of kinds) {
    if (!fits(kind)) continue
    const group: Partial<RequestKind> = Object.fromEntries(groupBy.map((name) => [name, kind[name]]))
    const name = JSON.stringify(Object.values(group))
    const at = byName.get(name) ?? groups.push(group) - 1
    byName.set(name, at)
    groupById.set(kind.id, at)
  }
  const groupOf = ({ id }: KnownKind) => groupById.get(id) ?? -1
  // Which groups come first has to be known before the rest is put together, unless there is no rest.
  const order = groups.length <= top ? groups.map((_, group) => group) : await rankedGroups()
  async function rankedGroups(): Promise<number[]> {
    const which = [...new Set([...ranking[rankBy], 'requests' as const])]
    const sums = await addUpInTurns(
      parts.flatMap(inOneBucket),
      { groups: groups.length, buckets: 1, groupOf, kinds },
      which,
    )
    return groups
      .map((_, group) => ({ group, totals: named(sums, group * figures.length) }))
      .filter(({ totals }) => totals.requests > 0)
      .sort((a, b) => byRank(a.totals, b.totals, rankBy))
      .map(({ group }) => group)
  }
  const others = Math.max(0, order.length - top)
  const seriesByGroup = new Map(order.map((group, rank) => [group, Math.min(rank, top)]))
  const perBucket = await addUpInTurns(parts, {
    groups: order.length - others + (others > 0 ? 1 : 0),
    buckets: begins.length,
    groupOf: (kind) => seriesByGroup.get(groupOf(kind)) ?? -1,
    kinds,
  })
  const seriesOf = (kind: Series['kind'], count: number, at: number): Series => {
    const buckets = begins.map((_, bucket) => named(perBucket, (at * begins.length + bucket) * figures.length))
    return { kind, groups: count, totals: total(buckets), buckets }
  }
  const series = order
    .slice(0, top)
    .map((group, at) => seriesOf(groups[group] ?? null, 1, at))
    .filter(({ totals }) => totals.requests > 0)
    .sort((a, b) => byRank(a.totals, b.totals, rankBy))
  if (others > 0) series.push(seriesOf(null, others, top))
  const all = { groups: 1, buckets: 1, groupOf: (kind: KnownKind) => (fits(kind) ? 0 : -1), kinds }
  return {
    ...{ sinceMs, untilMs, begins, series },
    totals: total(series.map((one) => one.totals)),
    before: { ...before, totals: named(await addUpInTurns(partsBefore, all)) },
  }
}

function wrong(param: string, message: string): AppError {
  return new AppError('invalid_request', { message: `${param}: ${message}`, fields: [{ path: param, message }] })
}

const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text)
const daysAfter = (date: string, days: number) =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10)

/** A moment within a quarter of an hour stands for the whole of it: sums know no finer time. */
function rangeOf({ from, to }: ReportQuery, calendar: Calendar, nowMs: number) {
  const untilMs =
    to === undefined || isDate(to)
      ? calendar.startOfDate(daysAfter(to ?? calendar.dateOf(nowMs), 1))
      : Math.ceil(Date.parse(to) / quarterMs) * quarterMs
  const lastDate = calendar.dateOf(untilMs - 1)
  const sinceMs =
    from === undefined || isDate(from)
      ? calendar.startOfDate(from ?? daysAfter(lastDate, 1 - defaultDays))
      : Math.floor(Date.parse(from) / quarterMs) * quarterMs
  if (sinceMs >= untilMs) throw wrong('to', 'It must come after "from".')
  if (sinceMs < firstMs) throw wrong('from', 'There are no requests of that time.')
  return { sinceMs, untilMs }
}

/** As many whole days before whole days, however many hours those have; else as much time. */
function timeBefore(sinceMs: number, untilMs: number, calendar: Calendar): { sinceMs: number; untilMs: number } {
  const isStart = (atMs: number) => calendar.startOfDate(calendar.dateOf(atMs)) === atMs
  if (!isStart(sinceMs) || !isStart(untilMs)) return { sinceMs: sinceMs - (untilMs - sinceMs), untilMs: sinceMs }
  const [first, end] = [calendar.dateOf(sinceMs), calendar.dateOf(untilMs)]
  const days = Math.round((Date.parse(end) - Date.parse(first)) / dayMs)
  return { sinceMs: calendar.startOfDate(daysAfter(first, -days)), untilMs: sinceMs }
}

function fitting(filter: ReportQuery['filter']): (kind: KnownKind) => boolean {
  const wanted = dimensions.flatMap((name) => {
    const values = filter[name]
    return values === undefined || values.length === 0 ? [] : [[name, new Set(values.map(nameInSums))] as const]
  })
  return (kind) => wanted.every(([name, values]) => values.has(kind[name] ?? ''))
}

/** What only goes from one bucket to another is no part of all of them together. */
function inOneBucket({ rows, buckets, minus }: Part): Part[] {
  const one = (bucket: number) => (bucket < 0 ? -1 : 0)
  const isMove = minus >= 0 && buckets.every((bucket) => bucket >= 0)
  return isMove ? [] : [{ rows, buckets: buckets.map(one), minus: one(minus) }]
}

const ranking: Record<ReportQuery['rankBy'], readonly Figure[]> = {
  cost: ['costMicroUsd'],
  tokens: ['inputTokens', 'outputTokens'],
  requests: ['requests'],
}

function byRank(one: Figures, other: Figures, by: ReportQuery['rankBy']): number {
  const rank = (sums: Figures) => ranking[by].reduce((sum, name) => sum + sums[name], 0)
  return rank(other) - rank(one) || other.requests - one.requests
}

function total(all: readonly Figures[]): Figures {
  const sums = named([])
  for (const one of all) for (const name of figures) sums[name] += one[name]
  return sums
}
