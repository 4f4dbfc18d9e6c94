import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Outcome, RequestRecord, TokenUsage } from '../../domain/request.ts'
import { fingerprint } from '../../lib/secrets.ts'
import type { Store } from '../../store/store.ts'
import type { ReferenceDatabase, Row } from './reference-database.ts'
import { number, text, time } from './values.ts'

const batchRows = 1_000
/** The other system kept no path. */
const route = '(migrated)'

/** Takes over the request log. A row that is here already stays as it is, so that it may be run again. */
export async function migrateRequests(
  from: ReferenceDatabase,
  store: Pick<Store, 'requests'>,
  accountIds: ReadonlyMap<string, string>,
  onProgress: (count: number) => void,
): Promise<number> {
  let count = 0
  for (const rows of from.batches('request_logs', 'id', batchRows)) {
    const records = rows.flatMap((row) => recordOf(row, accountIds) ?? [])
    await store.requests.add(records)
    count += records.length
    onProgress(count)
    await nextTurn()
  }
  return count
}

/** Null for a row without a time, and for one that was deleted. */
function recordOf(row: Row, accountIds: ReadonlyMap<string, string>): RequestRecord | null {
  const atMs = time(row, 'requested_at')
  if (atMs === null || row.deleted_at != null) return null
  const status = outcomeOf(row)
  const accountId = text(row, 'account_id')
  const cost = number(row, 'cost_usd')
  return {
    // The same row gets the same id each time, after its time as ours do.
    id: `req_${(atMs * 1000).toString(36).padStart(11, '0')}${fingerprint(`migrated ${row.id}`).slice(0, 32)}`,
    requestId: text(row, 'request_id') ?? `migrated-${row.id}`,
    atMs,
    route,
    model: text(row, 'model'),
    effort: text(row, 'reasoning_effort'),
    serviceTier: text(row, 'actual_service_tier') ?? text(row, 'service_tier'),
    accountId: accountId === null ? null : (accountIds.get(accountId) ?? accountId),
    keyId: text(row, 'api_key_id'),
    status,
    httpStatus: number(row, 'upstream_status_code') ?? (status === 'error' ? 502 : 200),
    errorCode: text(row, 'error_code'),
    errorMessage: text(row, 'error_message'),
    usage: usageOf(row),
    costMicroUsd: cost === null ? null : Math.round(cost * 1_000_000),
    firstTokenMs: number(row, 'latency_first_token_ms'),
    totalMs: number(row, 'latency_ms') ?? 0,
    transport: text(row, 'transport') === 'websocket' ? 'ws' : 'sse',
    client: text(row, 'useragent')?.slice(0, 200) ?? null,
    sessionId: text(row, 'session_id'),
    threadId: text(row, 'conversation_id'),
    responseId: null,
    affinityKey: null,
    waitedMs: number(row, 'latency_queue_ms') || null,
    clientAddress: text(row, 'client_ip'),
    sourceId: null,
    egressId: null,
    moved: false,
    attempts: [],
    decision: null,
  }
}

function outcomeOf(row: Row): Outcome {
  const status = text(row, 'status')
  return status === 'success' || status === 'cancelled' ? status : 'error'
}

function usageOf(row: Row): TokenUsage | null {
  const input = number(row, 'input_tokens')
  const reasoning = number(row, 'reasoning_tokens') ?? 0
  const output = number(row, 'output_tokens') ?? (reasoning > 0 ? reasoning : null)
  if (input === null && output === null) return null
  const all = input ?? 0
  return { input: all, cached: Math.min(number(row, 'cached_input_tokens') ?? 0, all), output: output ?? 0, reasoning }
}
