import type { Settings } from '../../domain/settings.ts'
import type { Standing } from '../standing.ts'

/** What ranking may look at beside the account. */
export type Context = {
  nowMs: number
  settings: Settings
  /** Hash of the request's seed: makes chance repeatable. */
  seed: number
  /** A guess at the request's input tokens. */
  inputTokens: number
  /** The account whose prompt cache holds the beginning of the request, and how many tokens of it. */
  home: Home | null
  /** What `prepare` of the strategy made of all candidates. */
  prepared: number
}
/** `byHand`: a person put the thread there, and no answer has begun there since. */
export type Home = { accountId: string; warmTokens: number; byHand?: boolean }

/** A way to rank accounts that may all serve. The higher rank wins; equal ranks fall to the longest unused. */
export type Strategy = {
  /** False: edges alone go before the rank; policies, priorities and the like are not asked. */
  hasTiers: boolean
  /** True: the rank itself weighs what leaving a warm cache costs. False: a thread stays while its account has room. */
  pricesMoves: boolean
  /** Looks at all candidates at once, where a rank depends on the others. */
  prepare?(candidates: readonly Standing[], context: Context): number
  rank(standing: Standing, context: Context): number
  /** The parts of the rank, for people. */
  explain(standing: Standing, context: Context): Record<string, number>
}
