import { Retention } from '../contract/retention.ts'
import { type Keeping, oldestKept } from '../domain/retention.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { type AnyRoute, route } from './route.ts'

type Deps = { store: Pick<Store, 'retention'>; settings: () => Keeping; clock: Clock; sampleDays: number }

const countTo = 100_000

export function retentionRoutes({ store: { retention }, settings, clock, sampleDays }: Deps): AnyRoute[] {
  return [
    route(
      {
        method: 'GET',
        path: '/api/retention',
        access: 'viewer',
        summary: 'What is kept, how much of it there is, and what the next run deletes',
        answer: Retention,
      },
      async () => {
        const keeping = settings()
        const before = oldestKept(keeping, clock.now())
        const sizes = await retention.sizes()
        const due = async (what: Parameters<typeof retention.countOlder>[0], beforeMs: number | null) => ({
          before: beforeMs === null ? null : iso(beforeMs),
          due: beforeMs === null ? 0 : await retention.countOlder(what, beforeMs, countTo),
        })
        const never = { before: null, due: 0 }
        const details = await due('details', before.detailsMs)
        return {
          database: await retention.database(),
          items: [
            {
              ...{ what: 'requests' as const, ...sizes.requests, keptDays: keeping.requestLogDays },
              ...(await due('requests', before.requestsMs)),
            },
            {
              ...{ what: 'requestDetails' as const, rows: null, bytes: null, keptDays: keeping.requestDetailDays },
              ...details,
            },
            { what: 'requestSums' as const, ...sizes.requestSums, keptDays: 0, ...never },
            // What is folded into hours goes by itself.
            { what: 'usageSamples' as const, ...sizes.usageSamples, keptDays: sampleDays, ...never },
            {
              ...{ what: 'usageHours' as const, ...sizes.usageHours, keptDays: keeping.usageHistoryDays },
              ...(await due('usageHours', before.usageHoursMs)),
            },
            {
              ...{ what: 'audit' as const, ...sizes.audit, keptDays: keeping.auditDays },
              ...(await due('audit', before.auditMs)),
            },
          ],
        }
      },
    ),
  ]
}
