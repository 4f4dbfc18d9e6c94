import type { Clock } from '../lib/clock.ts'

/**
 * Bounds what is sent again because the upstream failed: an outage must not be met with several times the traffic. What an
 * account's limit or sign-in moves to another account is no retry in this sense: each such refusal happens once.
 */
export type RetryBudget = {
  /** A request of a client has come: it earns a share of a retry. */
  earn(): void
  /** True when one more retry may be sent. */
  spend(): boolean
}

/** Retries per request of a client. */
const share = 0.2
/** A pool with little traffic gets this many a second, and may save this many up. */
const perSecond = 2
const mostSaved = 60

export function createRetryBudget(clock: Clock): RetryBudget {
  let saved = mostSaved
  let atMs = clock.now()
  const refill = (by: number) => {
    const nowMs = clock.now()
    saved = Math.min(mostSaved, saved + by + (Math.max(0, nowMs - atMs) / 1_000) * perSecond)
    atMs = nowMs
  }
  return {
    earn: () => refill(share),
    spend() {
      refill(0)
      if (saved < 1) return false
      saved--
      return true
    },
  }
}
