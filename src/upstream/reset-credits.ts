import { z } from 'zod'
import type { Redemption } from '../domain/redemption.ts'
import type { ResetCredit, ResetCredits } from '../domain/reset-credit.ts'
import { looseNumber as number, looseText as text } from './fields.ts'

const creditShape = z.object({
  id: z.string().min(1),
  reset_type: text,
  status: text,
  granted_at: text,
  expires_at: text,
  title: text,
  description: text,
  redeem_started_at: text,
  redeemed_at: text,
})
const listShape = z.object({ credits: z.array(z.unknown()), available_count: number })
const outcomes = ['reset', 'already_redeemed', 'nothing_to_reset', 'no_credit'] as const
const redeemedShape = z.object({ code: z.enum(outcomes), windows_reset: number })

/** How the upstream answered a redemption. */
export type RedeemAnswer = {
  outcome: Extract<Redemption['outcome'], (typeof outcomes)[number]>
  windowsReset: number | null
}

/** Reads the answer of `GET /wham/rate-limit-reset-credits`. Null when it is not of that shape at all. */
export function readResetCredits(body: unknown, nowMs: number): ResetCredits | null {
  const parsed = listShape.safeParse(body)
  if (!parsed.success) return null
  const credits = parsed.data.credits.flatMap(creditOf)
  const listed = credits.filter(({ status }) => status === 'available').length
  return { credits, availableCount: Math.max(0, Math.floor(parsed.data.available_count ?? listed)), readAtMs: nowMs }
}

function creditOf(given: unknown): ResetCredit[] {
  const parsed = creditShape.safeParse(given)
  if (!parsed.success) return []
  const { id, reset_type, status, title, description, granted_at, expires_at, redeem_started_at, redeemed_at } =
    parsed.data
  return [
    {
      id,
      type: reset_type ?? null,
      status: status ?? 'unknown',
      title: title ?? null,
      description: description ?? null,
      grantedAtMs: moment(granted_at),
      expiresAtMs: moment(expires_at),
      redeemStartedAtMs: moment(redeem_started_at),
      redeemedAtMs: moment(redeemed_at),
    },
  ]
}

/** Reads the answer of `POST /wham/rate-limit-reset-credits/consume`. Null when it does not say how it ended. */
export function readRedeemed(body: unknown): RedeemAnswer | null {
  const parsed = redeemedShape.safeParse(body)
  if (!parsed.success) return null
  const { code, windows_reset } = parsed.data
  return { outcome: code, windowsReset: windows_reset == null ? null : Math.max(0, Math.floor(windows_reset)) }
}

function moment(given: string | null | undefined): number | null {
  const atMs = given ? Date.parse(given) : Number.NaN
  return Number.isFinite(atMs) ? atMs : null
}
