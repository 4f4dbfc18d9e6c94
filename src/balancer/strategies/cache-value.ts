import { cachedWeight } from '../../domain/burn.ts'
import type { Side, Standing } from '../standing.ts'
import type { Context, Strategy } from './strategy.ts'

/**
 * The account that serves the request at the lowest price. The price is what the request uses up of the account's quota,
 * times what that quota is worth now: little when it would be lost unused at the reset, much when the window is used
 * up faster than its time passes. An account whose prompt cache holds the beginning charges a tenth for it, so a thread
 * moves only when another account's quota is so much cheaper that paying the whole prefix again is worth it.
 */
export const cacheValue: Strategy = {
  hasTiers: true,
  pricesMoves: true,
  rank: (standing, context) => -price(standing, context),
  explain(standing, context) {
    const worth = worthOf(standing, context.nowMs)
    return { price: price(standing, context), tokens: tokensOn(standing, context), worth }
  },
}

/** How steeply quota gets dearer as it is used ahead of time: e^k between unused and used up. */
const steepness = 5

/** In credits of the long window, so that a big and a small plan compare. */
function price(standing: Standing, context: Context): number {
  return tokensOn(standing, context) * creditsPerToken(standing) * worthOf(standing, context.nowMs)
}

/** Weighted tokens of the input on this account. */
function tokensOn({ account }: Standing, { home, inputTokens }: Context): number {
  const all = Math.max(inputTokens, home?.warmTokens ?? 0, 1)
  if (home === null || home.accountId !== account.id) return all
  // What is not warm is paid in full everywhere.
  return all - home.warmTokens * (1 - cachedWeight)
}

function creditsPerToken({ long, short }: Standing): number {
  if (long.credits !== null) return (long.credits * long.percentPerToken) / 100
  return ((short.credits ?? 1) * short.percentPerToken) / 100
}

function worthOf(standing: Standing, nowMs: number): number {
  return Math.max(worthOfSide(standing.short, nowMs), worthOfSide(standing.long, nowMs))
}

/** 1 where use keeps pace with time. A window that is not running has lost nothing yet. */
function worthOfSide({ usedPercent, resetAtMs, lengthMs }: Side, nowMs: number): number {
  const elapsed = resetAtMs === null ? 0 : Math.min(1, Math.max(0, 1 - (resetAtMs - nowMs) / lengthMs))
  return Math.exp(steepness * (usedPercent / 100 - elapsed))
}
