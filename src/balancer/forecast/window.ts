import { hourMs } from '../../domain/quota.ts'
import { hourOf } from '../../domain/usage-hours.ts'
import { drawFutures, reaches, usedUp } from './futures.ts'
import type { History } from './history.ts'
import { type Range, rangeOf } from './range.ts'

/** A window as it stands now. */
export type OpenWindow = {
  usedPercent: number
  lengthMs: number
  /** Null: unknown, or it begins with its next use. */
  resetAtMs: number | null
}

/** When times run out; null for those that do not before the reset. Epoch milliseconds. */
export type RunsOut = { [K in keyof Range]: number | null }

export type WindowForecast = {
  runsOutAtMs: RunsOut
  /** 0 to 1: the share of futures in which it runs out before its reset. */
  runsOutProbability: number
  /** Used percent at the reset; where none is known, a window's length from now. */
  endsAtPercent: Range
}

/** When a window runs out if things go on as they did; null when nothing is known of how they went. */
export function forecastWindow(
  window: OpenWindow,
  history: History,
  { paths, seed, nowMs }: { paths: number; seed: number; nowMs: number },
): WindowForecast | null {
  const { usedPercent } = window
  if (usedPercent >= 100) {
    const full = { p10: 100, p50: 100, p90: 100 }
    return { runsOutAtMs: { p10: nowMs, p50: nowMs, p90: nowMs }, runsOutProbability: 1, endsAtPercent: full }
  }
  const startMs = hourOf(nowMs)
  const from = (nowMs - startMs) / hourMs
  const to = ((window.resetAtMs ?? nowMs + window.lengthMs) - startMs) / hourMs
  const futures = drawFutures(history, { hours: to, paths, seed })
  if (futures === null) return null
  const times = new Float64Array(paths)
  const ends = new Float64Array(paths)
  let runsOut = 0
  for (let path = 0; path < paths; path++) {
    const ending = usedPercent + usedUp(futures, path, from, to)
    ends[path] = Math.min(100, ending)
    times[path] = ending < 100 ? Number.POSITIVE_INFINITY : reaches(futures, path, 100 - usedPercent, from, to)
    if (Number.isFinite(times[path])) runsOut++
  }
  return {
    runsOutAtMs: momentsOf(rangeOf(times), startMs),
    runsOutProbability: runsOut / paths,
    endsAtPercent: rangeOf(ends),
  }
}

/** Offsets in hours become moments, infinite ones null. */
export function momentsOf({ p10, p50, p90 }: Range, startMs: number): RunsOut {
  const moment = (hours: number) => (Number.isFinite(hours) ? Math.round(startMs + hours * hourMs) : null)
  return { p10: moment(p10), p50: moment(p50), p90: moment(p90) }
}

const pathsLater = 80

/** Used percent a few hours after the full hour at which the history ends. Null when nothing is known. */
export function usedLater(window: OpenWindow, history: History, seed: number, hours: number): Range | null {
  const futures = drawFutures(history, { hours, paths: pathsLater, seed })
  if (futures === null) return null
  // A window of which nothing is used begins with its next use: its reset is still to come.
  const isRunning = window.resetAtMs !== null && window.usedPercent > 0
  const reset = isRunning ? ((window.resetAtMs ?? 0) - history.untilMs) / hourMs : Number.POSITIVE_INFINITY
  const from = reset < hours ? Math.max(0, reset) : 0
  const used = reset < hours ? 0 : window.usedPercent
  const values = new Float64Array(pathsLater)
  for (let path = 0; path < pathsLater; path++) values[path] = Math.min(100, used + usedUp(futures, path, from, hours))
  return rangeOf(values)
}
