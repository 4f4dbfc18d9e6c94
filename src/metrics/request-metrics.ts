import { Counter, Histogram, type Registry } from 'prom-client'
import type { Attempt, RequestRecord } from '../domain/request.ts'

/** From a millisecond, which we may cost, to a minute, which somebody waited for. */
const addedBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60]
const answerBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900]
/** Names of models come from clients: so many get a line of their own. */
const mostModels = 100

/** Counts what requests were, as they end. */
export function createRequestMetrics(registers: Registry[]): { count(record: RequestRecord): void } {
  const requests = new Counter({
    ...{ registers, name: 'codex_lb_requests_total', help: 'Requests that have ended, by how they ended.' },
    labelNames: ['status', 'route', 'model', 'transport'] as const,
  })
  const tokens = new Counter({
    ...{
      registers,
      name: 'codex_lb_tokens_total',
      help: 'Tokens; cached ones are part of the input, reasoning of the output.',
    },
    labelNames: ['kind', 'model'] as const,
  })
  const cost = new Counter({
    ...{ registers, name: 'codex_lb_cost_usd_total', help: 'Cost at list prices in USD, where a price is known.' },
    labelNames: ['model'] as const,
  })
  const hidden = new Counter({
    ...{ registers, name: 'codex_lb_failovers_hidden_total' },
    help: 'Requests that succeeded on another account than the first one tried: their clients saw nothing of it.',
  })
  const wasted = new Counter({
    ...{ registers, name: 'codex_lb_wasted_calls_total', help: 'Calls to the upstream that gave no answer to relay.' },
    labelNames: ['verdict', 'account'] as const,
  })
  const added = new Histogram({
    ...{ registers, name: 'codex_lb_added_latency_seconds', buckets: addedBuckets },
    help: 'From the arrival of a request until it was sent to the account that answered: reading, choosing, waiting, and tries before.',
  })
  const waited = new Histogram({
    ...{ registers, name: 'codex_lb_wait_seconds', buckets: addedBuckets },
    help: 'How long requests waited for a place on an account, of those that did.',
  })
  const firstToken = new Histogram({
    ...{ registers, name: 'codex_lb_first_token_seconds', buckets: answerBuckets },
    help: 'From the arrival of a request to the first output.',
  })
  const duration = new Histogram({
    ...{ registers, name: 'codex_lb_request_duration_seconds', buckets: answerBuckets },
    help: 'From the arrival of a request to its end.',
    labelNames: ['status'] as const,
  })
  const models = new Set<string>()
  /** A name counts as one from its first success on. */
  const nameOf = ({ model, status }: RequestRecord) => {
    if (model === null) return 'none'
    if (status === 'success' && models.size < mostModels) models.add(model)
    return models.has(model) ? model : 'other'
  }
  return {
    count(record) {
      const { status, route, transport, attempts, usage, costMicroUsd } = record
      const model = nameOf(record)
      requests.inc({ status, route, model, transport })
      duration.observe({ status }, record.totalMs / 1000)
      if (record.firstTokenMs !== null) firstToken.observe(record.firstTokenMs / 1000)
      if (record.waitedMs !== null) waited.observe(record.waitedMs / 1000)
      if (costMicroUsd !== null) cost.inc({ model }, costMicroUsd / 1_000_000)
      if (usage !== null) {
        const { input, cached, output, reasoning } = usage
        for (const [kind, count] of Object.entries({ input, cached, output, reasoning }))
          tokens.inc({ kind, model }, count)
      }
      const answered = attempts.at(-1)
      const inVain = attempts.filter((attempt) => !isRelay(attempt))
      for (const { verdict, accountId } of inVain) if (accountId !== null) wasted.inc({ verdict, account: accountId })
      if (status === 'success' && inVain.length > 0) hidden.inc()
      if (answered !== undefined && isRelay(answered)) {
        added.observe(Math.max(0, answered.atMs - answered.tookMs - record.atMs) / 1000)
      }
    },
  }
}

function isRelay({ scope }: Attempt): boolean {
  return scope === null
}
