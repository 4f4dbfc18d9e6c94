import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Account } from '../domain/account.ts'
import type { Standing } from '../domain/limit-counts.ts'
import { dayMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { RequestSums } from '../store/request-store.ts'
import type { Store } from '../store/store.ts'
import { accountsFor, guestOf } from './guest.ts'
import type { LimitDeps } from './key-limits.ts'
import { poolWindowsShown } from './pool-usage.ts'
import type { Recorder } from './recorder.ts'

export type UsageDeps = Pick<LimitDeps, 'ledger' | 'limitsOf'> & {
  /** Sums that cost little however much was asked. */
  traffic: Pick<Store['requests'], 'sums'>
  recorder: Pick<Recorder, 'flush'>
  pool: { accounts(): readonly Account[] }
  clock: Clock
  /** Whose use is asked for. */
  keyOf: (request: FastifyRequest) => string | null
}

const Query = z.object({ days: z.coerce.number().int().min(1).max(90).default(30) })

/** Shows a client what its key has used. Without a key that is what this machine's clients have used without one. */
export function addUsageRoute(app: FastifyInstance, deps: UsageDeps): void {
  const { traffic, recorder, pool, clock, keyOf } = deps
  app.get('/v1/usage', { config: { access: 'client' } }, async (request) => {
    const { days } = Query.parse(request.query)
    // A request that was answered a moment ago counts.
    await recorder.flush()
    const nowMs = clock.now()
    const sinceMs = nowMs - days * dayMs
    const keyId = keyOf(request)
    const sums = await traffic.sums({ sinceMs, untilMs: nowMs + 1, bucketMs: dayMs, keyId })
    const total = (field: Exclude<keyof RequestSums, 'atMs'>) => sums.reduce((sum, one) => sum + one[field], 0)
    const [input, output] = [total('inputTokens'), total('outputTokens')]
    return {
      object: 'usage',
      key: keyId,
      since: new Date(sinceMs).toISOString(),
      request_count: total('requests'),
      total_tokens: input + output,
      input_tokens: input,
      cached_input_tokens: total('cachedTokens'),
      output_tokens: output,
      total_cost_usd: total('costMicroUsd') / 1_000_000,
      limits: keyId === null ? [] : (await deps.ledger.standing(keyId, deps.limitsOf(keyId))).map(limitShown),
      account_pool_usage: poolWindowsShown(accountsFor(pool, guestOf(request)), nowMs),
    }
  })
}

/** Values count what the type names: requests, tokens, or millionths of a dollar. */
function limitShown({ limit, used, reserved, left, resetAtMs }: Standing) {
  return {
    ...{ limit_type: limit.kind, limit_window: limit.period, is_calendar: limit.isCalendar, model_filter: limit.model },
    ...{ max_value: limit.max, current_value: used, reserved_value: reserved, remaining_value: left },
    reset_at: resetAtMs === null ? null : new Date(resetAtMs).toISOString(),
    source: 'api_key_limit',
  }
}
