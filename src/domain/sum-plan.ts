import { dayMs, hourMs } from './quota.ts'
import { quarterMs, quartersPerHour } from './request-sums.ts'

/**
 * How sums of a day or an hour go into buckets of time; -1 is none. A day's go into one, an hour's by its quarters. `minus`
 * is where they have to be taken away.
 */
type PlannedPart = { atMs: number; buckets: number[]; minus: number }

export type SumPlan = { days: PlannedPart[]; hours: PlannedPart[] }

/**
 * Which sums are to be added up, and where to, so that buckets come out that end wherever a time zone wants: a day that is
 * cut once is taken whole for one side, and the hours of the smaller side are moved over. `begins` are the beginnings of
 * the buckets, on quarters of an hour; `isByHour` names days of which nothing but hours may be used.
 */
export function planSums(
  begins: readonly number[],
  untilMs: number,
  isByHour: (dayAtMs: number) => boolean = () => false,
): SumPlan {
  const plan: SumPlan = { days: [], hours: [] }
  const [sinceMs] = begins
  if (sinceMs === undefined) return plan
  const cuts = [...begins, untilMs]
  let next = 0
  for (let dayAtMs = Math.floor(sinceMs / dayMs) * dayMs; dayAtMs < untilMs; dayAtMs += dayMs) {
    const endMs = dayAtMs + dayMs
    while (next < cuts.length && (cuts[next] ?? 0) <= dayAtMs) next++
    let end = next
    while (end < cuts.length && (cuts[end] ?? 0) < endMs) end++
    const inside = cuts.slice(next, end)
    const bucketOf = (atMs: number) => {
      if (atMs < sinceMs || atMs >= untilMs) return -1
      let bucket = next - 1
      while (bucket + 1 < begins.length && (begins[bucket + 1] ?? 0) <= atMs) bucket++
      return bucket
    }
    const [cut] = inside
    if (isByHour(dayAtMs) || inside.length > 1) {
      addHours(plan, Math.max(dayAtMs, Math.floor(sinceMs / hourMs) * hourMs), Math.min(endMs, untilMs), bucketOf, -1)
    } else if (cut === undefined) {
      plan.days.push({ atMs: dayAtMs, buckets: [bucketOf(dayAtMs)], minus: -1 })
    } else {
      const isEarlyHalf = cut - dayAtMs <= dayMs / 2
      const whole = bucketOf(isEarlyHalf ? cut : dayAtMs)
      const [from, to] = isEarlyHalf ? [dayAtMs, cut] : [cut, endMs]
      const small = bucketOf(from)
      if (whole >= 0) plan.days.push({ atMs: dayAtMs, buckets: [whole], minus: -1 })
      const firstHour = Math.floor(from / hourMs) * hourMs
      addMoves(plan, { firstHour, from, to, small, whole })
    }
  }
  return plan
}

function addHours({ hours }: SumPlan, fromMs: number, toMs: number, bucketOf: (atMs: number) => number, minus: number) {
  for (let atMs = fromMs; atMs < toMs; atMs += hourMs) {
    hours.push({ atMs, buckets: quartersOf(atMs, bucketOf), minus })
  }
}

type Move = { firstHour: number; from: number; to: number; small: number; whole: number }

/** What lies on the smaller side of a cut goes from the day's bucket to its own. */
function addMoves(plan: SumPlan, { firstHour, from, to, small, whole }: Move) {
  // Only an hour that is cut itself has quarters that stay: those go back to where they are taken from.
  const bucketOf = (atMs: number) => (atMs >= from && atMs < to ? small : whole)
  if (small >= 0 || whole >= 0) addHours(plan, firstHour, to, bucketOf, whole)
}

/** The bucket of each quarter of an hour. */
export function quartersOf(hourAtMs: number, bucketOf: (atMs: number) => number): number[] {
  return Array.from({ length: quartersPerHour }, (_, quarter) => bucketOf(hourAtMs + quarter * quarterMs))
}
