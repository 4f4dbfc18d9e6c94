import { randomBytes } from 'node:crypto'
import { fullWindow, type SimulatedAccount } from './accounts.ts'
import type { JsonObject } from './json.ts'
import { readWindow, setPercent } from './windows.ts'

/** The body of `GET /wham/usage`. */
export function usageOf(account: SimulatedAccount, nowMs: number): object {
  const full = fullWindow(account, nowMs)
  const [primary = null, secondary = null] = account.windows.map((window) => {
    const reading = readWindow(window, nowMs)
    return {
      used_percent: reading.usedPercent,
      limit_window_seconds: reading.lengthSeconds,
      reset_after_seconds: reading.resetAfterSeconds,
      reset_at: reading.resetAt,
    }
  })
  return {
    user_id: account.userId,
    account_id: account.accountId,
    email: account.email,
    plan_type: account.plan,
    rate_limit: {
      allowed: full === null,
      limit_reached: full !== null,
      primary_window: primary,
      secondary_window: secondary,
    },
    code_review_rate_limit: null,
    additional_rate_limits: [],
    credits: { ...creditsOf(account), approx_local_messages: [0, 0], approx_cloud_messages: [0, 0] },
    spend_control: { reached: false, individual_limit: null },
    rate_limit_reached_type: full ? { type: 'rate_limit_reached' } : null,
    promo: null,
    rate_limit_reset_credits: { available_count: account.resetCredits },
  }
}

/** The fields of a `codex.rate_limits` event. */
export function rateLimitsOf(account: SimulatedAccount, nowMs: number): object {
  const [primary = null, secondary = null] = account.windows.map((window) => {
    const reading = readWindow(window, nowMs)
    return {
      used_percent: reading.usedPercent,
      window_minutes: reading.lengthSeconds / 60,
      reset_after_seconds: reading.resetAfterSeconds,
      reset_at: reading.resetAt,
    }
  })
  const full = fullWindow(account, nowMs)
  return {
    plan_type: account.plan,
    rate_limits: { allowed: full === null, limit_reached: full !== null, primary, secondary },
    credits: creditsOf(account),
  }
}

function creditsOf(account: SimulatedAccount): object {
  return { has_credits: account.creditsBalance > 0, unlimited: false, balance: String(account.creditsBalance) }
}

/** The body of `GET /wham/accounts/check`. */
export function accountsCheckOf(account: SimulatedAccount): object {
  return {
    accounts: [
      {
        id: account.accountId,
        account_user_id: `${account.userId}__${account.accountId}`,
        structure: account.plan === 'team' || account.plan === 'business' ? 'workspace' : 'personal',
        plan_type: account.plan,
        name: null,
        profile_picture_url: null,
        is_deactivated: false,
        can_access_with_session: true,
        sso_connection_name: null,
        is_fedramp_compliant_workspace: false,
        workspace_backend_origin: 'https://chatgpt.com',
        account_routing_override: 'NO_CONSTRAINT',
      },
    ],
    default_account_id: account.accountId,
    account_ordering: [account.accountId],
  }
}

const dayMs = 86_400_000

/** The body of `GET /wham/rate-limit-reset-credits`. */
export function resetCreditsOf(account: SimulatedAccount, nowMs: number): object {
  const credits = Array.from({ length: account.resetCredits }, (_, i) => ({
    id: `rlrc_${account.tag}${i}`,
    reset_type: 'codex_rate_limits',
    status: 'available',
    granted_at: new Date(nowMs - dayMs).toISOString(),
    expires_at: new Date(nowMs + 30 * dayMs).toISOString(),
    title: 'Rate limit reset',
    description: null,
    redeem_started_at: null,
    redeemed_at: null,
  }))
  return { credits, available_count: account.resetCredits }
}

/** Redeems one credit: every window starts anew. */
export function redeemCredit(account: SimulatedAccount, body: JsonObject | null, nowMs: number): object {
  if (account.resetCredits === 0) return { code: 'no_credit', windows_reset: 0, credit: null }
  const running = account.windows.filter((window) => window.usedTokens > 0)
  if (running.length === 0) return { code: 'nothing_to_reset', windows_reset: 0, credit: null }
  for (const window of running) setPercent(window, 0, nowMs)
  account.resetCredits--
  const id = typeof body?.credit_id === 'string' ? body.credit_id : `rlrc_${randomBytes(8).toString('hex')}`
  const redeemed = {
    id,
    reset_type: 'codex_rate_limits',
    status: 'redeemed',
    redeemed_at: new Date(nowMs).toISOString(),
  }
  return { code: 'reset', windows_reset: running.length, credit: redeemed }
}
