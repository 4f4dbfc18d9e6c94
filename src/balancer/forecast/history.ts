import { hourMs, type WindowKind } from '../../domain/quota.ts'
import { type HourOfUse, hourOf } from '../../domain/usage-hours.ts'

/**
 * How much history a forecast rests on. `daily_pattern`: a week or more, so that nights stay nights. `recent`: at least
 * six hours. `little`: less; the range is wide. `none`: nothing is known.
 */
export type Basis = 'daily_pattern' | 'recent' | 'little' | 'none'

/** What was used up in each of the finished hours before `untilMs`, without holes, oldest first. */
export type History = {
  /** The start of the running hour. */
  untilMs: number
  hours: number
  /** What was used up before the n-th hour: one more than there are hours. */
  cumulative: Float64Array
}

export const historyHours = 28 * 24
/** A silence of at most so many hours: what was used up in it is spread over it. */
const longestSilenceHours = 24

/** The part of an hour that a history needs. */
type Hour = Pick<HourOfUse, 'atMs' | 'burnedPercent'>

/**
 * The history of one window. It begins with the first hour that is known, or when the account was added. Hours without
 * figures count as idle; `unknown` ones (the account could not have served) as the same hour of the day before.
 */
export function historyOf(
  rows: readonly Hour[],
  { createdAtMs, untilMs, unknown }: { createdAtMs: number; untilMs: number; unknown?: ReadonlySet<number> },
): History {
  const earliestMs = Math.max(untilMs - historyHours * hourMs, Math.ceil(createdAtMs / hourMs) * hourMs)
  const known = rows.filter(({ atMs }) => atMs >= earliestMs && atMs < untilMs)
  const fromMs = known[0]?.atMs ?? untilMs
  const burned = new Float64Array((untilMs - fromMs) / hourMs)
  let lastAt = -1
  for (const { atMs, burnedPercent } of known) {
    const at = (atMs - fromMs) / hourMs
    const silence = at - lastAt
    if (silence <= longestSilenceHours) burned.fill(burnedPercent / silence, lastAt + 1, at + 1)
    else burned[at] = burnedPercent
    lastAt = at
  }
  if (unknown !== undefined) fillUnknown(burned, (at) => unknown.has(fromMs + at * hourMs))
  return cumulated(burned, untilMs)
}

/** Only what came before is used, so that a forecast made in the past can be made again. */
function fillUnknown(burned: Float64Array, isUnknown: (at: number) => boolean): void {
  let sum = 0
  let count = 0
  for (let at = 0; at < burned.length; at++) {
    if (!isUnknown(at)) {
      sum += burned[at] ?? 0
      count++
    } else burned[at] = Math.max(burned[at] ?? 0, burned[at - 24] ?? (count === 0 ? 0 : sum / count))
  }
}

export function cumulated(burned: Float64Array, untilMs: number): History {
  const cumulative = new Float64Array(burned.length + 1)
  for (let at = 0; at < burned.length; at++) cumulative[at + 1] = (cumulative[at] ?? 0) + (burned[at] ?? 0)
  return { untilMs, hours: burned.length, cumulative }
}

/** The history as it was at an earlier full hour: the same figures, cut off. */
export function historyAt(history: History, untilMs: number): History {
  const hours = Math.max(0, history.hours - (history.untilMs - untilMs) / hourMs)
  return { untilMs, hours, cumulative: history.cumulative }
}

/** What was used up before a point of the history, given in hours from its beginning. Within an hour evenly. */
export function usedUpBefore({ cumulative }: History, at: number): number {
  const whole = Math.floor(at)
  const below = cumulative[whole] ?? 0
  return below + (at - whole) * ((cumulative[whole + 1] ?? below) - below)
}

export function basisOf({ hours }: History): Basis {
  if (hours >= 7 * 24) return 'daily_pattern'
  if (hours >= 6) return 'recent'
  return hours > 0 ? 'little' : 'none'
}

/** Of a history, the newest day counts twice as much as that of a week before. */
export const halfLifeHours = 7 * 24

/** Mean use per hour, newer hours counting more; null without any history. */
export function meanPerHour({ hours, cumulative }: History): number | null {
  if (hours === 0) return null
  const fade = 0.5 ** (1 / halfLifeHours)
  let sum = 0
  let weights = 0
  let weight = 1
  for (let at = hours - 1; at >= 0; at--) {
    sum += weight * ((cumulative[at + 1] ?? 0) - (cumulative[at] ?? 0))
    weights += weight
    weight *= fade
  }
  return sum / weights
}

/** Mean use per hour over the last few finished hours; null without any history. */
export function latestPerHour(history: History, lastHours: number): number | null {
  const { hours } = history
  if (hours === 0) return null
  const span = Math.min(hours, lastHours)
  return (usedUpBefore(history, hours) - usedUpBefore(history, hours - span)) / span
}

/** Rows by window. */
export type RowsByKind = Partial<Record<WindowKind, readonly HourOfUse[]>>

/** Hours all through which one of the account's windows was full: what was not used up then says nothing. */
export function hoursOut(rows: RowsByKind): Set<number> {
  const out = new Set<number>()
  for (const ofKind of Object.values(rows)) {
    for (const row of ofKind) if (row.minPercent >= 100) out.add(hourOf(row.atMs))
  }
  return out
}
