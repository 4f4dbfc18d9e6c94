import type { Account } from '../../domain/account.ts'
import { foldReading, nothingSpent, type Spending, settleSpending } from '../../domain/figures.ts'
import { type QuotaWindow, refusalReading, refusedWindow } from '../../domain/quota.ts'
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
  const spendingOf = (id: string): Spending => spendings.get(id) ?? nothingSpent
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
  const read = (id: string, windows: readonly QuotaWindow[], isComplete: boolean, nowMs: number) => {
    const account = get(id)
    if (account === null || windows.length === 0) return
    const reading = { plan: null, windows: [...windows], meters: null, credits: null, isComplete }
    const { figures, spending } = foldReading(account, reading, spendingOf(id), nowMs)
    putSpent({ ...account, ...figures }, spending)
    report(id, { kind: 'reading', windows: figures.windows, meter: null }, nowMs)
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
      // An answer that never began was still counted as starting.
      const starting = usage === null ? account.starting - 1 : account.starting
      const spending = settleSpending(spendingOf(id), guessedTokens, usage)
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
