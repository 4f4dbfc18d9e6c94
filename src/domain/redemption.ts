/** How a redemption of a reset credit ended. `pending`: not known yet, so its idempotency key must be used again. */
export const redemptionOutcomes = [
  'pending',
  'reset',
  'already_redeemed',
  'nothing_to_reset',
  'no_credit',
  'failed',
] as const

/** One use of a reset credit, from the moment before it is asked for. Times are epoch ms. */
export type Redemption = {
  /** The idempotency key. */
  id: string
  accountId: string
  /** Null: the upstream chooses. */
  creditId: string | null
  by: 'operator' | 'client' | 'rule'
  outcome: (typeof redemptionOutcomes)[number]
  /** What went wrong, for `pending` and `failed`. */
  error: string | null
  windowsReset: number | null
  startedAtMs: number
  settledAtMs: number | null
}
