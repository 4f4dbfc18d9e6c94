import type { Account } from './account.ts'
import { capacityOf, type PlanCapacities, usedNow } from './quota.ts'

/** A grant with which an account's running windows can be started anew, once. Times are epoch ms. */
export type ResetCredit = {
  id: string
  type: string | null
  /** The upstream's word; `available` is the only one that can be used. */
  status: string
  title: string | null
  description: string | null
  grantedAtMs: number | null
  expiresAtMs: number | null
  redeemStartedAtMs: number | null
  redeemedAtMs: number | null
}

/** What one account holds. `availableCount` is the upstream's own; it may know of more credits than it lists. */
export type ResetCredits = { credits: readonly ResetCredit[]; availableCount: number; readAtMs: number }

export function isUsable({ status, expiresAtMs }: ResetCredit, nowMs: number): boolean {
  return status === 'available' && (expiresAtMs === null || expiresAtMs > nowMs)
}

/** The credit to use first: the one that is lost soonest. */
export function nextCredit(credits: readonly ResetCredit[], nowMs: number): ResetCredit | null {
  const usable = credits.filter((credit) => isUsable(credit, nowMs))
  return usable.toSorted((a, b) => (a.expiresAtMs ?? Infinity) - (b.expiresAtMs ?? Infinity))[0] ?? null
}

/**
 * What a reset would give, in credits of the plans' sizes: what is used of each window, the less the sooner it would
 * have come back by itself.
 */
export function gainOfReset({ plan, windows }: Account, capacities: PlanCapacities, nowMs: number): number {
  const capacity = capacityOf(plan, capacities)
  let gain = 0
  for (const window of windows) {
    const used = ((capacity[window.kind] ?? 1) * usedNow(window, nowMs)) / 100
    const leftMs = window.resetAtMs === null ? window.lengthMs : window.resetAtMs - nowMs
    gain += used * Math.min(1, Math.max(0, leftMs / window.lengthMs))
  }
  return gain
}
