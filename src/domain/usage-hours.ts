import { hourMs, isNewWindow, type WindowKind } from './quota.ts'

/** A figure of a window, as it was kept. */
type Sample = { accountId: string; kind: WindowKind; atMs: number; usedPercent: number; resetAtMs: number | null }

/** What one hour showed of one window. Percentages 0 to 100; `burnedPercent` is what was used up within it, resets left out. */
export type HourOfUse = {
  accountId: string
  kind: WindowKind
  /** The hour's start. */
  atMs: number
  lastPercent: number
  minPercent: number
  maxPercent: number
  burnedPercent: number
  resetAtMs: number | null
  samples: number
}

/** What the next figure of a window is compared with. `peakPercent` is the highest one of the running window. */
type Trail = { atMs: number; peakPercent: number; resetAtMs: number | null }
/** Trails by account and window. */
export type Trails = ReadonlyMap<string, Trail>

/**
 * Figures of one window come from several sources that are not of one moment, and a refusal counts as 100 %: so far they
 * may fall without meaning that anything was given back.
 */
const disagreementPercent = 10
/** After a longer silence nobody can say in which hour the difference was used up: it is left out. */
const longestSilenceMs = 24 * hourMs

/**
 * Folds figures, oldest first, into hours, oldest first. The first figure of an hour is compared with the last before it:
 * within `samples`, or in `before`. Folding the same figures again gives the same hours.
 */
export function foldHours(samples: readonly Sample[], before: Trails): HourOfUse[] {
  const trails = new Map(before)
  const hours = new Map<string, HourOfUse>()
  for (const sample of samples) {
    const { accountId, kind, usedPercent } = sample
    const name = `${accountId} ${kind}`
    const atMs = hourOf(sample.atMs)
    const { trail, burnedPercent } = follow(trails.get(name), sample)
    trails.set(name, trail)
    const resetAtMs = trail.resetAtMs
    const hour = hours.get(`${name} ${atMs}`)
    if (hour === undefined) {
      const all = { lastPercent: usedPercent, minPercent: usedPercent, maxPercent: usedPercent }
      hours.set(`${name} ${atMs}`, { accountId, kind, atMs, ...all, burnedPercent, resetAtMs, samples: 1 })
      continue
    }
    hour.lastPercent = usedPercent
    hour.minPercent = Math.min(hour.minPercent, usedPercent)
    hour.maxPercent = Math.max(hour.maxPercent, usedPercent)
    hour.burnedPercent += burnedPercent
    hour.resetAtMs = resetAtMs
    hour.samples++
  }
  return [...hours.values()].sort((one, other) => one.atMs - other.atMs)
}

/** Where hours, oldest first, leave off: what the figures after them are compared with. */
export function trailsAfter(hours: readonly HourOfUse[], before: Trails = new Map()): Trails {
  const trails = new Map(before)
  for (const { accountId, kind, atMs, lastPercent, resetAtMs } of hours)
    trails.set(`${accountId} ${kind}`, { atMs: atMs + hourMs - 1, peakPercent: lastPercent, resetAtMs })
  return trails
}

export function hourOf(atMs: number): number {
  return Math.floor(atMs / hourMs) * hourMs
}

function follow(before: Trail | undefined, sample: Sample): { trail: Trail; burnedPercent: number } {
  const { atMs, usedPercent } = sample
  const anew = { atMs, peakPercent: usedPercent, resetAtMs: sample.resetAtMs ?? null }
  if (before === undefined || atMs - before.atMs > longestSilenceMs) return { trail: anew, burnedPercent: 0 }
  const fellPercent = before.peakPercent - usedPercent
  const isLater = isNewWindow(before, sample)
  // A reset that moves while the figure goes on is no new window.
  const isOver = isLater && (fellPercent > 0 || (before.resetAtMs ?? 0) <= atMs)
  if (isOver) return { trail: anew, burnedPercent: usedPercent }
  const resetAtMs = sample.resetAtMs ?? before.resetAtMs
  if (fellPercent <= 0) return { trail: { ...anew, resetAtMs }, burnedPercent: usedPercent - before.peakPercent }
  const isSame = before.resetAtMs !== null && sample.resetAtMs !== null && fellPercent <= disagreementPercent
  if (isSame) return { trail: { atMs, peakPercent: before.peakPercent, resetAtMs }, burnedPercent: 0 }
  return { trail: anew, burnedPercent: 0 }
}
