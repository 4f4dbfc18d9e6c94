import { chanceOfHashes } from '../chance.ts'
import type { Standing } from '../standing.ts'
import type { Context } from './strategy.ts'

const week = 604_800_000

/** Used-up accounts have an order, too. */
const leastWeight = 1e-200

/** Credits left in the long window. */
export function leftLongCredits({ long }: Standing): number {
  return (long.credits ?? 1) * (1 - long.usedPercent / 100)
}

/** 1 while the short window has more than a quarter left, then down to 0. */
export function shortFade({ short }: Standing): number {
  return Math.min(1, (1 - short.usedPercent / 100) * 4)
}

/** Time to the reset of the long window; a week where it is not known. */
export function msToLongReset({ long }: Standing, nowMs: number): number {
  return long.resetAtMs === null ? week : long.resetAtMs - nowMs
}

/**
 * Weighted sampling by keys (Efraimidis and Spirakis): of all candidates the largest log(chance) / weight wins, each with a
 * probability in proportion to its weight.
 */
export function sampled(standing: Standing, weight: number, { seed }: Context): number {
  return Math.log(chanceOfHashes(seed, standing.hash)) / Math.max(weight, leastWeight)
}
