import { type AccessToken, TokenError } from '../../accounts/tokens.ts'
import { AppError } from '../../errors.ts'
import { type Head, readWhole } from '../../upstream/opening.ts'
import { TransportError, type Via } from '../../upstream/transport-error.ts'
import { errorOfBody } from '../../upstream/upstream-error.ts'
import { judge, type Verdict } from '../../upstream/verdict.ts'
import { touchAccount } from '../attempt.ts'
import type { Fault } from '../refusal.ts'
import { ownError, verdictOfBreak } from '../send.ts'
import { triesOf } from '../tries.ts'
import type { Call, Pass, PassDeps } from './call.ts'

/** How a try ended: with an answer to hand on, or with a fault, and what was said where anything was. */
export type Tried = ({ head: Head; fault: null } | { head: Head | null; fault: Fault }) & {
  /** The way that failed, where there is no head. */
  via?: Via | null
}

/** Answers are held as a whole until they are known to be good. */
const maxAnswerBytes = 32 * 1024 * 1024

/** Send the call to one account. A refused token is renewed once. @throws AppError, or the signal's reason */
export async function tryAccount(
  pass: Pass,
  call: Call,
  accountId: string,
  signal: AbortSignal,
  deps: PassDeps,
): Promise<Tried> {
  let refused: number | null = null
  for (;;) {
    signal.throwIfAborted()
    const startedAtMs = deps.clock.now()
    const token = await tokenFor(accountId, refused, deps)
    if (!('bearer' in token)) return note(pass, accountId, { head: null, fault: token }, startedAtMs, deps)
    const sent = await send(call, accountId, token, signal, deps)
    const tried = note(pass, accountId, upToDate(sent, accountId, token, deps), startedAtMs, deps)
    if (tried.fault?.kind !== 'unauthorized' || refused !== null) return tried
    refused = token.version
  }
}

async function tokenFor(
  accountId: string,
  refused: number | null,
  { tokens }: PassDeps,
): Promise<AccessToken | Exclude<Fault, { kind: 'unauthorized' }>> {
  try {
    return refused === null ? await tokens.current(accountId) : await tokens.renewed(accountId, refused)
  } catch (failure) {
    if (!(failure instanceof TokenError)) throw failure
    const error = ownError(failure.code, failure.message)
    if (failure.kind === 'later') return { kind: 'try_another', scope: 'egress', error }
    return { kind: 'sign_in_lost', as: failure.kind, error }
  }
}

async function send(
  { method, path, headersFor, body, deadlineMs }: Call,
  accountId: string,
  token: AccessToken,
  signal: AbortSignal,
  { client, clock, pool, upstreamBaseUrl }: PassDeps,
): Promise<Tried> {
  const chatgptAccountId = pool.get(accountId)?.chatgptAccountId ?? ''
  try {
    const answer = await client.send(
      {
        method,
        url: new URL(upstreamBaseUrl + path),
        headers: headersFor({ bearer: token.bearer.reveal(), chatgptAccountId }, accountId),
        body,
        signal,
        headersMs: deadlineMs,
      },
      accountId,
    )
    return judged(await readWhole(answer, maxAnswerBytes), clock.now())
  } catch (failure) {
    if (!(failure instanceof TransportError)) throw failure
    signal.throwIfAborted()
    return { head: null, fault: verdictOfBreak(failure), via: failure.via }
  }
}

function judged(head: Head, nowMs: number): Tried {
  if (head.failure) throw Object.assign(head.failure, { via: head.answer.via })
  if (head.opening.reduce((sum, chunk) => sum + chunk.length, 0) >= maxAnswerBytes) {
    throw new AppError('upstream_error', { message: 'The answer of the upstream is too large.' })
  }
  if (head.status < 400) return { head, fault: null }
  const text = Buffer.concat(head.opening).toString('utf8')
  const verdict = judge(errorOfBody(head.status, head.headers, text, nowMs), text.trimStart().startsWith('{'))
  return verdict.kind === 'relay' ? { head, fault: null } : { head, fault: verdict }
}

/** A lost sign-in that is told of a token which was replaced meanwhile says nothing of the new one. */
function upToDate(tried: Tried, accountId: string, { version }: AccessToken, { tokens }: PassDeps): Tried {
  if (tried.fault?.kind !== 'sign_in_lost' || tokens.isNewest(accountId, version)) return tried
  return { head: tried.head, fault: { kind: 'unauthorized', error: tried.fault.error } }
}

function note(pass: Pass, accountId: string, tried: Tried, startedAtMs: number, { pool, clock }: PassDeps): Tried {
  const { head, fault } = tried
  const verdict: Verdict = fault ?? { kind: 'relay' }
  const status = fault?.error.status ?? head?.status ?? null
  const via = head === null ? (tried.via ?? null) : head.answer.via
  pass.attempts.push(...triesOf({ accountId, verdict, status, via, startedAtMs, atMs: clock.now() }))
  if (concernsTurns(verdict)) touchAccount(pool, accountId, verdict, pass.model ?? '')
  return tried
}

/**
 * A sign-in is lost for everything, and a usage window is used up for everything. A throttle, a missing entitlement or a
 * refused token here may be this endpoint's own: turns go on.
 */
function concernsTurns(verdict: Verdict): boolean {
  return verdict.kind === 'sign_in_lost' || (verdict.kind === 'limited' && verdict.by === 'window')
}
