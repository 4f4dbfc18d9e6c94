import type { QuotaWindow, ReadingSource, WindowKind } from '../../domain/quota.ts'

/** One window as the upstream keeps it: it begins with its first use and ends a full length later. */
export type ModelWindow = {
  kind: WindowKind
  lengthMs: number
  /** In weighted tokens. */
  capacityTokens: number
  usedTokens: number
  /** Null: none is running. */
  endsAtMs: number | null
}

/** An account of the modelled upstream. */
export type ModelAccount = { id: string; windows: ModelWindow[] }

/** What goes wrong, or happens elsewhere, at known times. All but `outside` last a while. */
export type Fault = { accountId: string; fromMs: number } & (
  | { kind: 'down' | 'burst' | 'sign_in_lost'; untilMs: number }
  /** Another client uses the account. */
  | { kind: 'outside'; tokens: number }
)
type LastingFault = Extract<Fault, { untilMs: number }>

/** How an account would answer a call. */
export type ModelAnswer =
  | { kind: 'serves' }
  | { kind: 'full'; untilMs: number }
  | { kind: 'down'; untilMs: number }
  | { kind: 'burst' | 'sign_in_lost'; untilMs: number }

/** The truth that the product cannot see: what is used, what is cached, and who is in trouble. */
export type ModelUpstream = {
  answer(accountId: string, nowMs: number): ModelAnswer
  /** The figures as the upstream tells them: whole percents. */
  figures(accountId: string, source: ReadingSource, nowMs: number): QuotaWindow[]
  /** Used percent by window, exactly. */
  usedPercent(accountId: string, kind: WindowKind, nowMs: number): number
  charge(accountId: string, tokens: number, nowMs: number): void
  begin(fault: LastingFault): void
  end(fault: LastingFault): void
  /** How evenly the long windows are used at this moment: standard deviation of their used percent. */
  spreadPercent(nowMs: number): number
  /** Windows that were used up, and what of the long windows that ended was never used. */
  totals(): { windowsHit: number; endedTokens: number; unusedTokens: number }
}

export function createModelUpstream(given: readonly ModelAccount[]): ModelUpstream {
  const accounts = new Map(
    given.map(({ id, windows }) => [
      id,
      { windows: windows.map((window) => ({ ...window })), faults: new Set<LastingFault>() },
    ]),
  )
  const totals = { windowsHit: 0, endedTokens: 0, unusedTokens: 0 }

  const roll = (window: ModelWindow, nowMs: number) => {
    if (window.endsAtMs === null || window.endsAtMs > nowMs) return
    if (window.kind !== 'short') {
      totals.endedTokens += window.capacityTokens
      totals.unusedTokens += Math.max(0, window.capacityTokens - window.usedTokens)
    }
    window.usedTokens = 0
    window.endsAtMs = null
  }
  const windowsOf = (accountId: string, nowMs: number): ModelWindow[] => {
    const windows = accounts.get(accountId)?.windows ?? []
    for (const window of windows) roll(window, nowMs)
    return windows
  }
  const percentOf = ({ usedTokens, capacityTokens }: ModelWindow) => Math.min(100, (usedTokens / capacityTokens) * 100)

  return {
    answer(accountId, nowMs) {
      const account = accounts.get(accountId)
      if (account === undefined) return { kind: 'sign_in_lost', untilMs: Number.POSITIVE_INFINITY }
      for (const { kind, untilMs } of account.faults) return { kind, untilMs }
      let untilMs = 0
      for (const { usedTokens, capacityTokens, endsAtMs } of windowsOf(accountId, nowMs))
        if (usedTokens >= capacityTokens && endsAtMs !== null) untilMs = Math.max(untilMs, endsAtMs)
      return untilMs === 0 ? { kind: 'serves' } : { kind: 'full', untilMs }
    },
    figures(accountId, source, nowMs) {
      return windowsOf(accountId, nowMs).map((window) => ({
        ...{ kind: window.kind, lengthMs: window.lengthMs, usedPercent: Math.floor(percentOf(window) + 1e-9) },
        // One that is not running would end a full length from now.
        resetAtMs: window.endsAtMs ?? nowMs + window.lengthMs,
        ...{ source, readAtMs: nowMs, staleSinceMs: null },
      }))
    },
    usedPercent(accountId, kind, nowMs) {
      const window = windowsOf(accountId, nowMs).find((one) => one.kind === kind)
      return window === undefined ? 0 : percentOf(window)
    },
    charge(accountId, tokens, nowMs) {
      for (const window of windowsOf(accountId, nowMs)) {
        const wasFull = window.usedTokens >= window.capacityTokens
        window.endsAtMs ??= nowMs + window.lengthMs
        window.usedTokens += tokens
        if (!wasFull && window.usedTokens >= window.capacityTokens) totals.windowsHit++
      }
    },
    begin: (fault) => void accounts.get(fault.accountId)?.faults.add(fault),
    end: (fault) => void accounts.get(fault.accountId)?.faults.delete(fault),
    spreadPercent(nowMs) {
      const used: number[] = []
      for (const id of accounts.keys())
        for (const window of windowsOf(id, nowMs)) if (window.kind !== 'short') used.push(percentOf(window))
      const mean = used.reduce((sum, one) => sum + one, 0) / Math.max(1, used.length)
      return Math.sqrt(used.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, used.length))
    },
    totals: () => ({ ...totals }),
  }
}
