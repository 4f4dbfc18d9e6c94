import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Decision } from '../balancer/choose.ts'
import type { LiveEvent } from '../domain/live.ts'
import { sourceCostMicroUsd } from '../domain/model-source.ts'
import type { Ask, Attempt } from '../domain/request.ts'
import type { Settings } from '../domain/settings.ts'
import { AppError, invalid } from '../errors.ts'
import type { Bus } from '../lib/bus.ts'
import type { Candidate } from '../sources/sources.ts'
import { sourceHeader } from './answer-headers.ts'
import { type AskSourceDeps, isRefusal, sourceError } from './ask-source.ts'
import { askForEmbeddings } from './embedding-call.ts'
import { type Failure, failureOfAppError, refusal, sendFailure } from './failure.ts'
import { guestOf } from './guest.ts'
import { holdCall, type LimitDeps, settleHeld } from './key-limits.ts'
import { checkModel } from './key-rules.ts'
import { parseObjectBody } from './normalize.ts'
import { addRawRoutes, withBody } from './pass/raw-routes.ts'
import { type Recorder, type Result, recordOf } from './recorder.ts'
import { UpstreamRefusal } from './refusal.ts'
import { ownError } from './send.ts'
import type { Turn } from './turn.ts'

export type EmbeddingDeps = AskSourceDeps &
  LimitDeps & {
    recorder: Recorder
    log: Logger
    live: Bus<LiveEvent>
    settings: () => Settings
  }

const path = '/v1/embeddings'
const bodyBytes = 16 * 1024 * 1024
const heldBytes = 256 * 1024 * 1024
const deadlineMs = 10 * 60_000

/** Embeddings, which no account makes: model sources do. */
export function addEmbeddingRoute(app: FastifyInstance, deps: EmbeddingDeps): void {
  addRawRoutes(app, { bodyBytes, heldBytes, deadlineMs }, [
    {
      method: 'POST',
      url: path,
      handle: (request, reply, bodies) => withBody(bodies, request, (bytes) => serve(request, reply, bytes, deps)),
    },
  ])
}

type Call = Pick<
  Turn,
  'held' | 'headers' | 'guest' | 'route' | 'startedAtMs' | 'attempts' | 'decision' | 'waitedMs' | 'source'
> & {
  ask: Ask | null
  requestId: string
}

async function serve(
  request: FastifyRequest,
  reply: FastifyReply,
  bytes: Buffer,
  deps: EmbeddingDeps,
): Promise<unknown> {
  const { clock } = deps
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('client_disconnected'))
  })
  const call: Call = {
    ...{ headers: request.headers, guest: guestOf(request), requestId: request.id, route: path },
    startedAtMs: clock.now(),
    ...{ attempts: [], decision: null, waitedMs: 0, source: null, ask: null, held: null },
  }
  try {
    const body = parseObjectBody(bytes)
    call.ask = askOf(body, bytes.length, call)
    checkModel(call.guest.key, call.ask.model)
    await hold(call, call.ask, deps)
    const { answer, usage } = await find(call, body, gone.signal, deps)
    const response = { usage: { input_tokens: usage ?? undefined, output_tokens: usage === null ? undefined : 0 } }
    record(call, { status: 'success', httpStatus: 200, errorCode: null, errorMessage: null, response }, deps)
    const name = call.source?.name ?? ''
    return reply.type('application/json; charset=utf-8').header(sourceHeader, name).send(answer)
  } catch (error) {
    const failure = failureOf(error, clock.now())
    const isGone = gone.signal.aborted
    const told = isGone ? { status: 499, code: 'client_disconnected', message: 'The client has left.' } : failure
    if (told === null) throw error
    record(
      call,
      {
        ...{ status: isGone ? 'cancelled' : 'error', httpStatus: told.status, response: null },
        ...{ errorCode: told.code, errorMessage: told.message },
      },
      deps,
    )
    if (failure === null) throw error
    return sendFailure(reply, failure)
  }
}

/** @throws AppError, UpstreamRefusal, or the signal's reason */
async function find(
  call: Call,
  body: Record<string, unknown>,
  signal: AbortSignal,
  deps: EmbeddingDeps,
): Promise<{ answer: Buffer; usage: number | null }> {
  const { sources, clock } = deps
  const model = call.ask?.model ?? ''
  const inputTokens = call.ask?.inputTokens ?? 0
  const candidates = sources.offering({ model, use: 'missing_models', protocol: 'embeddings' })
  if (candidates.length === 0) throw nobody(model, deps)
  let last: Error | null = null
  for (const candidate of candidates) {
    const { source } = candidate
    signal.throwIfAborted()
    const startedAtMs = clock.now()
    const guess = sourceCostMicroUsd(candidate.model, { input: inputTokens, cached: 0, output: 0 })
    const lease = await sources.take(candidate, guess)
    const asked = isRefusal(lease)
      ? { error: ownError(lease.code, lease.message), isRequest: false }
      : await askForEmbeddings(candidate, body, lease, signal, deps)
    const error = 'error' in asked ? asked.error : null
    const isRequest = 'isRequest' in asked && asked.isRequest
    call.attempts.push(attemptOf(candidate, error, isRequest, startedAtMs, clock.now()))
    if ('answer' in asked) {
      call.source = { id: source.id, name: source.name, model: candidate.model }
      call.decision = decisionOf(candidate, deps)
      return asked
    }
    const untilMs = isRefusal(lease) ? lease.untilMs : null
    const missed = { error: asked.error, isRequest, untilMs }
    last = sourceError(model, source.name, missed, clock.now())
  }
  throw last ?? nobody(model, deps)
}

/** Takes what the call may use from the limits of its key. @throws AppError */
async function hold(call: Call, { keyId, model }: Ask, deps: EmbeddingDeps): Promise<void> {
  const holding = holdCall({ keyId, model, isCodex: false }, deps)
  if (holding === null) return
  call.held = await holding
  // What is used must have been reserved for good.
  await call.held?.written
}

function nobody(model: string, { sources }: EmbeddingDeps): AppError {
  const makers = sources.all().filter(({ isActive, supports }) => isActive && supports.embeddings)
  const message =
    makers.length === 0
      ? 'No account makes embeddings: add a model source that does, in the dashboard under Settings → Model sources.'
      : `No model source makes embeddings with "${model}"; name it at one of them: ${makers.map(({ name }) => name).join(', ')}.`
  return new AppError('model_unavailable', { message, param: 'model' })
}

function askOf(body: Record<string, unknown>, bytes: number, { requestId, guest }: Call): Ask {
  const { model, input } = body
  if (typeof model !== 'string' || model.trim() === '' || model.length > 200)
    throw invalid('model', '"model" must name a model.')
  const isText = typeof input === 'string' && input !== ''
  const isList = Array.isArray(input) && input.length > 0
  if (!isText && !isList) throw invalid('input', '"input" must be text, or a list of texts or tokens, and not empty.')
  return {
    ...{ requestId, model, effort: null, serviceTier: null, stream: false, keyId: guest.key?.id ?? null },
    ...{ inputTokens: Math.ceil(bytes / 3), affinityKeys: [], owned: [], sessionId: null, threadId: null },
  }
}

function attemptOf(
  { source }: Candidate,
  error: { code: string; status: number | null } | null,
  isRequest: boolean,
  startedAtMs: number,
  atMs: number,
): Attempt {
  return {
    ...{ accountId: null, sourceId: source.id, verdict: error === null ? 'relay' : 'source_failed' },
    scope: error === null ? null : isRequest ? 'request' : 'source',
    ...{ code: error?.code ?? null, status: error === null ? 200 : error.status, atMs, tookMs: atMs - startedAtMs },
  }
}

function decisionOf({ source }: Candidate, { settings }: EmbeddingDeps): Decision {
  return {
    ...{ accountId: null, because: 'source_model', strategy: settings().strategy, panic: false, move: null },
    ...{ candidates: 0, ranked: [], excluded: [], source: { id: source.id, name: source.name } },
  }
}

function failureOf(error: unknown, nowMs: number): Failure | null {
  if (error instanceof UpstreamRefusal) return refusal(error.fault.error, null, nowMs)
  return error instanceof AppError ? failureOfAppError(error, nowMs) : null
}

type Ending = Omit<Result, 'accountId' | 'firstTokenMs' | 'transport'>

function record(call: Call, ending: Ending, deps: EmbeddingDeps): void {
  const { recorder, clock, log, live, ledger } = deps
  const result = { ...ending, accountId: null, firstTokenMs: null, transport: 'json' as const }
  const row = recordOf(
    call.held?.id ?? recorder.newId(),
    { ...call, affinityKey: null },
    result,
    clock.now(),
    recorder.prices(),
  )
  recorder.push(row)
  settleHeld(call.held, row, ledger)
  live.emit({ kind: 'request_ended', record: row })
  const { requestId, route, sourceId, status, errorCode, totalMs } = row
  log.info({ requestId, route, sourceId, status, errorCode, totalMs }, 'call ended')
}
