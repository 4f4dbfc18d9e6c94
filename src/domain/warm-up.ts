import type { Account } from './account.ts'
import { limitingBlock } from './account.ts'
import { minuteMs, type QuotaWindow, usedNow } from './quota.ts'

export const warmUpRefusals = [
  'paused',
  'signed_out',
  'blocked',
  'no_reading',
  'no_short_window',
  'window_running',
  'no_time',
] as const
/** Why an account is not warmed up. `no_time`: the others took all of it. */
export type WarmUpRefusal = (typeof warmUpRefusals)[number]

/** What says that a tiny turn would not begin a short window here; null: it would. */
export function warmUpRefusal(account: Account, nowMs: number): WarmUpRefusal | null {
  const { health, windows } = account
  if (health.signIn !== 'ok') return 'signed_out'
  if (health.paused) return 'paused'
  if (limitingBlock(health, nowMs) !== null) return 'blocked'
  if (windows.length === 0) return 'no_reading'
  const short = windows.find(({ kind }) => kind === 'short')
  if (short === undefined) return 'no_short_window'
  return isRunning(short, nowMs) ? 'window_running' : null
}

/** A window that nobody has begun is told as one that would end its whole length from now. */
function isRunning(window: QuotaWindow, nowMs: number): boolean {
  const { resetAtMs, readAtMs, lengthMs } = window
  if (usedNow(window, nowMs) > 0) return true
  return resetAtMs !== null && resetAtMs > nowMs && resetAtMs - readAtMs < lengthMs - 2 * minuteMs
}
