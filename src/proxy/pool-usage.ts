import { exclusionOf, meterExclusion } from '../balancer/eligibility.ts'
import type { Account } from '../domain/account.ts'
import type { Meter } from '../domain/meter.ts'
import { byRank } from '../domain/plan.ts'
import { type PoolWindow, poolWindows } from '../domain/pool-windows.ts'
import { minuteMs, type QuotaWindow, usedNow } from '../domain/quota.ts'
import type { Head } from '../upstream/opening.ts'

const slots = ['primary', 'secondary'] as const

/** The `x-codex-*` headers that feed Codex's status line, for the pool instead of the one account that answered. */
export function poolHeaders(accounts: readonly Account[], nowMs: number): Record<string, string> {
  const headers: Record<string, string> = {}
  const windows = poolWindows(accounts, nowMs)
  for (const [index, slot] of slots.entries()) {
    const window = windows[index]
    if (window === undefined) continue
    headers[`x-codex-${slot}-used-percent`] = String(Math.round(window.usedPercent * 10) / 10)
    headers[`x-codex-${slot}-window-minutes`] = String(Math.round(window.lengthMs / minuteMs))
    if (window.resetAtMs !== null) headers[`x-codex-${slot}-reset-at`] = String(Math.ceil(window.resetAtMs / 1000))
  }
  return headers
}

/** Headers of an answer that mean something to a client, with the pool's figures in place of one account's. */
export function relayedHeaders({ headers }: Head, accounts: readonly Account[], nowMs: number): Record<string, string> {
  const kept = poolHeaders(accounts, nowMs)
  for (const name of ['x-codex-turn-state', 'openai-model', 'openai-processing-ms']) {
    const value = headers[name]
    if (typeof value === 'string') kept[name] = value
  }
  return kept
}

/**
 * The answer of the usage call, for the pool instead of one account, in the upstream's own shape. `resetCredits` null:
 * nothing is known of them.
 */
export function poolUsage(accounts: readonly Account[], nowMs: number, resetCredits: number | null = null): object {
  const hasRoom = accounts.some((account) => !isFull(account.windows, nowMs) && exclusionOf(account, nowMs) === null)
  const isOut = accounts.length > 0 && !hasRoom
  return {
    plan_type: highestPlan(accounts),
    rate_limit: rateLimit(accounts, hasRoom, isOut, nowMs),
    code_review_rate_limit: null,
    additional_rate_limits: meterLimits(accounts, nowMs),
    credits: creditsOf(accounts),
    spend_control: { reached: false, individual_limit: null },
    rate_limit_reached_type: isOut ? { type: limitReached(accounts) } : null,
    promo: null,
    rate_limit_reset_credits: resetCredits === null ? null : { available_count: resetCredits },
  }
}

/** The pool's windows as a `codex.rate_limits` event, which is what Codex reads on a socket (protocol reference, §5.6). */
export function poolLimitsEvent(accounts: readonly Account[], nowMs: number): string {
  const [primary = null, secondary = null] = poolWindows(accounts, nowMs).map((window) => ({
    used_percent: Math.round(window.usedPercent * 10) / 10,
    window_minutes: Math.round(window.lengthMs / minuteMs),
    reset_at: window.resetAtMs === null ? null : Math.ceil(window.resetAtMs / 1000),
  }))
  const { has_credits, unlimited, balance } = creditsOf(accounts)
  return JSON.stringify({
    type: 'codex.rate_limits',
    plan_type: highestPlan(accounts),
    rate_limits: { primary, secondary },
    credits: { has_credits, unlimited, balance },
  })
}

function rateLimit(accounts: readonly Account[], allowed: boolean, limit_reached: boolean, nowMs: number): object {
  const { primary, secondary } = poolWindowsShown(accounts, nowMs)
  return { allowed, limit_reached, primary_window: primary, secondary_window: secondary }
}

/** The pool's two shortest windows in the upstream's own shape; null for one that no account has. */
export function poolWindowsShown(accounts: readonly Account[], nowMs: number) {
  const [primary, secondary] = poolWindows(accounts, nowMs)
  return { primary: shown(primary, nowMs), secondary: shown(secondary, nowMs) }
}

function shown(window: PoolWindow | undefined, nowMs: number): object | null {
  if (window === undefined) return null
  return {
    used_percent: Math.round(window.usedPercent),
    limit_window_seconds: Math.round(window.lengthMs / 1000),
    reset_after_seconds: window.resetAtMs === null ? 0 : Math.ceil((window.resetAtMs - nowMs) / 1000),
    reset_at: Math.ceil((window.resetAtMs ?? nowMs) / 1000),
  }
}

/** The limits of certain models: each over the accounts that have it, weighted as the windows are. */
function meterLimits(accounts: readonly Account[], nowMs: number): object[] {
  const byKey = new Map<string, { meter: Meter; holders: Account[]; hasRoom: boolean }>()
  for (const account of accounts) {
    if (account.health.signIn !== 'ok' || account.health.paused) continue
    for (const meter of account.meters) {
      const limit = byKey.get(meter.key) ?? { meter, holders: [], hasRoom: false }
      byKey.set(meter.key, limit)
      limit.holders.push({ ...account, windows: meter.windows })
      limit.hasRoom ||= meterExclusion(account, meter, nowMs) === null && exclusionOf(account, nowMs, false) === null
    }
  }
  return [...byKey.values()].map(({ meter, holders, hasRoom }) => ({
    limit_name: meter.name,
    metered_feature: meter.feature ?? meter.key,
    rate_limit: rateLimit(holders, hasRoom, !hasRoom, nowMs),
  }))
}

function isFull(windows: readonly QuotaWindow[], nowMs: number): boolean {
  return windows.some((window) => usedNow(window, nowMs) >= 100)
}

const anyLimit = 'rate_limit_reached'

/** A word that sends its reader to somebody, as some do, holds only where it holds for every account. */
function limitReached(accounts: readonly Account[]): string {
  const words = new Set(accounts.map((account) => account.limitReached ?? anyLimit))
  const [word] = words
  return words.size === 1 && word !== undefined ? word : anyLimit
}

function creditsOf(accounts: readonly Account[]) {
  const credits = accounts.flatMap((account) => account.credits ?? [])
  const balances = credits.flatMap(({ balance }) => balance ?? [])
  return {
    has_credits: credits.some(({ has }) => has),
    unlimited: credits.some(({ unlimited }) => unlimited),
    balance: balances.length === 0 ? null : String(balances.reduce((sum, balance) => sum + balance, 0)),
    approx_local_messages: null,
    approx_cloud_messages: null,
  }
}

/** The plan that stands for the pool: a client may offer less for a lower one. */
export function highestPlan(accounts: readonly Account[]): string {
  return byRank(accounts.map(({ plan }) => plan))[0] ?? 'unknown'
}
