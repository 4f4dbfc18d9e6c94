import { sourceCostMicroUsd } from '../domain/model-source.ts'
import { builtIn, costMicroUsd, type Prices } from '../domain/price.ts'
import type { Ask, Outcome, RequestRecord, TokenUsage } from '../domain/request.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import { createWriteBehind, type WriteBehind } from '../lib/write-behind.ts'
import type { Store } from '../store/store.ts'
import { isNativeCodex } from '../upstream/headers.ts'
import type { Turn } from './turn.ts'

export type Recorder = WriteBehind<RequestRecord> & {
  /** A new id. Ids sort by the order in which they were given, so that requests of one millisecond keep theirs. */
  newId(): string
  /** As they are now. */
  prices(): Prices
}

export function createRecorder(
  store: Pick<Store, 'requests'>,
  clock: Clock,
  onError: (error: unknown) => void,
  prices: () => Prices = () => builtIn,
): Recorder {
  let last = 0
  return {
    ...createWriteBehind<RequestRecord>({ clock, onError, write: (records) => store.requests.add(records) }),
    prices,
    newId() {
      last = Math.max(clock.now() * 1000, last + 1)
      return randomId(`req_${last.toString(36).padStart(11, '0')}`)
    },
  }
}

/** How a request ended, as the client met it. */
export type Result = {
  status: Outcome
  httpStatus: number
  errorCode: string | null
  errorMessage: string | null
  accountId: string | null
  firstTokenMs: number | null
  transport: RequestRecord['transport']
  /** See `RequestRecord`; false unless said. */
  moved?: boolean
  /** The terminal event's response object, where one came. */
  response: unknown
}

/** Decisions over large pools are kept in part: the best and the first excluded tell why. */
const keptRows = 20

/** What is known of a request that is recorded; `ask` is null when its body could not be read. */
export type Recorded = Pick<
  Turn,
  'headers' | 'guest' | 'route' | 'startedAtMs' | 'attempts' | 'decision' | 'waitedMs'
> & {
  requestId: string
  /** Digest of the strongest soft key, or null. */
  affinityKey: string | null
  ask: Ask | null
  source?: Turn['source']
}

/** `prices` are those of this moment: what a request has cost does not change with them later. */
export function recordOf(id: string, request: Recorded, result: Result, nowMs: number, prices: Prices): RequestRecord {
  const { ask, decision, requestId, affinityKey, attempts, startedAtMs, route, guest } = request
  const { response, moved = false, ...ending } = result
  const answered = fieldsOf(response)
  const usage = usageOf(answered.usage)
  // The tier that was served counts; it may differ from the one that was asked for.
  const serviceTier = typeof answered.service_tier === 'string' ? answered.service_tier : (ask?.serviceTier ?? null)
  return {
    id,
    requestId,
    atMs: startedAtMs,
    route,
    model: ask?.model ?? null,
    effort: ask?.effort ?? null,
    serviceTier,
    keyId: guest.key?.id ?? null,
    ...ending,
    usage,
    costMicroUsd: usage && costFor(request, serviceTier, usage, prices),
    totalMs: nowMs - startedAtMs,
    client: clientName(request),
    sessionId: ask?.sessionId ?? null,
    threadId: ask?.threadId ?? null,
    responseId: typeof answered.id === 'string' ? answered.id : null,
    affinityKey,
    waitedMs: request.waitedMs === 0 ? null : request.waitedMs,
    ...{
      clientAddress: guest.address,
      sourceId: request.source?.id ?? null,
      egressId: attempts.at(-1)?.egressId ?? null,
      moved,
    },
    attempts,
    decision: decision && {
      ...decision,
      ranked: decision.ranked.slice(0, keptRows),
      excluded: decision.excluded.slice(0, keptRows),
    },
  }
}

/** A source costs what it says; an account's answer what the API would have charged. */
function costFor(
  { ask, source }: Recorded,
  serviceTier: string | null,
  usage: TokenUsage,
  prices: Prices,
): number | null {
  if (source) return sourceCostMicroUsd(source.model, usage)
  return ask && costMicroUsd(prices, ask.model, serviceTier, usage)
}

function clientName({ headers }: Recorded): string | null {
  const agent = headers['user-agent']
  if (agent === undefined) return isNativeCodex(headers) ? String(headers.originator) : null
  return agent.slice(0, 200)
}

/** Tokens as a response object counts them; null when it does not. */
export function usageOf(usage: unknown): TokenUsage | null {
  const fields = fieldsOf(usage)
  if (fields.input_tokens === undefined && fields.output_tokens === undefined) return null
  const reasoning = count(fieldsOf(fields.output_tokens_details).reasoning_tokens)
  return {
    input: count(fields.input_tokens),
    cached: count(fieldsOf(fields.input_tokens_details).cached_tokens),
    output: fields.output_tokens === undefined ? reasoning : count(fields.output_tokens),
    reasoning,
  }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
