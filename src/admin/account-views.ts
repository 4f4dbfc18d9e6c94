import type { ImportOutcome } from '../accounts/import.ts'
import type { Pool } from '../accounts/pool.ts'
import type { AccountView, ImportItem, WindowView } from '../contract/accounts.ts'
import { type Account, activeBlock, type Block, statusOf } from '../domain/account.ts'
import { downOf, type EgressDown, type Ways } from '../domain/egress.ts'
import type { Meter } from '../domain/meter.ts'
import { minuteMs, type QuotaWindow, usedNow, type WindowKind } from '../domain/quota.ts'
import { signInAdvice } from '../domain/sign-in-advice.ts'

/** What people call an account: the name that a person gave it, else by its e-mail address. */
export function displayNameOf({ alias, email, chatgptAccountId }: Account): string {
  return alias ?? email ?? chatgptAccountId
}

/** An account as people see it. */
export function accountView(account: Account, nowMs: number, ways: Ways): AccountView {
  const block = activeBlock(account.health, nowMs)
  const windows = account.windows.map((window) => windowView(window, nowMs))
  const of = (kind: WindowKind) => windows.find((window) => window.kind === kind)
  return {
    accountId: account.id,
    chatgptAccountId: account.chatgptAccountId,
    email: account.email,
    displayName: displayNameOf(account),
    alias: account.alias,
    planType: account.plan,
    workspaceId: account.workspaceId,
    workspaceLabel: account.workspaceLabel,
    status: statusOf(account.health, nowMs),
    statusReason: account.health.signInReason,
    statusBasis: basisOf(account, nowMs),
    advice: signInAdvice(account.health),
    blocked: block && blockView(block),
    blocks: account.health.blocks.filter(({ untilMs }) => untilMs > nowMs).map(blockView),
    policy: account.policy,
    priority: account.priority,
    tags: account.tags,
    egress: account.egress,
    wayDown: wayDownOf(downOf(account.egress, ways)),
    windows,
    meters: account.meters.map((meter) => meterView(meter, nowMs)),
    limitReached: account.limitReached,
    usage: {
      primaryRemainingPercent: of('short')?.remainingPercent ?? null,
      secondaryRemainingPercent: of('weekly')?.remainingPercent ?? null,
      monthlyRemainingPercent: of('monthly')?.remainingPercent ?? null,
    },
    resetAtPrimary: of('short')?.resetAt ?? null,
    resetAtSecondary: of('weekly')?.resetAt ?? null,
    resetAtMonthly: of('monthly')?.resetAt ?? null,
    credits: account.credits && {
      has: account.credits.has,
      unlimited: account.credits.unlimited,
      balance: account.credits.balance,
      readAt: iso(account.credits.readAtMs),
    },
    inFlight: account.inFlight,
    concurrency: concurrencyOf(account, nowMs),
    lastRefreshAt: iso(account.refreshedAtMs),
    createdAt: iso(account.createdAtMs),
  }
}

function wayDownOf(down: EgressDown | null): AccountView['wayDown'] {
  if (down === null) return null
  const { kind, name, code, sinceMs, untilMs } = down
  return {
    kind,
    name,
    code,
    since: sinceMs === null ? null : iso(sinceMs),
    until: untilMs === null ? null : iso(untilMs),
  }
}

function blockView({ by, window, meter, code, sinceMs, untilMs, endIsKnown, strikes }: Block) {
  return { by, window, meter, code, since: iso(sinceMs), until: iso(untilMs), endIsKnown, strikes }
}

function meterView({ key, name, feature, windows }: Meter, nowMs: number) {
  return { key, name, feature, windows: windows.map((window) => windowView(window, nowMs)) }
}

function concurrencyOf({ health: { concurrency } }: Account, nowMs: number): AccountView['concurrency'] {
  if (concurrency === null || concurrency.untilMs <= nowMs) return null
  return { limit: concurrency.limit, until: iso(concurrency.untilMs) }
}

/** In the order in which the status is derived: the sign-in, a person's pause, then what the account met. */
function basisOf({ health }: Account, nowMs: number): AccountView['statusBasis'] {
  const open = { since: null, until: null, endIsKnown: null }
  if (health.signIn !== 'ok') return { kind: 'sign_in', code: health.signInReason, ...open }
  if (health.paused) return { kind: 'operator', code: null, ...open }
  const block = activeBlock(health, nowMs)
  if (block === null) return { kind: 'nothing', code: null, ...open }
  const { code, sinceMs, untilMs, endIsKnown } = block
  const kind = block.by === 'errors' ? 'failures' : 'refusal'
  return { kind, code, since: iso(sinceMs), until: iso(untilMs), endIsKnown }
}

export function windowView(window: QuotaWindow, nowMs: number): WindowView {
  const usedPercent = usedNow(window, nowMs)
  const isOver = window.resetAtMs !== null && window.resetAtMs <= nowMs
  return {
    kind: window.kind,
    usedPercent,
    remainingPercent: 100 - usedPercent,
    windowMinutes: Math.round(window.lengthMs / minuteMs),
    resetAt: window.resetAtMs === null || isOver ? null : iso(window.resetAtMs),
    source: window.source,
    readAt: iso(window.readAtMs),
    staleSince: window.staleSinceMs === null ? null : iso(window.staleSinceMs),
  }
}

export function importItem(outcome: ImportOutcome, pool: Pool, nowMs: number): ImportItem {
  const { name: file, kind } = outcome
  if (kind === 'rejected') {
    const { code, message, path } = outcome
    return {
      file,
      outcome: kind,
      accountId: null,
      email: null,
      planType: null,
      status: null,
      error: { code, message, path },
    }
  }
  const account = pool.get(outcome.account.id) ?? outcome.account
  const { id: accountId, email, plan: planType, health } = account
  return { file, outcome: kind, accountId, email, planType, status: statusOf(health, nowMs), error: null }
}

export function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}
