import { setImmediate as nextTurn } from 'node:timers/promises'
import { dayMs, hourMs, type WindowKind } from '../domain/quota.ts'
import { hourOf } from '../domain/usage-hours.ts'
import type { Store, UsageHour } from '../store/store.ts'

/** Hourly rollups of one account by window, oldest first. */
type AccountHours = Partial<Record<WindowKind, readonly UsageHour[]>>

/** The rollups of the last four weeks in memory: read from the store once, and from then on only what is new. */
export type UsageHistory = {
  /** By account. */
  read(accountIds: readonly string[], nowMs: number): Promise<ReadonlyMap<string, AccountHours>>
}

const keptMs = 28 * dayMs
/** The newest rollups are still being written. They are written in order: what is older than these is done. */
const openMs = 2 * hourMs

export function createUsageHistory(store: Pick<Store, 'usage'>): UsageHistory {
  const known = new Map<string, AccountHours>()
  let readUntilMs: number | null = null

  const add = (accountId: string, rows: readonly UsageHour[], fromMs: number, readMs: number) => {
    const before = known.get(accountId) ?? {}
    const after: AccountHours = {}
    for (const kind of ['short', 'weekly', 'monthly'] as const) {
      const kept = (before[kind] ?? []).filter(({ atMs }) => atMs >= fromMs && atMs < readMs)
      const all = [...kept, ...rows.filter((row) => row.kind === kind)]
      if (all.length > 0) after[kind] = all
    }
    known.set(accountId, after)
  }
  return {
    async read(accountIds, nowMs) {
      const fromMs = hourOf(nowMs - keptMs)
      const newMs = Math.max(fromMs, readUntilMs ?? fromMs)
      const wanted = new Set(accountIds)
      for (const id of known.keys()) if (!wanted.has(id)) known.delete(id)
      const isKnown = new Set(known.keys())
      if (isKnown.size > 0) {
        const byAccount = Map.groupBy(await store.usage.hours(newMs), ({ accountId }) => accountId)
        for (const id of isKnown) add(id, byAccount.get(id) ?? [], fromMs, newMs)
      }
      // One account at a time: four weeks of all of them would hold everything else up.
      for (const id of wanted) {
        if (isKnown.has(id)) continue
        add(id, await store.usage.hours(fromMs, id), fromMs, fromMs)
        await nextTurn()
      }
      const newest = [...known.values()].flatMap((hours) =>
        Object.values(hours).flatMap((rows) => rows.at(-1)?.atMs ?? []),
      )
      readUntilMs = newest.length === 0 ? null : Math.max(...newest) - openMs
      return known
    },
  }
}
