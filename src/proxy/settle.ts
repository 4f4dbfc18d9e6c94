import type { Logger } from 'pino'
import type { Affinity } from '../accounts/affinity.ts'
import type { Ledger } from '../accounts/ledger.ts'
import type { Pool } from '../accounts/pool.ts'
import type { LiveEvent } from '../domain/live.ts'
import type { AppError } from '../errors.ts'
import type { Bus } from '../lib/bus.ts'
import type { Clock } from '../lib/clock.ts'
import type { ModelSources } from '../sources/sources.ts'
import { errorOfEvent, type UpstreamError } from '../upstream/upstream-error.ts'
import { judge } from '../upstream/verdict.ts'
import { announce } from './announce.ts'
import { touchAccount } from './attempt.ts'
import type { Failure } from './failure.ts'
import type { Found } from './find-answer.ts'
import { settleHeld } from './key-limits.ts'
import { type Recorded, type Recorder, type Result, recordOf, usageOf } from './recorder.ts'
import type { Ending } from './relay.ts'
import type { Turn } from './turn.ts'

export type SettleDeps = {
  pool: Pool
  affinity: Affinity
  clock: Clock
  recorder: Recorder
  log: Logger
  live: Bus<LiveEvent>
  ledger: Ledger
  sources: Pick<ModelSources, 'report'>
}

/** An answer begins: what the client may send next must find the same account, before this answer has ended. */
export function bind(turn: Turn, { head, accountId, lease }: Found, deps: SettleDeps): void {
  const { affinity } = deps
  announce(turn, 'streaming', accountId, deps, turn.source?.id)
  lease.started()
  // Where a conversation is at home among the accounts stays as it is.
  if (accountId === null) return
  // A prewarm says nothing of the conversation: where that one is at home stays as it is.
  if (!turn.isPrewarm) affinity.bind(turn.ask.affinityKeys, accountId)
  const turnState = head.headers['x-codex-turn-state']
  if (typeof turnState === 'string') affinity.own({ kind: 'turn_state', id: turnState }, accountId, turn.ask.keyId)
}

/** A relayed answer is over: what it taught about the account and its objects is kept, and the request recorded. */
export function settle(
  turn: Turn,
  found: Found,
  ending: Ending,
  how: Pick<Result, 'firstTokenMs' | 'transport'>,
  deps: SettleDeps,
): void {
  const { pool, affinity, clock } = deps
  const { accountId } = found
  const { terminal, failure } = ending
  const failed = terminal?.type === 'response.failed' || terminal?.type === 'error'
  const response = fieldsOf(terminal?.data).response
  const said = failed ? errorOfEvent(terminal.data, clock.now()) : null
  if (accountId === null) settleSource(turn, ending, said, deps)
  if (said !== null && accountId !== null) touchAccount(pool, accountId, judge(said), turn.ask.model)
  if (terminal !== null && !failed && accountId !== null) {
    pool.report(accountId, { kind: 'served' })
    const { id } = fieldsOf(response)
    if (typeof id === 'string' && id !== '') affinity.own({ kind: 'response', id }, accountId, turn.ask.keyId)
    for (const object of turn.ask.owned) {
      if (object.kind === 'conversation' || object.kind === 'file') affinity.own(object, accountId, turn.ask.keyId)
    }
  }
  const usage = usageOf(fieldsOf(response).usage)
  if (usage !== null && !turn.isPrewarm && accountId !== null)
    affinity.warmed(turn.ask.affinityKeys, accountId, usage.input + usage.output)
  found.lease.release(usage)
  const unfinished = isGivenUp(failure) ? 'cancelled' : 'error'
  const result: Result = {
    status: terminal === null ? unfinished : failed ? 'error' : 'success',
    httpStatus: 200,
    errorCode: said?.code ?? failure,
    errorMessage: said?.message ?? null,
    accountId,
    response,
    ...how,
  }
  // An event holds a token or more.
  record(turn, deps, result, ending.events)
}

/** What a relayed answer says of the source that gave it. */
function settleSource(turn: Turn, ending: Ending, said: UpstreamError | null, { sources }: SettleDeps): void {
  if (turn.source === null) return
  const { id } = turn.source
  if (said !== null) {
    const isRequest = judge(said).kind === 'client_fault'
    if (!isRequest) sources.report(id, { kind: 'failed', code: said.code, message: said.message })
  } else if (ending.terminal !== null) sources.report(id, { kind: 'ok' })
  else if (!isGivenUp(ending.failure)) {
    const code = ending.failure ?? 'stream_incomplete'
    sources.report(id, { kind: 'failed', code, message: 'The source ended its answer early.' })
  }
}

/** No answer could be relayed: record the request with what the client was told instead. */
export function settleFailure(
  turn: Turn,
  failure: Pick<Failure, 'status' | 'code' | 'message'>,
  deps: SettleDeps,
  moved = false,
): void {
  record(turn, deps, {
    moved,
    status: isGivenUp(failure.code) ? 'cancelled' : 'error',
    httpStatus: failure.status,
    errorCode: failure.code,
    errorMessage: failure.message,
    accountId: turn.attempts.findLast((attempt) => attempt.accountId !== null)?.accountId ?? null,
    firstTokenMs: null,
    transport: turn.transport ?? (turn.ask.stream ? 'sse' : 'json'),
    response: null,
  })
}

/** The request could not even be read: there is little to record, but a person will look for it. */
export function settleRejected(
  {
    transport,
    ...request
  }: Pick<Recorded & Turn, 'headers' | 'guest' | 'requestId' | 'route' | 'startedAtMs' | 'transport'>,
  error: AppError,
  deps: SettleDeps,
): void {
  const { code: errorCode, message: errorMessage, status: httpStatus } = error
  write({ ...request, ask: null, affinityKey: null, attempts: [], waitedMs: 0, decision: null, held: null }, deps, {
    ...{ status: 'error', httpStatus, errorCode, errorMessage, accountId: null },
    ...{ firstTokenMs: null, transport: transport ?? 'json', response: null },
  })
}

/** The client has left, or cancelled what ran without it. */
function isGivenUp(code: string | null): boolean {
  return code === 'client_disconnected' || code === 'response_cancelled'
}

function record(turn: Turn, deps: SettleDeps, result: Result, seenTokens = 0): void {
  if (turn.isPrewarm) return
  const affinityKey = deps.affinity.digestOf(turn.ask.affinityKeys)
  write({ ...turn, requestId: turn.ask.requestId, affinityKey }, deps, result, seenTokens)
}

function write(request: Recorded & Pick<Turn, 'held'>, deps: SettleDeps, result: Result, seenTokens = 0): void {
  const { recorder, clock, log, live, ledger } = deps
  const row = recordOf(request.held?.id ?? recorder.newId(), request, result, clock.now(), recorder.prices())
  recorder.push(row)
  settleHeld(request.held, row, ledger, seenTokens)
  live.emit({ kind: 'request_ended', record: row })
  const { requestId, accountId, status, errorCode, totalMs, firstTokenMs } = row
  const { move = null } = request.decision ?? {}
  log.info(
    {
      requestId,
      accountId,
      status,
      errorCode,
      attempts: row.attempts.length,
      firstTokenMs,
      totalMs,
      ...(move && { move }),
    },
    'turn ended',
  )
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
