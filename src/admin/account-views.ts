import type { ImportOutcome } from '../accounts/import.ts'
import type { Pool } from '../accounts/pool.ts'
import type { AccountView, ImportItem, WindowView } from '../contract/accounts.ts'
import { type Account, activeBlock, statusOf } from '../domain/account.ts'
import { minuteMs, type QuotaWindow, usedNow, type WindowKind } from '../domain/quota.ts'

/** An account as people see it. */
export function accountView(account: Account, nowMs: number): AccountView {
  const block = activeBlock(account.health, nowMs)
  const windows = account.windows.map((window) => windowView(window, nowMs))
  const of = (kind: WindowKind) => windows.find((window) => window.kind === kind)
  return {
    accountId: account.id,
    chatgptAccountId: account.chatgptAccountId,
    email: account.email,
    displayName: account.email ?? account.chatgptAccountId,
    planType: account.plan,
    workspaceId: account.workspaceId,
    workspaceLabel: account.workspaceLabel,
    status: statusOf(account.health, nowMs),
    statusReason: account.health.signInReason,
    blocked: block && {
      by: block.by,
      window: block.window,
      code: block.code,
      since: iso(block.sinceMs),
      until: iso(block.untilMs),
      endIsKnown: block.endIsKnown,
    },
    windows,
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
    lastRefreshAt: iso(account.refreshedAtMs),
    createdAt: iso(account.createdAtMs),
  }
}

function windowView(window: QuotaWindow, nowMs: number): WindowView {
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
