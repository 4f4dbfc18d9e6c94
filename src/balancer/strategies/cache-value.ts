import { cachedWeight } from '../../domain/burn.ts'
import type { Side, Standing } from '../standing.ts'
import { sampled } from './parts.ts'
import type { Context, Strategy } from './strategy.ts'

/**
 * The account that serves the request at the lowest price. The price is what the request uses up of the account's quota,
 * times what that quota is worth now: little when it would be lost unused at the reset, much when the long window is used
 * up faster than its time passes, and the more the nearer the short one is to its end. An account whose prompt cache holds
 * the beginning charges a tenth for it, so a thread moves only when another account's quota is so much cheaper that paying
 * the whole prefix again is worth it. A thread of which nothing is cached is placed by chance instead, by size and much rather
 * where quota is cheap: if all went to the cheapest account, they would fill its short window, and leave it, together.
 */
export const cacheValue: Strategy = {
  hasTiers: true,
  pricesMoves: true,
  /** The input in full, as a logarithm: prices are compared by theirs, for speed. */
  prepare: (_candidates, context) => Math.log(inputOf(context)),
  rank(standing, context) {
    const { home, prepared } = context
    const isHome = home !== null && home.accountId === standing.account.id
    if (home === null || home.warmTokens === 0) return placed(standing, isHome, context)
    const tokens = isHome ? Math.log(warmInputOf(context)) : prepared
    return -(tokens + standing.logCreditsPerToken + scarcityOf(standing, context.nowMs))
  },
  explain(standing, context) {
    const isHome = context.home?.accountId === standing.account.id
    const tokens = isHome ? warmInputOf(context) : inputOf(context)
    const worth = Math.exp(scarcityOf(standing, context.nowMs))
    return { price: tokens * Math.exp(standing.logCreditsPerToken) * worth, tokens, worth }
  },
}

/** How steeply quota gets dearer as it is used ahead of time: e^k between unused and used up. */
const steepness = 5
/** The same for a thread that is placed by chance: a cheap account must be much more likely to weigh as much. */
const placingSteepness = 20

/** Nothing is won by leaving an account that has room, and its cache may last longer than is known; else by chance. */
function placed(standing: Standing, isHome: boolean, context: Context): number {
  const { short, long } = standing
  const room = roomIn(short)
  if (isHome && room === 1) return 0
  const weight = (long.credits ?? 1) * room * Math.exp(-placingSteepness * aheadOf(long, context.nowMs))
  return sampled(standing, weight, context)
}

function inputOf({ home, inputTokens }: Context): number {
  return Math.max(inputTokens, home?.warmTokens ?? 0, 1)
}

/** Weighted tokens of the input where the beginning is cached. What is not warm is paid in full everywhere. */
function warmInputOf(context: Context): number {
  return inputOf(context) - (context.home?.warmTokens ?? 0) * (1 - cachedWeight)
}

/** The logarithm of what a credit is worth: 0 where use of the long window keeps pace with time and the short one has room. */
function scarcityOf({ short, long }: Standing, nowMs: number): number {
  return steepness * aheadOf(long, nowMs) - Math.log(roomIn(short))
}

/** How far use is ahead of time, as a share of the window. One that is not running has lost nothing yet. */
function aheadOf({ usedPercent, resetAtMs, lengthMs }: Side, nowMs: number): number {
  const elapsed = resetAtMs === null ? 0 : Math.min(1, Math.max(0, 1 - (resetAtMs - nowMs) / lengthMs))
  return usedPercent / 100 - elapsed
}

/**
 * 1 while more than a quarter is left, then down to nearly 0. The short window comes back by itself within hours: that it is
 * used ahead of time is no reason to leave a warm cache; that it will soon be full is one.
 */
function roomIn({ usedPercent }: Side): number {
  return Math.max(0.01, Math.min(1, (1 - usedPercent / 100) * 4))
}
