import type { Pool } from '../accounts/pool.ts'
import type { RetryBudget } from '../accounts/retry-budget.ts'
import type { AccessToken, Tokens } from '../accounts/tokens.ts'
import { TokenError } from '../accounts/tokens.ts'
import { chanceOf } from '../balancer/chance.ts'
import { limitingBlock } from '../domain/account.ts'
import { meterFor } from '../domain/meter.ts'
import { pause } from '../lib/clock.ts'
import type { Verdict } from '../upstream/verdict.ts'
import { ownError, type Send, type SendDeps, type Tried } from './send.ts'
import { triesOf } from './tries.ts'
import type { Turn } from './turn.ts'

export type AttemptDeps = SendDeps & {
  tokens: Tokens
  retries: RetryBudget
  /** How a turn gets to the upstream. */
  send: Send
}

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
    // What is used must have been reserved for good.
    if (turn.held !== null) await turn.held.written
    const sent = upToDate(await deps.send(turn, accountId, token, keepTurnState, deps), accountId, token, deps)
    const tried = note(turn, accountId, sent, startedAtMs, deps)
    const { kind } = tried.verdict
    if (kind === 'unauthorized' && refused === null) {
      refused = token.version
    } else if (kind === 'transient' && ++transient < sameAccountTries && deps.retries.spend()) {
      await pause(deps.clock, jittered(firstPauseMs * 2 ** (transient - 1), turn, transient), turn.signal)
      if (isOutNow(accountId, deps)) return tried
    } else if (kind === 'unreachable' && ++network < networkTries) {
      await pause(deps.clock, firstNetworkPauseMs * 2 ** (network - 1), turn.signal)
    } else return tried
    tried.head?.answer.abort()
  }
}

/** Another request may have learned meanwhile that there is nothing to be had from the account. */
function isOutNow(accountId: string, { pool, clock }: AttemptDeps): boolean {
  const account = pool.get(accountId)
  if (account === null || account.health.paused || account.health.signIn !== 'ok') return true
  return limitingBlock(account.health, clock.now()) !== null
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

/** A lost sign-in that is told of a token which was replaced meanwhile says nothing of the new one. */
function upToDate(tried: Tried, accountId: string, { version }: AccessToken, { tokens }: AttemptDeps): Tried {
  const { verdict } = tried
  if (verdict.kind !== 'sign_in_lost' || tokens.isNewest(accountId, version)) return tried
  return { head: tried.head, verdict: { kind: 'unauthorized', error: verdict.error } } as Tried
}

/** Write down the try, and tell the pool what it means for the account. */
function note(turn: Turn, accountId: string, tried: Tried, startedAtMs: number, { pool, clock }: AttemptDeps): Tried {
  const { verdict, head } = tried
  const error = verdict.kind === 'relay' ? null : verdict.error
  const status = error?.status ?? head?.status ?? null
  const via = head === null ? (tried.via ?? null) : head.answer.via
  turn.attempts.push(...triesOf({ accountId, verdict, status, via, startedAtMs, atMs: clock.now() }))
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

/** ±10 %, so that requests that failed together do not come back together. */
function jittered(pauseMs: number, turn: Turn, attempt: number): number {
  return pauseMs * (0.9 + 0.2 * chanceOf(turn.ask.requestId, String(attempt)))
}
