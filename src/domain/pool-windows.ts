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

/** Windows of the pool, shortest first. Accounts that a person has taken out do not count. */
export function poolWindows(accounts: readonly Account[], nowMs: number): PoolWindow[] {
  const serving = accounts.filter(({ health }) => !health.paused && health.signIn === 'ok')
  return windowKinds.flatMap((kind) => {
    const parts = serving.flatMap((account) => {
      const window = account.windows.find((one) => one.kind === kind)
      return window ? [{ window, capacity: capacityOf(account.plan)[kind] ?? 1 }] : []
    })
    const first = parts[0]
    if (first === undefined) return []
    const total = parts.reduce((sum, { capacity }) => sum + capacity, 0)
    const used = parts.reduce((sum, { window, capacity }) => sum + capacity * usedNow(window, nowMs), 0)
    const resets = parts.flatMap(({ window }) => futureReset(window, nowMs))
    const resetAtMs = resets.length === 0 ? null : Math.min(...resets)
    return [{ kind, usedPercent: used / total, lengthMs: first.window.lengthMs, resetAtMs, accounts: parts.length }]
  })
}

function futureReset({ resetAtMs }: QuotaWindow, nowMs: number): number[] {
  return resetAtMs !== null && resetAtMs > nowMs ? [resetAtMs] : []
}
