import { hourMs, type WindowKind } from '../../domain/quota.ts'
import { hourOf } from '../../domain/usage-hours.ts'
import { drawFutures, type Futures, usedUp } from './futures.ts'
import type { History } from './history.ts'
import { type Range, rangeOf } from './range.ts'
import { momentsOf, type RunsOut } from './window.ts'

/** One window of one account that may serve. */
export type Tank = {
  accountId: string
  kind: WindowKind
  usedPercent: number
  /** Null: unknown, or it begins with its next use. */
  resetAtMs: number | null
  lengthMs: number
  /** Nominal size, to weigh it against those of other accounts. */
  credits: number
  /** How much of it one credit of work uses up. */
  percentPerCredit: number
}

/** What is left of all windows of one kind, in percent of their size. */
type PoolPoint = { atMs: number; short: Range | null; long: Range | null }

export type PoolForecast = {
  /** When no account can serve for the first time. */
  runsOutAtMs: RunsOut
  /** 0 to 1: the share of futures in which that happens within the horizon. */
  runsOutProbability: number
  /** When an account can serve again after that; the middle of the futures in which the pool runs out, or null. */
  returnsAtMs: number | null
  horizonEndsAtMs: number
  /** Hourly for two days, then every six hours. */
  series: PoolPoint[]
}

const horizonHours = 14 * 24
/** Hours from now of the series' points. */
const pointHours = Array.from({ length: horizonHours + 1 }, (_, hour) => hour).filter(
  (hour) => hour <= 48 || hour % 6 === 0,
)
/** Bounds the work: so many windows times hours times paths. */
const mostSteps = 1_500_000
const fewestPaths = 24
const mostPaths = 200
const seed = 0x706f6f6c

/**
 * Plays the next two weeks through, hour by hour: the pool is wanted as its history goes on, whoever has room in all its
 * windows serves in proportion to it, windows that reset are full again and begin anew with their next use. What nobody
 * can serve is lost. Null when there is nobody to serve, or no history to tell what will be wanted (unless the pool is out
 * already: then there is no series).
 */
export function playPool(tanks: readonly Tank[], work: History, nowMs: number): PoolForecast | null {
  const startMs = hourOf(nowMs)
  const from = (nowMs - startMs) / hourMs
  const wanted = Math.floor(mostSteps / (horizonHours * Math.max(1, tanks.length)))
  const paths = Math.min(mostPaths, Math.max(fewestPaths, wanted))
  const futures = drawFutures(work, { hours: horizonHours + 1, paths, seed })
  if (tanks.length === 0) return null
  const isOutNow = nobodyServes(tanks)
  const outNow = {
    runsOutAtMs: { p10: nowMs, p50: nowMs, p90: nowMs },
    runsOutProbability: 1,
    returnsAtMs: firstReturn(tanks),
  }
  const horizonEndsAtMs = nowMs + horizonHours * hourMs
  if (futures === null) return isOutNow ? { ...outNow, horizonEndsAtMs, series: [] } : null
  const play = createPlay(tanks, nowMs)
  const left = { short: newLevels(paths), long: newLevels(paths) }
  const times = new Float64Array(paths)
  const returns: number[] = []
  let runsOut = 0
  for (let path = 0; path < paths; path++) {
    const { outAt, backAt } = play.run(futures, path, from, (point, short, long) => {
      setLevel(left.short, point, path, short)
      setLevel(left.long, point, path, long)
    })
    times[path] = outAt + from
    if (!Number.isFinite(outAt)) continue
    runsOut++
    if (Number.isFinite(backAt)) returns.push(backAt)
  }
  const has = (isShort: boolean) => tanks.some(({ kind }) => (kind === 'short') === isShort)
  const [hasShort, hasLong] = [has(true), has(false)]
  return {
    ...(isOutNow
      ? outNow
      : {
          runsOutAtMs: momentsOf(rangeOf(times), startMs),
          runsOutProbability: runsOut / paths,
          returnsAtMs: middleOf(returns, nowMs),
        }),
    horizonEndsAtMs,
    series: pointHours.map((hour, point) => ({
      atMs: nowMs + hour * hourMs,
      short: hasShort ? rangeOf(left.short[point] ?? new Float64Array(1)) : null,
      long: hasLong ? rangeOf(left.long[point] ?? new Float64Array(1)) : null,
    })),
  }
}

function nobodyServes(tanks: readonly Tank[]): boolean {
  const full = new Set(tanks.filter(({ usedPercent }) => usedPercent >= 100).map(({ accountId }) => accountId))
  return tanks.every(({ accountId }) => full.has(accountId))
}

/** When the first account has room in all its windows again; null where no reset is known. */
function firstReturn(tanks: readonly Tank[]): number | null {
  const byAccount = new Map<string, number>()
  for (const { accountId, usedPercent, resetAtMs } of tanks) {
    if (usedPercent < 100) continue
    byAccount.set(accountId, Math.max(byAccount.get(accountId) ?? 0, resetAtMs ?? Number.POSITIVE_INFINITY))
  }
  const first = Math.min(...byAccount.values())
  return Number.isFinite(first) ? first : null
}

function middleOf(hours: readonly number[], nowMs: number): number | null {
  return hours.length === 0 ? null : Math.round(nowMs + rangeOf(Float64Array.from(hours)).p50 * hourMs)
}

/** Percent left, by point of the series and path. */
type Levels = Float64Array[]
const newLevels = (paths: number): Levels => pointHours.map(() => new Float64Array(paths))

function setLevel(levels: Levels, point: number, path: number, percent: number): void {
  const ofPoint = levels[point]
  if (ofPoint) ofPoint[path] = percent
}

type Play = {
  /** Hours from now at which nobody can serve, and at which somebody can again; infinite when that does not happen. */
  run(
    futures: Futures,
    path: number,
    from: number,
    onPoint: (point: number, shortPercent: number, longPercent: number) => void,
  ): { outAt: number; backAt: number }
}

/** Windows as columns of numbers: they are gone through half a million times. Room is in credits of work. */
function createPlay(tanks: readonly Tank[], nowMs: number): Play {
  const count = tanks.length
  const accounts = new Map<string, number>()
  const accountOf = Int32Array.from(tanks, ({ accountId }) => {
    const known = accounts.get(accountId) ?? accounts.size
    accounts.set(accountId, known)
    return known
  })
  const isShort = Uint8Array.from(tanks, ({ kind }) => (kind === 'short' ? 1 : 0))
  const size = Float64Array.from(tanks, ({ percentPerCredit }) => 100 / percentPerCredit)
  const weight = Float64Array.from(tanks, ({ credits, percentPerCredit }) => credits * percentPerCredit)
  const lengthHours = Float64Array.from(tanks, ({ lengthMs }) => lengthMs / hourMs)
  const firstLeft = Float64Array.from(tanks, ({ usedPercent }, n) => ((100 - usedPercent) / 100) * (size[n] ?? 0))
  const firstReset = Float64Array.from(tanks, ({ resetAtMs, lengthMs, usedPercent }) => {
    if (resetAtMs !== null) return (resetAtMs - nowMs) / hourMs
    return usedPercent > 0 ? lengthMs / hourMs : Number.POSITIVE_INFINITY
  })
  const total = { short: 0, long: 0 }
  for (const { kind, credits } of tanks) total[kind === 'short' ? 'short' : 'long'] += credits
  const left = new Float64Array(count)
  const reset = new Float64Array(count)
  const room = new Float64Array(accounts.size)

  /** Windows whose reset is nearest to this hour are full again, and not running. */
  const renew = (hour: number) => {
    for (let n = 0; n < count; n++) {
      if ((reset[n] ?? 0) > hour + 0.5) continue
      left[n] = size[n] ?? 0
      reset[n] = Number.POSITIVE_INFINITY
    }
  }
  const findRoom = (): number => {
    room.fill(Number.POSITIVE_INFINITY)
    for (let n = 0; n < count; n++) {
      const account = accountOf[n] ?? 0
      if ((left[n] ?? 0) < (room[account] ?? 0)) room[account] = left[n] ?? 0
    }
    let sum = 0
    for (const one of room) sum += one
    return sum
  }
  const serve = (share: number, hour: number) => {
    for (let n = 0; n < count; n++) {
      const taken = (room[accountOf[n] ?? 0] ?? 0) * share
      if (taken <= 0) continue
      left[n] = Math.max(0, (left[n] ?? 0) - taken)
      if (reset[n] === Number.POSITIVE_INFINITY) reset[n] = hour + (lengthHours[n] ?? 0)
    }
  }
  const percentLeft = (short: number): number => {
    let sum = 0
    for (let n = 0; n < count; n++) if (isShort[n] === short) sum += (left[n] ?? 0) * (weight[n] ?? 0)
    const all = short === 1 ? total.short : total.long
    return all === 0 ? 0 : Math.min(100, sum / all)
  }
  const nothing = 1e-9 * size.reduce((sum, one) => sum + one, 0)
  return {
    run(futures, path, from, onPoint) {
      left.set(firstLeft)
      reset.set(firstReset)
      let outAt = Number.POSITIVE_INFINITY
      let backAt = Number.POSITIVE_INFINITY
      let point = 0
      // The first point is of this moment, not of the half hour to which the next resets are rounded.
      onPoint(point++, percentLeft(1), percentLeft(0))
      for (let hour = 0; hour <= horizonHours; hour++) {
        renew(hour)
        if (pointHours[point] === hour) onPoint(point++, percentLeft(1), percentLeft(0))
        if (hour === horizonHours) break
        const there = findRoom()
        if (outAt < hour && backAt > hour && there > nothing) backAt = hour
        const wanted = usedUp(futures, path, from + hour, from + hour + 1)
        const isOut = there <= nothing || wanted > there
        if (isOut && outAt > hour) outAt = hour + (there <= nothing ? 0 : there / wanted)
        if (wanted > 0 && there > nothing) serve(Math.min(1, wanted / there), hour)
      }
      return { outAt, backAt }
    },
  }
}
