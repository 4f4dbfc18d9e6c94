import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { RequestLogQuery } from '../contract/requests.ts'
import type { RequestRecord } from '../domain/request.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'

/** `flush` writes what is still queued: whoever asks for the log wants the newest line too. */
export function addRequestRoutes(
  app: FastifyInstance,
  { store, flush }: { store: Store; flush: () => Promise<void> },
): void {
  app.get<{ Querystring: z.infer<typeof RequestLogQuery> }>(
    '/api/request-logs',
    { schema: { querystring: RequestLogQuery }, config: { access: 'local' } },
    async ({ query }) => {
      await flush()
      const page = await store.requests.page({ limit: query.limit, cursor: query.cursor ?? null })
      return { items: page.items.map(view), nextCursor: page.nextCursor }
    },
  )
}

function view({ atMs, costMicroUsd, attempts, ...record }: RequestRecord) {
  return {
    ...record,
    at: iso(atMs),
    costUsd: costMicroUsd === null ? null : costMicroUsd / 1e6,
    attempts: attempts.map(({ atMs: triedAtMs, ...attempt }) => ({ ...attempt, at: iso(triedAtMs) })),
  }
}
