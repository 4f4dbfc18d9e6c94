import type { Overview } from '../contract/overview.ts'
import type { Account } from '../domain/account.ts'
import { poolWindows } from '../domain/pool-windows.ts'
import { iso } from './account-views.ts'

/** The pool's windows as people see them. */
export function poolWindowViews(accounts: readonly Account[], nowMs: number): Overview['windows'] {
  return poolWindows(accounts, nowMs).map((window) => ({
    kind: window.kind,
    remainingPercent: Math.round((100 - window.usedPercent) * 10) / 10,
    nextResetAt: window.resetAtMs === null ? null : iso(window.resetAtMs),
    accounts: window.accounts,
  }))
}
