import { leftLongCredits, sampled, shortFade } from './parts.ts'
import type { Strategy } from './strategy.ts'

/** Spread by what is left: an account with ten times the quota gets ten times the requests. */
export const capacityWeighted: Strategy = {
  hasTiers: true,
  pricesMoves: false,
  rank: (standing, context) => sampled(standing, leftLongCredits(standing) * shortFade(standing), context),
  explain: (standing) => ({ leftCredits: leftLongCredits(standing), shortFade: shortFade(standing) }),
}
