import type { Pool } from '../accounts/pool.ts'
import { AccountParams, AccountTrends } from '../contract/accounts.ts'
import { TrendsQuery } from '../contract/trends.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { route } from './route.ts'
import { readTrends } from './trends.ts'

export function trendRoutes({ store, pool, clock }: { store: Store; pool: Pool; clock: Clock }) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/accounts/:id/trends',
        access: 'viewer',
        summary: 'What was left of the windows of an account, over up to a year',
        params: AccountParams,
        query: TrendsQuery,
        answer: AccountTrends,
      },
      async ({ params: { id }, query: { days } }) => {
        if (pool.get(id) === null) throw new AppError('account_not_found')
        await pool.flush()
        return readTrends(store.usage, id, days, clock.now())
      },
    ),
  ]
}
