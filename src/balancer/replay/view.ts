import type { Account } from '../../domain/account.ts'
import { learnBurn, weightedTokens } from '../../domain/burn.ts'
import {
  isNewWindow,
  mergeReadings,
  type QuotaWindow,
  refusalReading,
  refusedWindow,
  type WindowKind,
  windowKinds,
} from '../../domain/quota.ts'
import type { TokenUsage } from '../../domain/request.ts'
import { type Evidence, next } from '../health.ts'

/** The pool as the product would know it during a replay: figures come late and in whole percents. */
export type View = {
  readonly accounts: readonly Account[]
  get(id: string): Account | null
  chosen(id: string, nowMs: number): void
  lease(id: string, tokens: number): void
  started(id: string): void
  release(id: string, guessedTokens: number, usage: TokenUsage | null): void
  report(id: string, evidence: Evidence, nowMs: number): void
  read(id: string, windows: readonly QuotaWindow[], isComplete: boolean, nowMs: number): void
  windowUsedUp(id: string, untilMs: number, nowMs: number): void
}

/** What an account has spent that its figures do not show; as the live pool counts it. */
type Spending = {
  inFlightTokens: number
  settledTokens: number
  sinceMove: Partial<Record<WindowKind, number>>
}

export function createView(given: readonly Account[]): View {
  const accounts = [...given]
  const places = new Map(accounts.map(({ id }, place) => [id, place]))
  const spendings = new Map<string, Spending>()
  let lastChosenAtMs = 0

  const get = (id: string): Account | null => accounts[places.get(id) ?? -1] ?? null
  const put = (account: Account) => {
    const place = places.get(account.id)
    if (place !== undefined) accounts[place] = account
  }
  const spendingOf = (id: string): Spending =>
    spendings.get(id) ?? { inFlightTokens: 0, settledTokens: 0, sinceMove: {} }
  const putSpent = (account: Account, spending: Spending) => {
    spendings.set(account.id, spending)
    put({ ...account, unseenTokens: spending.inFlightTokens + spending.settledTokens })
  }
  const report = (id: string, evidence: Evidence, nowMs: number) => {
    const account = get(id)
    if (account === null) return
    const health = next(account.health, evidence, nowMs)
    if (health !== account.health) put({ ...account, health })
  }
  const read = (id: string, readings: readonly QuotaWindow[], isComplete: boolean, nowMs: number) => {
    const account = get(id)
    if (account === null || readings.length === 0) return
    const spending = spendingOf(id)
    const windows = mergeReadings(account.windows, readings, nowMs, isComplete)
    const burn = learnBurn(account.burn, account.windows, windows, spending.sinceMove)
    const sinceMove = { ...spending.sinceMove }
    for (const window of windows) {
      const before = account.windows.find(({ kind }) => kind === window.kind)
      if (before === undefined || before.usedPercent !== window.usedPercent || isNewWindow(before, window))
        sinceMove[window.kind] = 0
    }
    putSpent({ ...account, windows, burn }, { ...spending, settledTokens: 0, sinceMove })
    report(id, { kind: 'reading', windows, meter: null }, nowMs)
  }

  return {
    accounts,
    get,
    chosen(id, nowMs) {
      const account = get(id)
      lastChosenAtMs = Math.max(nowMs, lastChosenAtMs + 0.001)
      if (account) put({ ...account, lastChosenAtMs })
    },
    lease(id, tokens) {
      const account = get(id)
      const spending = spendingOf(id)
      if (account === null) return
      const counted = { ...account, inFlight: account.inFlight + 1, starting: account.starting + 1 }
      putSpent(counted, { ...spending, inFlightTokens: spending.inFlightTokens + tokens })
    },
    started(id) {
      const account = get(id)
      if (account) put({ ...account, starting: account.starting - 1 })
    },
    release(id, guessedTokens, usage) {
      const account = get(id)
      if (account === null) return
      const before = spendingOf(id)
      const spending = { ...before, inFlightTokens: Math.max(0, before.inFlightTokens - guessedTokens) }
      // An answer that never began was still counted as starting.
      const starting = usage === null ? account.starting - 1 : account.starting
      if (usage !== null) {
        const took = weightedTokens(usage)
        const sinceMove = { ...before.sinceMove }
        for (const kind of windowKinds) sinceMove[kind] = (sinceMove[kind] ?? 0) + took
        Object.assign(spending, { settledTokens: before.settledTokens + took, sinceMove })
      }
      putSpent({ ...account, inFlight: account.inFlight - 1, starting }, spending)
    },
    report,
    read,
    windowUsedUp(id, untilMs, nowMs) {
      const account = get(id)
      if (account === null) return
      const window = refusedWindow(account.windows, untilMs, nowMs)
      report(id, { kind: 'refused', by: 'window', code: 'usage_limit_reached', untilMs, window, meter: null }, nowMs)
      if (window) read(id, [refusalReading(account.windows, window, untilMs, nowMs)], false, nowMs)
    },
  }
}
