import { randomUUID } from 'node:crypto'
import { fullWindow, type SimulatedAccount, type SimulatedCredit } from './accounts.ts'
import type { JsonObject } from './json.ts'
import { isFull, readWindow, setPercent, type UsageWindow } from './windows.ts'

/** The body of `GET /wham/usage`. */
export function usageOf(account: SimulatedAccount, nowMs: number): object {
  const full = fullWindow(account, nowMs)
  const available = account.resetCredits.filter((credit) => isAvailable(credit, nowMs))
  return {
    user_id: account.userId,
    account_id: account.accountId,
    email: account.email,
    plan_type: account.plan,
    rate_limit: rateLimit(account.windows, full !== null, nowMs),
    code_review_rate_limit: null,
    additional_rate_limits: account.meters.map(({ name, feature, windows }) => ({
      limit_name: name,
      metered_feature: feature,
      rate_limit: rateLimit(
        windows,
        windows.some((window) => isFull(window, nowMs)),
        nowMs,
      ),
    })),
    credits: { ...creditsOf(account), approx_local_messages: [0, 0], approx_cloud_messages: [0, 0] },
    spend_control: { reached: false, individual_limit: null },
    rate_limit_reached_type: full ? { type: account.limitReachedType } : null,
    promo: null,
    rate_limit_reset_credits: { available_count: available.length },
  }
}

function rateLimit(windows: readonly UsageWindow[], isReached: boolean, nowMs: number): object {
  const [primary = null, secondary = null] = windows.map((window) => {
    const reading = readWindow(window, nowMs)
    return {
      used_percent: reading.usedPercent,
      limit_window_seconds: reading.lengthSeconds,
      reset_after_seconds: reading.resetAfterSeconds,
      reset_at: reading.resetAt,
    }
  })
  return { allowed: !isReached, limit_reached: isReached, primary_window: primary, secondary_window: secondary }
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

/** The body of `GET /wham/rate-limit-reset-credits`. */
export function resetCreditsOf(account: SimulatedAccount, nowMs: number): object {
  const credits = account.resetCredits.map((credit) => creditAnswer(credit, nowMs))
  return { credits, available_count: account.resetCredits.filter((credit) => isAvailable(credit, nowMs)).length }
}

function isAvailable({ redeemedAtMs, expiresAtMs }: SimulatedCredit, nowMs: number): boolean {
  return redeemedAtMs === null && expiresAtMs > nowMs
}

function creditAnswer(credit: SimulatedCredit, nowMs: number): object {
  const unused = isAvailable(credit, nowMs) ? 'available' : 'expired'
  return {
    id: credit.id,
    reset_type: 'codex_rate_limits',
    status: credit.redeemedAtMs === null ? unused : 'redeemed',
    granted_at: iso(credit.grantedAtMs),
    expires_at: iso(credit.expiresAtMs),
    title: 'Rate limit reset',
    description: null,
    redeem_started_at: null,
    redeemed_at: credit.redeemedAtMs === null ? null : iso(credit.redeemedAtMs),
  }
}

/** Redeems one credit: every window starts anew. The same request again changes nothing. */
export function redeemCredit(account: SimulatedAccount, body: JsonObject | null, nowMs: number): object {
  const id = typeof body?.redeem_request_id === 'string' ? body.redeem_request_id : randomUUID()
  const before = account.redemptions.get(id)
  if (before) return redeemed('already_redeemed', before, nowMs)
  const named = account.resetCredits.filter((one) => body?.credit_id === undefined || one.id === body.credit_id)
  const credit = named.find((one) => isAvailable(one, nowMs))
  if (!credit) {
    const used = body?.credit_id === undefined ? undefined : named.find((one) => one.redeemedAtMs !== null)
    if (used) return redeemed('already_redeemed', { credit: used, windowsReset: 0 }, nowMs)
    return { code: 'no_credit', windows_reset: 0, credit: null }
  }
  const running = account.windows.filter((window) => readWindow(window, nowMs).usedPercent > 0)
  if (running.length === 0) return { code: 'nothing_to_reset', windows_reset: 0, credit: null }
  for (const window of running) setPercent(window, 0, nowMs)
  credit.redeemedAtMs = nowMs
  const redemption = { credit, windowsReset: running.length }
  account.redemptions.set(id, redemption)
  return redeemed('reset', redemption, nowMs)
}

type Redeemed = { credit: SimulatedCredit; windowsReset: number }

function redeemed(code: string, { credit, windowsReset }: Redeemed, nowMs: number): object {
  return { code, windows_reset: windowsReset, credit: creditAnswer(credit, nowMs) }
}

/** The body of `GET /wham/profiles/me`. */
export function profileOf({ email, statistics }: SimulatedAccount, nowMs: number): object {
  const days = Object.entries(statistics.days ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    profile: { username: email.replace(/@.*/, ''), display_name: 'Simulated User', profile_picture_url: null },
    stats: {
      lifetime_tokens: statistics.lifetimeTokens ?? null,
      peak_daily_tokens: statistics.peakDailyTokens ?? null,
      longest_running_turn_sec: statistics.longestTurnSeconds ?? null,
      current_streak_days: statistics.currentStreakDays ?? null,
      longest_streak_days: statistics.longestStreakDays ?? null,
      daily_usage_buckets: days.map(([start_date, tokens]) => ({ start_date, tokens })),
    },
    metadata: { stats_as_of: iso(nowMs) },
  }
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}
