import { dayMs } from '../domain/quota.ts'
import type { Standing } from './standing.ts'
import type { Context, Strategy } from './strategies/strategy.ts'

const policyTier = { burn_first: 0, normal: 1, preserve: 2 } as const
/** Priorities run from -100 to 100; see the contract of accounts. */
const priorities = 201
const buckets = 1_000

/**
 * What goes before the rank, as one number; the lower goes first. In this order: used up by its figures, the account's
 * policy, near its edge, still at its slow start, priority, and the earlier reset where that is asked for.
 */
export function tierOf(standing: Standing, context: Context, { hasTiers }: Strategy): number {
  const { edge, account } = standing
  const out = edge === 2 ? 1 : 0
  if (!hasTiers) return out * 2 + edge
  const policy = policyTier[account.policy]
  const slow = isOverSlowStart(standing, context) ? 1 : 0
  const tier = ((out * 3 + policy) * 3 + edge) * 2 + slow
  return (tier * priorities + (100 - account.priority)) * (buckets + 1) + resetBucket(standing, context)
}

/** True while the account has as much in flight as its slow start allows: one at first, then more with each minute. */
export function isOverSlowStart({ account }: Standing, { nowMs, settings }: Context): boolean {
  const lengthMs = settings.slowStartMinutes * 60_000
  const sinceMs = nowMs - Math.max(account.createdAtMs, account.health.fitSinceMs)
  if (sinceMs >= lengthMs || account.inFlight === 0) return false
  return account.inFlight >= 1 + Math.floor((Math.max(0, sinceMs) / lengthMs) * settings.maxStreams)
}

/** By days for the long window, by quarters of an hour for the short one: within a bucket the strategy decides. */
function resetBucket({ short, long }: Standing, { nowMs, settings }: Context): number {
  if (settings.preferEarlierReset === 'off') return 0
  const [side, widthMs] = settings.preferEarlierReset === 'short' ? [short, 900_000] : [long, dayMs]
  if (side.resetAtMs === null) return buckets
  return Math.min(buckets - 1, Math.floor((side.resetAtMs - nowMs) / widthMs))
}
