import { exclusionOf } from '../balancer/eligibility.ts'
import type { Account } from '../domain/account.ts'
import { type PoolWindow, poolWindows } from '../domain/pool-windows.ts'
import { minuteMs, usedNow } from '../domain/quota.ts'
import type { Head } from '../upstream/opening.ts'

const slots = ['primary', 'secondary'] as const

/** The `x-codex-*` headers that feed Codex's status line, for the pool instead of the one account that answered. */
function poolHeaders(accounts: readonly Account[], nowMs: number): Record<string, string> {
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

/** The answer of `GET /api/codex/usage`, in the shape of the upstream's own usage call. */
export function poolUsage(accounts: readonly Account[], nowMs: number): unknown {
  const windows = poolWindows(accounts, nowMs)
  const shown = (window: PoolWindow | undefined) =>
    window === undefined
      ? null
      : {
          used_percent: Math.round(window.usedPercent),
          limit_window_seconds: Math.round(window.lengthMs / 1000),
          reset_after_seconds: window.resetAtMs === null ? 0 : Math.ceil((window.resetAtMs - nowMs) / 1000),
          reset_at: Math.ceil((window.resetAtMs ?? nowMs) / 1000),
        }
  const hasRoom = accounts.some((account) => {
    const full = account.windows.some((window) => usedNow(window, nowMs) >= 100)
    return !full && exclusionOf(account, nowMs) === null
  })
  const credits = accounts.flatMap((account) => account.credits ?? [])
  const balances = credits.flatMap(({ balance }) => balance ?? [])
  return {
    plan_type: highestPlan(accounts),
    rate_limit: {
      allowed: hasRoom,
      limit_reached: accounts.length > 0 && !hasRoom,
      primary_window: shown(windows[0]),
      secondary_window: shown(windows[1]),
    },
    credits: {
      has_credits: credits.some(({ has }) => has),
      unlimited: credits.some(({ unlimited }) => unlimited),
      balance: balances.length === 0 ? null : String(balances.reduce((sum, balance) => sum + balance, 0)),
      approx_local_messages: null,
      approx_cloud_messages: null,
    },
    additional_rate_limits: [],
  }
}

const plansHighestFirst = [
  'enterprise',
  'business',
  'team',
  'pro',
  'prolite',
  'plus',
  'education',
  'edu',
  'free',
  'go',
  'guest',
  'k12',
]

function highestPlan(accounts: readonly Account[]): string {
  const plans = new Set(accounts.map(({ plan }) => plan))
  return plansHighestFirst.find((plan) => plans.has(plan)) ?? accounts[0]?.plan ?? 'unknown'
}
