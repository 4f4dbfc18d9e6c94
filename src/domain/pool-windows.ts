import type { Account } from './account.ts'
import { capacityOf, type QuotaWindow, usedNow, type WindowKind, windowKinds } from './quota.ts'

/** One window of the whole pool: what is used of all capacity, and when the first part of it comes back. */
export type PoolWindow = {
  kind: WindowKind
  usedPercent: number
  lengthMs: number
  resetAtMs: number | null
  /** How many accounts report this window. */
  accounts: number
}

/** Windows of the pool, shortest first. Accounts that a person has taken out do not count. Runs for every answer. */
export function poolWindows(accounts: readonly Account[], nowMs: number): PoolWindow[] {
  const sums = new Map<WindowKind, Sum>()
  for (const { health, plan, windows } of accounts) {
    if (health.paused || health.signIn !== 'ok') continue
    const capacity = capacityOf(plan)
    for (const window of windows) {
      const sum = sums.get(window.kind) ?? {
        lengthMs: window.lengthMs,
        capacity: 0,
        used: 0,
        resetAtMs: null,
        accounts: 0,
      }
      sums.set(window.kind, plus(sum, window, capacity[window.kind] ?? 1, nowMs))
    }
  }
  return windowKinds.flatMap((kind) => {
    const sum = sums.get(kind)
    if (sum === undefined) return []
    const { lengthMs, resetAtMs, accounts: count } = sum
    return [{ kind, usedPercent: sum.used / sum.capacity, lengthMs, resetAtMs, accounts: count }]
  })
}

type Sum = { lengthMs: number; capacity: number; used: number; resetAtMs: number | null; accounts: number }

/** Adds one account's window to the sum, in place. */
function plus(sum: Sum, window: QuotaWindow, capacity: number, nowMs: number): Sum {
  const { resetAtMs } = window
  sum.accounts++
  sum.capacity += capacity
  sum.used += capacity * usedNow(window, nowMs)
  const isSooner = resetAtMs !== null && resetAtMs > nowMs && (sum.resetAtMs === null || resetAtMs < sum.resetAtMs)
  if (isSooner) sum.resetAtMs = resetAtMs
  return sum
}
