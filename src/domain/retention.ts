import { dayMs } from './quota.ts'
import type { Settings } from './settings.ts'

export type Keeping = Pick<Settings, 'requestLogDays' | 'requestDetailDays' | 'usageHistoryDays' | 'auditDays'>

/** What is older than these moments goes; null: nothing does. */
export type OldestKept = Record<'requestsMs' | 'detailsMs' | 'usageHoursMs' | 'auditMs', number | null>

export function oldestKept(keeping: Keeping, nowMs: number): OldestKept {
  const before = (days: number) => (days === 0 ? null : nowMs - days * dayMs)
  return {
    requestsMs: before(keeping.requestLogDays),
    detailsMs: before(keeping.requestDetailDays),
    usageHoursMs: before(keeping.usageHistoryDays),
    auditMs: before(keeping.auditDays),
  }
}
