import type { Affinity } from '../accounts/affinity.ts'
import type { Pool } from '../accounts/pool.ts'
import { warmTokensNow } from '../accounts/soft-keys.ts'
import {
  AffinityDeleted,
  AffinityList,
  AffinityMove,
  AffinityMoved,
  AffinityParams,
  AffinityPurge,
  AffinityPurged,
  AffinityQuery,
  type AffinityView,
} from '../contract/affinities.ts'
import type { Account } from '../domain/account.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { AffinityRow, Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type AffinitiesDeps = { store: Store; affinity: Affinity; pool: Pool; clock: Clock }

export function affinityRoutes({ store, affinity, pool, clock }: AffinitiesDeps) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/affinities',
        access: 'admin',
        summary: 'Which account serves which thread, the latest used first',
        query: AffinityQuery,
        answer: AffinityList,
      },
      async ({ query: { limit, cursor = null, accountId, kind } }) => {
        await affinity.flush()
        const nowMs = clock.now()
        const page = await store.affinity.page({ limit, cursor, filter: { accountId, kind }, nowMs })
        return { items: page.items.map((row) => affinityView(row, nowMs)), nextCursor: page.nextCursor }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/affinities/move',
        access: 'admin',
        audit: 'affinity.move',
        summary: 'Give threads to another account: their next turns go there',
        body: AffinityMove,
        answer: AffinityMoved,
      },
      async ({ body: { keys, fromAccountId, toAccountId }, audit }) => {
        const target = pool.get(toAccountId)
        if (target === null) throw new AppError('account_not_found', { param: 'toAccountId' })
        const obstacle = obstacleOf(target)
        if (obstacle) throw new AppError('account_cannot_serve', { message: obstacle, param: 'toAccountId' })
        // The schema asks for one of the two.
        const which = fromAccountId === undefined ? { keys: keys ?? [] } : { fromAccountId }
        const moved = await affinity.move(which, toAccountId)
        audit({ before: fromAccountId === undefined ? null : { fromAccountId }, after: { toAccountId, moved } })
        return { moved }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/affinities/purge',
        access: 'admin',
        audit: 'affinity.purge',
        summary: 'Forget which account served threads: their next turns choose freely',
        body: AffinityPurge,
        answer: AffinityPurged,
      },
      async ({ body: { keys, accountId, kind }, audit }) => {
        const purged = await affinity.purge(keys === undefined ? { filter: { accountId, kind } } : { keys })
        audit({ after: { purged, accountId: accountId ?? null, kind: kind ?? null } })
        return { purged }
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/affinities/:key',
        access: 'admin',
        audit: 'affinity.delete',
        summary: 'Forget which account served one thread',
        params: AffinityParams,
        answer: AffinityDeleted,
      },
      async ({ params: { key }, audit }) => {
        if ((await affinity.purge({ keys: [key] })) === 0) throw new AppError('affinity_not_found')
        audit({ target: { kind: 'affinity', id: key } })
        return { status: 'deleted' as const }
      },
    ),
  ]
}

/** What only a person can mend. A limit ends by itself, and until then the threads are served elsewhere. */
function obstacleOf({ health }: Account): string | null {
  if (health.signIn === 'deactivated') return 'The upstream has closed this account; choose another one.'
  if (health.signIn !== 'ok') return 'The account needs a new sign-in first; import a fresh auth.json.'
  if (health.paused) return 'The account is paused; reactivate it first.'
  return null
}

function affinityView(row: AffinityRow, nowMs: number): AffinityView {
  const { key, kind, accountId, usedAtMs, expiresAtMs } = row
  const usedAt = usedAtMs === 0 ? null : iso(usedAtMs)
  return { key, kind, accountId, warmTokens: warmTokensNow(row, nowMs), usedAt, expiresAt: iso(expiresAtMs) }
}
