import { hourMs, type WindowKind } from '../../domain/quota.ts'
import type { HourOfUse } from '../../domain/usage-hours.ts'
import { type History, historyAt } from './history.ts'
import { usedLater } from './window.ts'

/** How forecasts of the past did. Percentages 0 to 100. */
type Accuracy = {
  horizonHours: number
  checks: number
  /** How far the middle of the range was off, in percent points, on average. */
  meanErrorPercent: number
  /** How many of the true figures were within the range: near 80 when it is honest. */
  withinRangePercent: number
}
export type Accuracies = Record<'short' | 'long', Accuracy | null>

/** One window's past: its hours and what they amount to. */
export type Past = { kind: WindowKind; lengthMs: number; rows: readonly HourOfUse[]; history: History; seed: number }

const horizonHours = { short: 5, long: 24 }
const backHours = 14 * 24
const leastStepHours = 5
const mostChecks = 1_000
const fewestChecks = 10

/**
 * Makes the forecasts of the last two weeks again, each with only what was known then, and compares them with what came:
 * the used percent 5 hours later (24 for long windows). Null where there are too few to say anything.
 */
export function backtest(pasts: readonly Past[]): Accuracies {
  const sums = { short: newSum(), long: newSum() }
  const stepHours = stepOf(pasts.length)
  for (const past of pasts) {
    const horizon = past.kind === 'short' ? 'short' : 'long'
    checkPast(past, horizonHours[horizon], stepHours, sums[horizon])
  }
  return { short: accuracyOf(sums.short, horizonHours.short), long: accuracyOf(sums.long, horizonHours.long) }
}

type Sum = { checks: number; errorPercent: number; within: number }
const newSum = (): Sum => ({ checks: 0, errorPercent: 0, within: 0 })

/** Apart by no divisor of a day, so that each hour of the day has its turn. */
function stepOf(windows: number): number {
  let step = Math.max(leastStepHours, Math.ceil((windows * backHours) / mostChecks))
  while (step % 2 === 0 || step % 3 === 0) step++
  return step
}

function checkPast({ rows, history, lengthMs, seed }: Past, hours: number, stepHours: number, sum: Sum): void {
  const byHour = new Map(rows.map((row) => [row.atMs, row]))
  const { untilMs } = history
  for (let back = hours; back <= backHours + hours; back += stepHours) {
    const atMs = untilMs - back * hourMs
    const then = byHour.get(atMs - hourMs)
    const later = byHour.get(atMs + (hours - 1) * hourMs)
    if (then === undefined || later === undefined) continue
    const isOver = then.resetAtMs !== null && then.resetAtMs <= atMs
    const window = { usedPercent: isOver ? 0 : then.lastPercent, resetAtMs: isOver ? null : then.resetAtMs, lengthMs }
    // Where the reset was not known nobody could have said what comes after it.
    if (window.resetAtMs === null && window.usedPercent > 0) continue
    const range = usedLater(window, historyAt(history, atMs), seed, hours)
    if (range === null) continue
    sum.checks++
    sum.errorPercent += Math.abs(range.p50 - later.lastPercent)
    const { p10, p90 } = range
    if (later.lastPercent >= p10 - tinyPercent && later.lastPercent <= p90 + tinyPercent) sum.within++
  }
}

/** What sums of fractions may be off. */
const tinyPercent = 1e-6

function accuracyOf({ checks, errorPercent, within }: Sum, horizonHours: number): Accuracy | null {
  if (checks < fewestChecks) return null
  return {
    horizonHours,
    checks,
    meanErrorPercent: errorPercent / checks,
    withinRangePercent: (100 * within) / checks,
  }
}
