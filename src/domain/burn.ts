import {
  capacityOf,
  isNewWindow,
  type PlanCapacities,
  type QuotaWindow,
  type WindowKind,
  windowKinds,
} from './quota.ts'
import type { TokenUsage } from './request.ts'

/**
 * How much of a window a token uses up. The upstream does not say, so it is learned: what was spent between two figures
 * of one window, against how far the figure moved. Both sums fade, so that a changed plan is learned anew.
 */
export type BurnRates = Partial<Record<WindowKind, BurnRate>>
type BurnRate = { weighted: number; percent: number }

/**
 * Tokens in units of one uncached input token: cached input counts a tenth, output six times, as in the price list
 * (proxy reference, §17). What the upstream's meters really weigh is not known.
 */
export function weightedTokens({ input, cached, output }: TokenUsage): number {
  const warm = Math.min(cached, input)
  return input - warm + warm * cachedWeight + output * outputWeight
}
export const cachedWeight = 0.1
const outputWeight = 6

/** Before anything is learned, a credit of the plan's nominal capacity is taken for this many weighted tokens. */
const weightedPerCredit = 20_000
/** The assumption counts as much as this many observed percent points. */
const priorPercent = 2
/** Sums are halved when they have grown to this many percent points. */
const fadePercent = 40

/** Percent of a window that one weighted token uses up. 0 where the plan is taken to have no such window. */
export function percentPerToken(
  rates: BurnRates | null,
  plan: string,
  kind: WindowKind,
  capacities: PlanCapacities = {},
): number {
  const credits = capacityOf(plan, capacities)[kind]
  const learned = rates?.[kind]
  if (credits === null) return learned && learned.weighted > 0 ? learned.percent / learned.weighted : 0
  const assumed = 100 / (credits * weightedPerCredit)
  if (learned === undefined) return assumed
  return (learned.percent + priorPercent) / (learned.weighted + priorPercent / assumed)
}

/**
 * Fold in what was spent while the figure of a window moved. Nothing is learned from a window that began anew, or from
 * figures that went down.
 */
export function learnBurn(
  rates: BurnRates | null,
  before: readonly QuotaWindow[],
  after: readonly QuotaWindow[],
  spentWeighted: Partial<Record<WindowKind, number>>,
): BurnRates | null {
  let next = rates
  for (const kind of windowKinds) {
    const was = before.find((window) => window.kind === kind)
    const is = after.find((window) => window.kind === kind)
    const spent = spentWeighted[kind] ?? 0
    if (!was || !is || spent <= 0 || is.usedPercent <= was.usedPercent || is.usedPercent >= 100) continue
    if (isNewWindow(was, is)) continue
    const known = next?.[kind] ?? { weighted: 0, percent: 0 }
    const sum = { weighted: known.weighted + spent, percent: known.percent + is.usedPercent - was.usedPercent }
    const fade = sum.percent > fadePercent ? 0.5 : 1
    next = { ...next, [kind]: { weighted: sum.weighted * fade, percent: sum.percent * fade } }
  }
  return next
}

/** A guess at what a request will take, in weighted tokens, before anything is known of its answer. */
export function guessedTokens(inputTokens: number, warmTokens: number): number {
  const warm = Math.min(warmTokens, inputTokens)
  return inputTokens - warm + warm * cachedWeight + guessedOutput * outputWeight
}
const guessedOutput = 600
