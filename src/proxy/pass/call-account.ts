import type { Decision } from '../../balancer/choose.ts'
import { AppError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Head } from '../../upstream/opening.ts'
import { admissionOf } from '../guest.ts'
import { type Fault, UpstreamRefusal } from '../refusal.ts'
import type { Answered, Call, Pass, PassDeps } from './call.ts'
import { nobodyLeft } from './nobody-left.ts'
import { tryAccount } from './try-account.ts'

const maxAccounts = 3

/**
 * Choose an account, send, judge; where another account may do better, choose again. What belongs to one account is
 * asked of no other. @throws UpstreamRefusal, AppError, or the signal's reason
 */
export async function callAccount(pass: Pass, call: Call, deps: PassDeps): Promise<Answered> {
  deps.retries.earn()
  const deadline = createDeadline(call.deadlineMs, pass.signal, deps.clock)
  try {
    return await search(pass, call, deadline.signal, deps)
  } finally {
    deadline.cancel()
  }
}

async function search(pass: Pass, call: Call, signal: AbortSignal, deps: PassDeps): Promise<Answered> {
  const tried = new Set<string>()
  let last: UpstreamRefusal | null = null
  for (;;) {
    const { decision, lease, isCrowdedOut } = await takePlace(pass, call, tried, signal, deps)
    const { accountId } = decision
    if (lease === null || accountId === null) throw nobodyLeft(pass, call, { decision, last, isCrowdedOut }, deps)
    try {
      const { head, fault } = await tryAccount(pass, call, accountId, signal, deps)
      if (fault === null) {
        const { status, headers, opening } = head
        return { accountId, status, headers, body: Buffer.concat(opening) }
      }
      last = new UpstreamRefusal(fault, head)
      if (isFinal(fault)) throw finalError(fault, head)
      tried.add(accountId)
      const mayGoOn = fault.kind !== 'transient' || deps.retries.spend()
      if (tried.size >= maxAccounts || !mayGoOn) throw last
    } finally {
      lease.release()
    }
  }
}

/** The thread's account where it can serve at this moment: what is kept there, such as a goal, is nowhere else. */
async function takePlace(
  pass: Pass,
  { ownerId }: Call,
  tried: ReadonlySet<string>,
  signal: AbortSignal,
  { admission, affinity, clock, settings }: PassDeps,
) {
  const home = affinity.home(pass.affinityKeys)
  const ask = {
    ...{ model: pass.model ?? '', inputTokens: 0, tokens: 0, home, tried },
    ...admissionOf(pass.guest),
    seed: `${pass.requestId}:${tried.size}`,
  }
  const askedAtMs = clock.now()
  if (ownerId === null && home !== null && tried.size === 0) {
    const stayed = await admission.admit({ ...ask, ownerId: home.accountId }, askedAtMs, signal)
    if (stayed.lease !== null) return keep(pass, stayed, 'affinity')
  }
  const untilMs = askedAtMs + settings().waitSeconds * 1_000 - pass.waitedMs
  const admitted = await admission.admit({ ...ask, ownerId }, untilMs, signal)
  pass.waitedMs += admitted.waitedMs
  return keep(pass, admitted, admitted.decision.because)
}

function keep<T extends { decision: Decision }>(pass: Pass, admitted: T, because: Decision['because']): T {
  pass.decision = { ...admitted.decision, because }
  return admitted
}

/** Every account would say the same, or none can be reached. */
function isFinal({ kind }: Fault): boolean {
  return ['client_fault', 'continuation_lost', 'unreadable', 'unreachable'].includes(kind)
}

function finalError(fault: Fault, head: Head | null): Error {
  if (fault.kind === 'unreachable') return new AppError('upstream_unavailable', { retryAfterSeconds: 5 })
  if (head !== null) return new UpstreamRefusal(fault, head)
  return new AppError('upstream_error', { message: `The upstream cannot be used: ${fault.error.message}` })
}

/** Ends with the call that it is for, or with the time. */
function createDeadline(ms: number, outer: AbortSignal, clock: Clock) {
  const ending = new AbortController()
  const cancelTimer = clock.after(ms, () => ending.abort(new AppError('upstream_timeout')))
  const onAbort = () => ending.abort(outer.reason)
  if (outer.aborted) onAbort()
  outer.addEventListener('abort', onAbort, { once: true })
  return {
    signal: ending.signal,
    cancel() {
      cancelTimer()
      outer.removeEventListener('abort', onAbort)
    },
  }
}
