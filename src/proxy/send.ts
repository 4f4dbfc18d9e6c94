import type { Pool } from '../accounts/pool.ts'
import type { AccessToken } from '../accounts/tokens.ts'
import type { Outbound } from '../egress/outbound.ts'
import type { Clock } from '../lib/clock.ts'
import { EgressError } from '../upstream/egress-error.ts'
import { upstreamHeaders } from '../upstream/headers.ts'
import { type Head, readOpening, readWhole } from '../upstream/opening.ts'
import { readHeaders, readRateLimitsEvent } from '../upstream/readings.ts'
import { TransportError, type Via } from '../upstream/transport-error.ts'
import { errorOfBody, errorOfEvent, type UpstreamError } from '../upstream/upstream-error.ts'
import { judge, type Verdict } from '../upstream/verdict.ts'
import type { Turn } from './turn.ts'

export type SendDeps = { pool: Pool; client: Outbound; clock: Clock; upstreamBaseUrl: string; version: string }

/** How trying one account ended: with an answer that may be relayed, or with the fault that moves us on. */
export type Tried =
  | { head: Head; verdict: Verdict }
  /** `via` is the way that failed; null or nothing: directly, or nothing was sent. */
  | { head: null; verdict: Exclude<Verdict, { kind: 'relay' }>; via?: Via | null }

/** Sends a turn to an account once, and reads the answer until it has shown what it is. Throws only when aborted. */
export type Send = (
  turn: Turn,
  accountId: string,
  token: AccessToken,
  keepTurnState: boolean,
  deps: SendDeps,
) => Promise<Tried>

/** Each turn as an HTTP request of its own. */
export const sendByHttp: Send = async (turn, accountId, token, keepTurnState, deps) => {
  const { pool, client, clock, upstreamBaseUrl, version } = deps
  const chatgptAccountId = pool.get(accountId)?.chatgptAccountId ?? ''
  const identity = { bearer: token.bearer.reveal(), chatgptAccountId }
  const rules = { version, requestId: turn.ask.requestId, accept: 'text/event-stream', keepTurnState }
  try {
    const answer = await client.send(
      {
        method: 'POST',
        url: new URL(`${upstreamBaseUrl}/codex/responses`),
        headers: upstreamHeaders(turn.headers, identity, rules),
        body: turn.body,
        signal: turn.signal,
      },
      accountId,
    )
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
    return { head: null, verdict: verdictOfBreak(failure), via: failure.via }
  }
}

/** Judge what has come so far. Pure but for the error's reset times, which count from now. */
export function judged(head: Head, nowMs: number): Tried {
  if (head.failure) return { head, verdict: verdictOfBreak(head.failure, head.answer.via) }
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

/** On a way through a proxy a break may be the proxy's doing: it is not held against the account. */
export function verdictOfBreak(failure: TransportError, via = failure.via): Exclude<Verdict, { kind: 'relay' }> {
  if (failure.kind === 'egress')
    return { kind: 'try_another', scope: 'egress', error: ownError(codeOfEgress(failure), failure.message) }
  if (failure.kind === 'unreachable')
    return { kind: 'unreachable', error: ownError('upstream_unavailable', failure.message) }
  // Another account would meet the same certificate, and waiting does not mend it.
  if (failure.kind === 'untrusted')
    return { kind: 'client_fault', error: ownError('upstream_untrusted', failure.message) }
  if (failure.kind === 'silent')
    return { kind: 'try_another', scope: 'egress', error: ownError('upstream_timeout', failure.message) }
  const error = ownError('stream_incomplete', failure.message)
  return via === null ? { kind: 'transient', error } : { kind: 'transient', scope: 'egress', error }
}

function codeOfEgress({ cause, via }: TransportError): string {
  return cause instanceof EgressError && via?.egressId != null ? cause.code : 'egress_unavailable'
}

export function learn(pool: Pool, accountId: string, data: unknown, nowMs: number): void {
  const reading = readRateLimitsEvent(typeof data === 'string' ? parse(data) : data, nowMs)
  if (reading) pool.read(accountId, reading)
}

/** An error that we saw ourselves, not one that the upstream said. */
export function ownError(code: string, message: string): UpstreamError {
  return { status: null, code, message, param: null, plan: null, resetsAtMs: null }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    // An unreadable event has no fields; its type was judged already.
    return null
  }
}
