import type { Standing } from '../standing.ts'
import { leftLongCredits, msToLongReset, sampled } from './parts.ts'
import type { Strategy } from './strategy.ts'

const leastMs = 300_000
/** Candidates with less than this share of the best one's score are left out. */
const leastShare = 0.1

/** By what is left for each second until the reset: quota that would be lost soon weighs more. */
export const relativeAvailability: Strategy = {
  hasTiers: true,
  pricesMoves: false,
  /** The lowest score that takes part: that of the k-th best, and no less than a tenth of the best. */
  prepare(candidates, { nowMs, settings }) {
    const scores = candidates.map((one) => scoreOf(one, nowMs)).sort((a, b) => b - a)
    const last = scores[Math.min(settings.relativeTopK, scores.length) - 1] ?? 0
    return Math.max(last, (scores[0] ?? 0) * leastShare)
  },
  rank(standing, context) {
    const score = scoreOf(standing, context.nowMs)
    const rank = sampled(standing, score ** context.settings.relativePower, context)
    // Whoever takes no part still has an order, below all who do.
    return score < context.prepared ? -1e12 + score : rank
  },
  explain: (standing, { nowMs, prepared }) => ({ creditsPerSecond: scoreOf(standing, nowMs), least: prepared }),
}

function scoreOf(standing: Standing, nowMs: number): number {
  return (leftLongCredits(standing) / Math.max(msToLongReset(standing, nowMs), leastMs)) * 1_000
}
