import type { Account } from '../domain/account.ts'
import { learnBurn } from '../domain/burn.ts'
import type { Meter } from '../domain/meter.ts'
import { type Credits, isNewWindow, mergeReadings, type QuotaWindow, type WindowKind } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { Store, UsageSample } from '../store/store.ts'
import type { Reading } from '../upstream/readings.ts'

/** What an account has spent that its figures do not show. */
export type Spending = {
  /** Weighted tokens of the requests in flight, as they were guessed. */
  inFlightTokens: number
  /** Weighted tokens of requests that ended after the last figures came. */
  settledTokens: number
  /** Weighted tokens spent since the figure of a window moved last. */
  sinceMove: Partial<Record<WindowKind, number>>
}

export const nothingSpent: Spending = { inFlightTokens: 0, settledTokens: 0, sinceMove: {} }

/** The figures of an account after a reading, and what of its spending they do not show yet. Pure. */
export function foldReading(
  account: Account,
  reading: Reading,
  spending: Spending,
  nowMs: number,
): { figures: Pick<Account, 'windows' | 'meters' | 'credits' | 'limitReached' | 'burn'>; spending: Spending } {
  const windows = mergeReadings(account.windows, reading.windows, nowMs, reading.isComplete)
  const burn = learnBurn(account.burn, account.windows, windows, spending.sinceMove)
  const figures = {
    windows,
    meters: mergeMeters(account.meters, reading, nowMs),
    credits: reading.credits ?? account.credits,
    limitReached: reading.limitReached === undefined ? account.limitReached : reading.limitReached,
    burn,
  }
  if (reading.windows.length === 0) return { figures, spending }
  const sinceMove = { ...spending.sinceMove }
  for (const window of windows) {
    const before = account.windows.find(({ kind }) => kind === window.kind)
    if (before === undefined || before.usedPercent !== window.usedPercent || isNewWindow(before, window))
      sinceMove[window.kind] = 0
  }
  return { figures, spending: { ...spending, settledTokens: 0, sinceMove } }
}

/** A list of all meters replaces what is known, window by window; a single one is put beside the others. */
function mergeMeters(known: readonly Meter[], { meters, isComplete }: Reading, nowMs: number): Meter[] {
  if (meters === null) return known as Meter[]
  const merged = meters.map((meter) => {
    const before = known.find(({ key }) => key === meter.key)
    if (before === undefined) return meter
    const windows = mergeReadings(before.windows, meter.windows, nowMs, isComplete)
    // Headers and events know a meter by a shorter name than the usage endpoint does.
    const { name, feature } = isComplete ? meter : before
    return { ...meter, name, feature: feature ?? meter.feature, windows }
  })
  return isComplete ? merged : [...known.filter(({ key }) => !merged.some((one) => one.key === key)), ...merged]
}

/** Keeps figures for trends: those that are news, and now and then those that stay the same. */
export type Sampler = {
  /** True when there was news among the figures, or they were not kept for a while. */
  sample(accountId: string, windows: readonly QuotaWindow[]): boolean
  forget(accountId: string): void
  flush(): Promise<void>
}

/** A figure that did not change is kept this often. */
const sampleEveryMs = 5 * 60_000

export function createSampler(store: Store, clock: Clock, onError: (error: unknown) => void): Sampler {
  const last = new Map<string, Map<WindowKind, UsageSample>>()
  const queue = createWriteBehind<UsageSample>({
    ...{ clock, onError, everyMs: 1_000 },
    write: (batch) => store.usage.add(batch),
  })
  return {
    sample(accountId, windows) {
      const ofAccount = last.get(accountId) ?? new Map<WindowKind, UsageSample>()
      last.set(accountId, ofAccount)
      let isNews = false
      for (const { kind, usedPercent, resetAtMs, source, readAtMs } of windows) {
        const row: UsageSample = { accountId, kind, atMs: readAtMs, usedPercent, resetAtMs, source }
        const before = ofAccount.get(kind)
        if (before && isSameFigure(before, row) && readAtMs - before.atMs < sampleEveryMs) continue
        isNews = true
        ofAccount.set(kind, row)
        queue.push(row)
      }
      return isNews
    },
    forget: (accountId) => void last.delete(accountId),
    flush: () => queue.flush(),
  }
}

function isSameFigure(before: UsageSample, now: UsageSample): boolean {
  const isAsHard = (before.source === 'refusal') === (now.source === 'refusal')
  return before.usedPercent === now.usedPercent && isAsHard && !isNewWindow(before, now)
}

export function isSameCredits(before: Credits | null, now: Credits | null): boolean {
  if (before === null || now === null) return before === now
  return before.has === now.has && before.unlimited === now.unlimited && before.balance === now.balance
}
