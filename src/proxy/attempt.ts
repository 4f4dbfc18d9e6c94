import type { Pool } from '../accounts/pool.ts'
import type { RetryBudget } from '../accounts/retry-budget.ts'
import type { AccessToken, Tokens } from '../accounts/tokens.ts'
import { TokenError } from '../accounts/tokens.ts'
import { chanceOf } from '../balancer/chance.ts'
import { meterFor } from '../domain/meter.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { upstreamHeaders } from '../upstream/headers.ts'
import { type Head, readOpening, readWhole } from '../upstream/opening.ts'
import { readHeaders, readRateLimitsEvent } from '../upstream/readings.ts'
import { TransportError } from '../upstream/transport-error.ts'
import { errorOfBody, errorOfEvent, type UpstreamError } from '../upstream/upstream-error.ts'
import { judge, scopeOf, type Verdict } from '../upstream/verdict.ts'
import type { Turn } from './turn.ts'

export type AttemptDeps = {
  pool: Pool
  tokens: Tokens
  client: UpstreamClient
  clock: Clock
  retries: RetryBudget
  upstreamBaseUrl: string
  version: string
}

/** How trying one account ended: with an answer that may be relayed, or with the fault that moves us on. */
export type Tried = { head: Head; verdict: Verdict } | { head: null; verdict: Exclude<Verdict, { kind: 'relay' }> }

const sameAccountTries = 3
const firstPauseMs = 200
/** Our own network being down is waited out, a little longer each time, this many times. */
const networkTries = 5
const firstNetworkPauseMs = 500

/** Send the turn to one account, until there is an answer or a reason to leave it. Throws only when aborted. */
export async function tryAccount(
  turn: Turn,
  accountId: string,
  keepTurnState: boolean,
  deps: AttemptDeps,
): Promise<Tried> {
  let transient = 0
  let network = 0
  let refused: number | null = null
  for (;;) {
    turn.signal.throwIfAborted()
    const startedAtMs = deps.clock.now()
    const token = await tokenFor(accountId, refused, deps)
    if ('verdict' in token) return note(turn, accountId, { head: null, verdict: token.verdict }, startedAtMs, deps)
    const sent = upToDate(await sendOnce(turn, accountId, token, keepTurnState, deps), accountId, token, deps)
    const tried = note(turn, accountId, sent, startedAtMs, deps)
    const { kind } = tried.verdict
    if (kind === 'unauthorized' && refused === null) {
      refused = token.version
    } else if (kind === 'transient' && ++transient < sameAccountTries && deps.retries.spend()) {
      await pause(deps.clock, jittered(firstPauseMs * 2 ** (transient - 1), turn, transient), turn.signal)
    } else if (kind === 'unreachable' && ++network < networkTries) {
      await pause(deps.clock, firstNetworkPauseMs * 2 ** (network - 1), turn.signal)
    } else return tried
    tried.head?.answer.abort()
  }
}

async function tokenFor(
  accountId: string,
  refused: number | null,
  { tokens }: AttemptDeps,
): Promise<AccessToken | { verdict: Exclude<Verdict, { kind: 'relay' }> }> {
  try {
    return refused === null ? await tokens.current(accountId) : await tokens.renewed(accountId, refused)
  } catch (failure) {
    if (!(failure instanceof TokenError)) throw failure
    const error = ownError(failure.code, failure.message)
    const verdict = failure.kind === 'later' ? ({ kind: 'try_another', scope: 'egress', error } as const) : null
    return {
      verdict: verdict ?? { kind: 'sign_in_lost', as: failure.kind as 'reauth_required' | 'deactivated', error },
    }
  }
}

async function sendOnce(
  turn: Turn,
  accountId: string,
  token: AccessToken,
  keepTurnState: boolean,
  deps: AttemptDeps,
): Promise<Tried> {
  const { pool, client, clock, upstreamBaseUrl, version } = deps
  const chatgptAccountId = pool.get(accountId)?.chatgptAccountId ?? ''
  const identity = { bearer: token.bearer.reveal(), chatgptAccountId }
  const rules = { version, requestId: turn.ask.requestId, accept: 'text/event-stream', keepTurnState }
  try {
    const answer = await client.send({
      method: 'POST',
      url: new URL(`${upstreamBaseUrl}/codex/responses`),
      headers: upstreamHeaders(turn.headers, identity, rules),
      body: turn.body,
      signal: turn.signal,
    })
    pool.read(accountId, readHeaders(answer.headers, clock.now()))
    const isStream = answer.status === 200 && String(answer.headers['content-type'] ?? '').includes('text/event-stream')
    if (!isStream) return judged(await readWhole(answer), clock.now())
    const head = await readOpening(answer, ({ type, data }) => {
      if (type === 'codex.rate_limits') learn(pool, accountId, data, clock.now())
    })
    return judged(head, clock.now())
  } catch (failure) {
    if (!(failure instanceof TransportError)) throw failure
    if (failure.kind === 'aborted') turn.signal.throwIfAborted()
    return { head: null, verdict: verdictOfBreak(failure) }
  }
}

/** A lost sign-in that is told of a token which was replaced meanwhile says nothing of the new one. */
function upToDate(tried: Tried, accountId: string, { version }: AccessToken, { tokens }: AttemptDeps): Tried {
  const { verdict } = tried
  if (verdict.kind !== 'sign_in_lost' || tokens.isNewest(accountId, version)) return tried
  return { head: tried.head, verdict: { kind: 'unauthorized', error: verdict.error } } as Tried
}

/** Judge what has come so far. Pure but for the error's reset times, which count from now. */
function judged(head: Head, nowMs: number): Tried {
  if (head.failure) return { head, verdict: verdictOfBreak(head.failure) }
  if (head.status === 200 && head.firstEvent) return { head, verdict: verdictOfEvent(head.firstEvent, nowMs) }
  const text = Buffer.concat(head.opening).toString('utf8')
  if (head.status === 200) {
    if (!head.ended) return { head, verdict: { kind: 'relay' } }
    return {
      head,
      verdict: { kind: 'transient', error: ownError('stream_incomplete', 'The answer ended before it began.') },
    }
  }
  const error = errorOfBody(head.status, head.headers, text, nowMs)
  return { head, verdict: judge(error, text.trimStart().startsWith('{')) }
}

/** An error as the first real event of a 200 stream. What is not known to be worth a retry goes to the client. */
function verdictOfEvent({ type, data }: { type: string; data: string }, nowMs: number): Verdict {
  const event = parse(data)
  // Half an event is no answer, and no client could read on from it.
  if (event === null && data.startsWith('{'))
    return { kind: 'transient', error: ownError('stream_incomplete', 'The answer began with a broken event.') }
  if (type !== 'response.failed' && type !== 'error') return { kind: 'relay' }
  const verdict = judge(errorOfEvent(event, nowMs))
  return verdict.kind === 'client_fault' ? { kind: 'relay' } : verdict
}

function verdictOfBreak(failure: TransportError): Exclude<Verdict, { kind: 'relay' }> {
  if (failure.kind === 'unreachable')
    return { kind: 'unreachable', error: ownError('upstream_unavailable', failure.message) }
  // Another account would meet the same certificate, and waiting does not mend it.
  if (failure.kind === 'untrusted')
    return { kind: 'client_fault', error: ownError('upstream_untrusted', failure.message) }
  if (failure.kind === 'silent')
    return { kind: 'try_another', scope: 'egress', error: ownError('upstream_timeout', failure.message) }
  return { kind: 'transient', error: ownError('stream_incomplete', failure.message) }
}

/** Write down the try, and tell the pool what it means for the account. */
function note(turn: Turn, accountId: string, tried: Tried, startedAtMs: number, { pool, clock }: AttemptDeps): Tried {
  const { verdict, head } = tried
  const error = verdict.kind === 'relay' ? null : verdict.error
  const status = error?.status ?? head?.status ?? null
  const atMs = clock.now()
  turn.attempts.push({
    ...{ accountId, verdict: verdict.kind, scope: scopeOf(verdict), code: error?.code ?? null, status },
    ...{ atMs, tookMs: atMs - startedAtMs },
  })
  touchAccount(pool, accountId, verdict, turn.ask.model)
  return tried
}

/** The effect of a verdict on its account. `transient` and `unauthorized` count only when trying again did not help. */
export function touchAccount(pool: Pool, accountId: string, verdict: Verdict, model: string): void {
  switch (verdict.kind) {
    case 'limited': {
      const { code, resetsAtMs: untilMs } = verdict.error
      const { meters, inFlight } = pool.get(accountId) ?? { meters: [], inFlight: 0 }
      if (verdict.by === 'window') pool.windowUsedUp(accountId, code, untilMs, meterFor(meters, model)?.key)
      else if (verdict.by === 'concurrency') pool.report(accountId, { kind: 'crowded', inFlight })
      else pool.report(accountId, { kind: 'refused', by: verdict.by, code, untilMs, window: null, meter: null })
      return
    }
    case 'sign_in_lost':
      pool.report(accountId, { kind: 'sign_in_lost', as: verdict.as, code: verdict.error.code })
      return
    case 'model_unavailable':
      pool.lacksModel(accountId, model)
      return
    default:
      return
  }
}

export function learn(pool: Pool, accountId: string, data: unknown, nowMs: number): void {
  const reading = readRateLimitsEvent(typeof data === 'string' ? parse(data) : data, nowMs)
  if (reading) pool.read(accountId, reading)
}

/** An error that we saw ourselves, not one that the upstream said. */
function ownError(code: string, message: string): UpstreamError {
  return { status: null, code, message, param: null, plan: null, resetsAtMs: null }
}

/** ±10 %, so that requests that failed together do not come back together. */
function jittered(pauseMs: number, turn: Turn, attempt: number): number {
  return pauseMs * (0.9 + 0.2 * chanceOf(turn.ask.requestId, String(attempt)))
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    // An unreadable event has no fields; its type was judged already.
    return null
  }
}
