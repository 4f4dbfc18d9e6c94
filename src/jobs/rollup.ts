import { setImmediate as nextTurn } from 'node:timers/promises'
import { dayMs, hourMs, minuteMs } from '../domain/quota.ts'
import { foldHours, hourOf, type Trails, trailsAfter } from '../domain/usage-hours.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store, UsageSample } from '../store/store.ts'

/** Folds usage samples into hourly rollups, which stay for ever, and drops samples that are old and folded. */
export type Rollup = {
  /** Folds what is new, the running hour included. After a long absence it goes on in the next run. */
  run(): Promise<void>
  /** True when finished hours still wait to be folded. */
  isBehind(): boolean
  /** Drops samples of an age at which only the rollups count. */
  prune(): Promise<void>
}

export type RollupDeps = {
  usage: Pick<Store['usage'], 'hours' | 'saveHours' | 'prune'> & {
    since(sinceMs: number, accountId?: string, untilMs?: number): Promise<UsageSample[]>
  }
  clock: Clock
}

export const sampleDays = 45
const sampleAgeMs = sampleDays * dayMs
/** Samples are written a little after they were taken, and by other replicas too: so long an hour stays open. */
const settlingMs = 10 * minuteMs
/** Far enough back to find the figure that the first one of an hour is compared with. */
const trailMs = dayMs
/** How far back the last stored hour is looked for, step by step: it is near, but for a long absence. */
const lookBackDays = [1, 3, 7, 15, 30, 45]
const hoursPerRun = 48
const pruneRows = 1_000

export function createRollup({ usage, clock }: RollupDeps): Rollup {
  /** Up to here every hour is folded for good; null: not known yet. */
  let foldedUntilMs: number | null = null
  let trails: Trails = new Map()

  /** Goes on where the stored hours end. The last of them may have been running when it was folded: once more. */
  const begin = async (nowMs: number): Promise<number> => {
    const oldestMs = hourOf(nowMs - sampleAgeMs)
    for (const days of lookBackDays) {
      const lastMs = (await usage.hours(nowMs - days * dayMs)).at(-1)?.atMs
      if (lastMs === undefined) continue
      const fromMs = Math.min(lastMs, hourOf(nowMs - settlingMs))
      trails = trailsAfter((await usage.hours(fromMs - trailMs)).filter(({ atMs }) => atMs < fromMs))
      return fromMs
    }
    return oldestMs
  }
  const fold = async (fromMs: number) => {
    const samples = await usage.since(fromMs, undefined, fromMs + hourMs)
    const hours = foldHours(samples, trails)
    await usage.saveHours(hours)
    return hours
  }
  return {
    async run() {
      const nowMs = clock.now()
      let atMs: number = foldedUntilMs ?? (await begin(nowMs))
      for (let count = 0; atMs + hourMs <= nowMs - settlingMs && count < hoursPerRun; ) {
        const hours = await fold(atMs)
        trails = trailsAfter(hours, trails)
        // An hour without figures costs next to nothing.
        if (hours.length > 0) count++
        atMs += hourMs
        foldedUntilMs = atMs
        await nextTurn()
      }
      foldedUntilMs = atMs
      if (atMs + hourMs <= nowMs - settlingMs) return
      // What is still open is folded as far as it goes, and again the next time.
      const kept = trails
      for (; atMs <= nowMs; atMs += hourMs) trails = trailsAfter(await fold(atMs), trails)
      trails = kept
    },
    isBehind: () => foldedUntilMs === null || foldedUntilMs + hourMs <= clock.now() - settlingMs,
    async prune() {
      if (foldedUntilMs === null) return
      const beforeMs = Math.min(clock.now() - sampleAgeMs, foldedUntilMs)
      while ((await usage.prune(beforeMs, pruneRows)) === pruneRows) await nextTurn()
    },
  }
}
