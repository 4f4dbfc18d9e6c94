import type { Standing } from '../standing.ts'
import { leftLongCredits, msToLongReset, sampled } from './parts.ts'
import type { Strategy } from './strategy.ts'

const leastMs = 300_000
/** Candidates with less than this share of the best one's score are left out. */
const leastShare = 0.1
/** Below any rank that chance may give. */
const unchosen = -1e300

/** By what is left for each second until the reset: quota that would be lost soon weighs more. */
export const relativeAvailability: Strategy = {
  hasTiers: true,
  pricesMoves: false,
  /** The lowest score that takes part: that of the k-th best, and no less than a tenth of the best. */
  prepare(candidates, { nowMs, settings }) {
    const best: number[] = []
    for (const one of candidates) {
      const score = scoreOf(one, nowMs)
      if (best.length === settings.relativeTopK && score <= (best.at(-1) ?? 0)) continue
      if (best.length === settings.relativeTopK) best.pop()
      let at = best.push(score) - 1
      for (let above = best[at - 1]; above !== undefined && above < score; above = best[at - 1]) best[at--] = above
      best[at] = score
    }
    return Math.max(best.at(-1) ?? 0, (best[0] ?? 0) * leastShare)
  },
  rank(standing, context) {
    const score = scoreOf(standing, context.nowMs)
    if (score < context.prepared) return unchosen
    return sampled(standing, score ** context.settings.relativePower, context)
  },
  explain: (standing, { nowMs, prepared }) => ({ creditsPerSecond: scoreOf(standing, nowMs), least: prepared }),
}

function scoreOf(standing: Standing, nowMs: number): number {
  return (leftLongCredits(standing) / Math.max(msToLongReset(standing, nowMs), leastMs)) * 1_000
}
