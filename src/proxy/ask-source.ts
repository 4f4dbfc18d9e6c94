import { budgetEndMs, sourceCostMicroUsd } from '../domain/model-source.ts'
import type { TokenUsage } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import { nothingSent, type SourceClient, wordsOf } from '../sources/client.ts'
import { asResponse, wholeEvents } from '../sources/framed.ts'
import { type Outgoing, outgoingTurn } from '../sources/outgoing.ts'
import type { Candidate, ModelSources, SourceLease, SourceRefusal } from '../sources/sources.ts'
import { createOutwardStream } from '../translate/outward/stream.ts'
import type { Answer } from '../upstream/client.ts'
import { type Head, readOpening, readWhole } from '../upstream/opening.ts'
import { TransportError } from '../upstream/transport-error.ts'
import type { UpstreamError } from '../upstream/upstream-error.ts'
import { UpstreamRefusal } from './refusal.ts'
import { judged, ownError } from './send.ts'
import type { Turn } from './turn.ts'

export type AskSourceDeps = { sources: ModelSources; sourceClient: SourceClient; clock: Clock }

/** How asking a source ended. `isRequest`: what was asked is at fault, not the source. */
export type Asked =
  | { head: Head; lease: SourceLease }
  | { head: null; error: UpstreamError; untilMs: number | null; isRequest: boolean }

/** So much of an answer is reserved; what it really takes counts in the end. */
const reservedOutputTokens = 8_192
/** Statuses that say something of the request. Others that are no success are taken for the source's own trouble. */
const ofTheRequest = new Set([400, 413, 422])

/** Sends a turn to a source once. Throws only when the turn is aborted. */
export async function askSource(
  turn: Turn,
  candidate: Candidate,
  asked: Record<string, unknown>,
  deps: AskSourceDeps,
): Promise<Asked> {
  const { sources } = deps
  const { source, model } = candidate
  let outgoing: Outgoing
  try {
    outgoing = outgoingTurn(source, model, asked)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const { param = null } = error.details
    return missed({ ...ownError('source_unsupported', error.message), status: 400, param }, true)
  }
  const guess = { input: turn.ask.inputTokens, cached: 0, output: reservedOutputTokens }
  const lease = await sources.take(candidate, sourceCostMicroUsd(model, guess))
  if (isRefusal(lease)) return { ...missed(ownError(lease.code, lease.message), false), untilMs: lease.untilMs }
  try {
    // What is used of a key's limits must have been reserved for good.
    if (turn.held !== null) await turn.held.written
    const tried = await send(turn, candidate, outgoing, deps)
    if (tried.head !== null) return { head: tried.head, lease }
    lease.release(tried.isUnpaid ? 0 : null)
    if (!tried.isRequest) {
      const { code, message } = tried.error
      sources.report(source.id, { kind: 'failed', code, message })
    }
    return missed(tried.error, tried.isRequest)
  } catch (error) {
    lease.release(null)
    throw error
  }
}

export function isRefusal(taken: SourceLease | SourceRefusal): taken is SourceRefusal {
  return 'code' in taken
}

function missed(error: UpstreamError, isRequest: boolean) {
  return { head: null, error, isRequest, untilMs: null } as const
}

export function isErrorOfRequest(status: number): boolean {
  return ofTheRequest.has(status)
}

/** What a client is told when the sources of a model that the pool lacks did not serve it. */
export function sourceError(
  model: string,
  sourceName: string,
  { error, isRequest, untilMs }: Omit<Extract<Asked, { head: null }>, 'head'>,
  nowMs: number,
): Error {
  if (isRequest) return new UpstreamRefusal({ kind: 'client_fault', error }, null)
  if (error.code === 'source_budget_spent') {
    const endMs = untilMs ?? budgetEndMs('day', nowMs)
    const retryAfterSeconds = Math.max(1, Math.ceil((endMs - nowMs) / 1_000))
    return new AppError('source_budget_spent', { message: error.message, retryAfterSeconds })
  }
  const message = `The model "${model}" comes from the model source ${sourceName}, which does not serve it now: ${error.message}`
  const waitMs = untilMs === null ? 5_000 : Math.max(1_000, untilMs - nowMs)
  return new AppError('source_unavailable', { message, retryAfterSeconds: Math.ceil(waitMs / 1_000) })
}

/** What a call has cost by the prices of its source; null: the source did not say what it used. */
export function costOf({ model }: Pick<Candidate, 'model'>, usage: TokenUsage | null | undefined): number | null {
  return usage == null ? null : sourceCostMicroUsd(model, usage)
}

/** `isUnpaid`: the source has certainly done nothing. */
type Sent = { head: Head } | { head: null; error: UpstreamError; isRequest: boolean; isUnpaid: boolean }

async function send(
  turn: Turn,
  { source }: Candidate,
  outgoing: Outgoing,
  { sourceClient, clock }: AskSourceDeps,
): Promise<Sent> {
  const late = new AbortController()
  const cancel = clock.after(source.timeoutSeconds * 1_000, () => late.abort(new Error('source_timeout')))
  const tooLate = (): Sent => {
    const message = `${source.name} did not begin to answer within ${source.timeoutSeconds} s.`
    return { head: null, error: ownError('source_timeout', message), isRequest: false, isUnpaid: false }
  }
  try {
    const answer = await sourceClient.send(source, {
      ...{ method: 'POST', path: outgoing.path, body: outgoing.body, accept: 'text/event-stream' },
      signal: AbortSignal.any([turn.signal, late.signal]),
    })
    const head = await headOf(answer, turn, outgoing, clock)
    if (head.failure?.kind === 'aborted' && late.signal.aborted && !turn.signal.aborted) return tooLate()
    if (head.failure?.kind === 'aborted') turn.signal.throwIfAborted()
    return sentOf(head, source.name, clock.now())
  } catch (failure) {
    if (!(failure instanceof TransportError)) throw failure
    if (failure.kind === 'aborted') {
      turn.signal.throwIfAborted()
      return tooLate()
    }
    const error = ownError(`source_${failure.kind}`, `${source.name}: ${wordsOf(failure)}`)
    return { head: null, error, isRequest: false, isUnpaid: nothingSent(failure) }
  } finally {
    cancel()
  }
}

async function headOf(answer: Answer, turn: Turn, { customTools }: Outgoing, clock: Clock): Promise<Head> {
  const isStream = answer.status === 200 && String(answer.headers['content-type'] ?? '').includes('text/event-stream')
  if (!isStream) return readWhole(answer)
  // Bytes pass as they come, but for those who make a frame of each chunk.
  if (customTools === null) return readOpening(turn.transport === 'ws' ? wholeEvents(answer) : answer, () => {})
  const stream = createOutwardStream({
    ...{ id: randomId('resp_'), createdSeconds: Math.floor(clock.now() / 1_000), model: turn.ask.model, customTools },
    newId: randomId,
  })
  return readOpening(asResponse(answer, stream), () => {})
}

function sentOf(head: Head, name: string, nowMs: number): Sent {
  const { head: _head, verdict } = judged(head, nowMs)
  const isStream = head.status === 200 && String(head.headers['content-type'] ?? '').includes('text/event-stream')
  if (verdict.kind === 'relay' && isStream) return { head }
  head.answer.abort()
  if (verdict.kind === 'relay') {
    const error = ownError('source_no_stream', `${name} answered without a stream of events.`)
    return { head: null, error, isRequest: false, isUnpaid: false }
  }
  const { error } = verdict
  const isRequest = head.status === 200 ? verdict.kind === 'client_fault' : isErrorOfRequest(head.status)
  return { head: null, error, isRequest, isUnpaid: head.status >= 400 }
}
