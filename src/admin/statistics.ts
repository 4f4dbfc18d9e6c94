import type { Pool } from '../accounts/pool.ts'
import type { Statistics } from '../accounts/statistics.ts'
import { AccountParams } from '../contract/accounts.ts'
import { AccountStatisticsView, DashboardStatistics } from '../contract/statistics.ts'
import { type AccountStatistics, poolStatistics } from '../domain/statistics.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type StatisticsRouteDeps = { pool: Pool; statistics: Statistics; clock: Clock }

export function statisticsRoutes({ pool, statistics, clock }: StatisticsRouteDeps) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/accounts/:id/statistics',
        access: 'viewer',
        summary: 'What the upstream counts of an account over its life',
        params: AccountParams,
        answer: AccountStatisticsView,
      },
      async ({ params: { id } }) => {
        if (pool.get(id) === null) throw new AppError('account_not_found')
        return viewOf(id, await statistics.of(id))
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/dashboard/statistics',
        access: 'viewer',
        summary: 'The same of all accounts, and summed for the pool',
        answer: DashboardStatistics,
      },
      async () => {
        const all = await statistics.all()
        const told = all.flatMap((one) => one.statistics ?? [])
        const { countedAtMs, ...pooled } = poolStatistics(told, clock.now())
        return {
          pool: { ...pooled, countedAt: countedAtMs === null ? null : iso(countedAtMs), accountsTotal: all.length },
          accounts: all.map((one) => viewOf(one.account.id, one.statistics)),
        }
      },
    ),
  ]
}

const unknown = {
  lifetimeTokens: null,
  peakDailyTokens: null,
  longestTurnSeconds: null,
  currentStreakDays: null,
  longestStreakDays: null,
  days: [],
  countedAt: null,
  readAt: null,
}

function viewOf(accountId: string, statistics: AccountStatistics | null): AccountStatisticsView {
  if (statistics === null) return { accountId, ...unknown }
  const { countedAtMs, readAtMs, ...figures } = statistics
  return { accountId, ...figures, countedAt: countedAtMs === null ? null : iso(countedAtMs), readAt: iso(readAtMs) }
}
