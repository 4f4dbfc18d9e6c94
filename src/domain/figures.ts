import type { Account } from './account.ts'
import { learnBurn, weightedTokens } from './burn.ts'
import type { Meter } from './meter.ts'
import { isNewWindow, mergeReadings, type WindowKind, windowKinds } from './quota.ts'
import type { Reading } from './reading.ts'
import type { TokenUsage } from './request.ts'

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

/** The guess makes way for what the request really took; where that is unknown nothing is known to be spent. */
export function settleSpending(spending: Spending, guessed: number, usage: TokenUsage | null): Spending {
  const inFlightTokens = Math.max(0, spending.inFlightTokens - guessed)
  if (usage === null) return { ...spending, inFlightTokens }
  const took = weightedTokens(usage)
  const sinceMove = { ...spending.sinceMove }
  for (const kind of windowKinds) sinceMove[kind] = (sinceMove[kind] ?? 0) + took
  return { inFlightTokens, settledTokens: spending.settledTokens + took, sinceMove }
}
