import { hourMs, type WindowKind } from '../../src/domain/quota.ts'
import type { HourOfUse } from '../../src/domain/usage-hours.ts'
import { seededRandom } from './accounts.ts'

/** How much is wanted in each hour that follows; the hour of the day counts from 0. */
export type Demand = (hourOfDay: number) => number

/** Ways in which a pool may be used, in percent points per hour; the same for the same seed. */
export const demands = {
  constant: () => () => 3,
  noisy: (seed: number): Demand => {
    const { next } = seededRandom(seed)
    return () => 6 * next()
  },
  dayAndNight: (seed: number): Demand => {
    const { next } = seededRandom(seed)
    return (hour) => (hour >= 8 && hour < 20 ? 8 * next() : 0.4 * next())
  },
  /** Agents that work for hours and then rest for hours, at any time. */
  bursty: (seed: number): Demand => {
    const { next } = seededRandom(seed)
    let isOn = false
    return () => {
      if (next() < (isOn ? 0.25 : 0.12)) isOn = !isOn
      return isOn ? 10 + 10 * next() : 0.3 * next()
    }
  },
  /** The same by day only. */
  burstyByDay: (seed: number): Demand => {
    const { next } = seededRandom(seed)
    let isOn = false
    return (hour) => {
      if (hour < 8 || hour >= 22) isOn = false
      else if (next() < (isOn ? 0.25 : 0.2)) isOn = !isOn
      return isOn ? 6 + 10 * next() : 0
    }
  },
}

const lengthHours: Record<WindowKind, number> = { short: 5, weekly: 168, monthly: 720 }

/**
 * The hours of one window before `untilMs`, used as `demand` wants it (times `share`): it begins with its first use, and
 * what is wanted of a full one is not served.
 */
export function pastOf(demand: Demand, { kind, hours, untilMs, share = 1, accountId = 'a' }: PastOptions): HourOfUse[] {
  const rows: HourOfUse[] = []
  let used = 0
  let resetAtMs: number | null = null
  for (let atMs = untilMs - hours * hourMs; atMs < untilMs; atMs += hourMs) {
    if (resetAtMs !== null && resetAtMs <= atMs) {
      used = 0
      resetAtMs = null
    }
    const burnedPercent = Math.min(100 - used, demand((atMs / hourMs) % 24) * share)
    if (burnedPercent > 0) resetAtMs ??= atMs + lengthHours[kind] * hourMs
    const before = used
    used += burnedPercent
    const percents = { lastPercent: used, minPercent: before, maxPercent: used, burnedPercent }
    rows.push({ accountId, kind, atMs, ...percents, resetAtMs, samples: 12 })
  }
  return rows
}
type PastOptions = { kind: WindowKind; hours: number; untilMs: number; share?: number; accountId?: string }
