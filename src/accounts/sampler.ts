import { type Credits, isNewWindow, type QuotaWindow, type WindowKind } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { Store, UsageSample } from '../store/store.ts'

/** Keeps figures for trends: those that are news, and now and then those that stay the same. */
export type Sampler = {
  /** True when there was news among the figures, or they were not kept for a while. */
  sample(accountId: string, windows: readonly QuotaWindow[]): boolean
  forget(accountId: string): void
  flush(): Promise<void>
}

/** A figure that did not change is kept this often. */
const sampleEveryMs = 5 * 60_000

export function createSampler(store: Store, clock: Clock, onError: (error: unknown) => void): Sampler {
  const last = new Map<string, Map<WindowKind, UsageSample>>()
  const queue = createWriteBehind<UsageSample>({
    ...{ clock, onError, everyMs: 1_000 },
    write: (batch) => store.usage.add(batch),
  })
  return {
    sample(accountId, windows) {
      const ofAccount = last.get(accountId) ?? new Map<WindowKind, UsageSample>()
      last.set(accountId, ofAccount)
      let isNews = false
      for (const { kind, usedPercent, resetAtMs, source, readAtMs } of windows) {
        const row: UsageSample = { accountId, kind, atMs: readAtMs, usedPercent, resetAtMs, source }
        const before = ofAccount.get(kind)
        if (before && isSameFigure(before, row) && readAtMs - before.atMs < sampleEveryMs) continue
        isNews = true
        ofAccount.set(kind, row)
        queue.push(row)
      }
      return isNews
    },
    forget: (accountId) => void last.delete(accountId),
    flush: () => queue.flush(),
  }
}

function isSameFigure(before: UsageSample, now: UsageSample): boolean {
  const isAsHard = (before.source === 'refusal') === (now.source === 'refusal')
  return before.usedPercent === now.usedPercent && isAsHard && !isNewWindow(before, now)
}

export function isSameCredits(before: Credits | null, now: Credits | null): boolean {
  if (before === null || now === null) return before === now
  return before.has === now.has && before.unlimited === now.unlimited && before.balance === now.balance
}
