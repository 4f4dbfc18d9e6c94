import type { Logger } from 'pino'
import type { Admission } from '../accounts/admission.ts'
import type { Affinity } from '../accounts/affinity.ts'
import type { Lease } from '../accounts/pool.ts'
import type { Home } from '../balancer/strategies/strategy.ts'
import { guessedTokens } from '../domain/burn.ts'
import type { LiveEvent } from '../domain/live.ts'
import type { Settings } from '../domain/settings.ts'
import { AppError } from '../errors.ts'
import type { Bus } from '../lib/bus.ts'
import type { Head } from '../upstream/opening.ts'
import { announce } from './announce.ts'
import { type AttemptDeps, tryAccount } from './attempt.ts'
import { isClosedWay } from './closed-way.ts'
import { findWithSources, type SourceDeps } from './find-at-source.ts'
import { admissionOf } from './guest.ts'
import { parseBody, withoutReasoning } from './normalize.ts'
import { nothingLeft } from './nothing-left.ts'
import { homeOf, type Owner, ownerOf } from './owners.ts'
import { type Fault, lostContinuation, UpstreamRefusal } from './refusal.ts'
import type { Tried } from './send.ts'
import type { Turn } from './turn.ts'

export type FindDeps = AttemptDeps &
  SourceDeps & {
    affinity: Affinity
    admission: Admission
    settings: () => Settings
    live: Bus<LiveEvent>
    log: Logger
  }

/** An answer worth relaying, and the account it came from (null: a model source). Whoever takes it releases the lease. */
export type Found = { head: Head; accountId: string | null; lease: Lease }

/** So many accounts may fail a request for passing reasons before the fault is taken to be the upstream's. */
const failingAccounts = 3

/** An answer from the pool, or from a model source in its place. @throws UpstreamRefusal, AppError, or the signal's reason */
export function findAnswer(turn: Turn, deps: FindDeps): Promise<Found> {
  return deps.sources.any() ? findWithSources(turn, deps, findAtAccounts) : findAtAccounts(turn, deps)
}

/**
 * Choose, send, judge; on a fault that another account may not have, choose again. The client has seen nothing yet.
 * @throws UpstreamRefusal, AppError, or the signal's reason
 */
async function findAtAccounts(turn: Turn, deps: FindDeps): Promise<Found> {
  const { affinity, retries } = deps
  retries.earn()
  const owner = await ownerOf(turn.ask, affinity)
  const { home, turnStateOwner } = homeOf(turn.ask, affinity)
  const tried = new Set<string>()
  /** A limit or a closed way keeps an account out by itself, for as long as it lasts; one that does not is no reason to ask again. */
  const limited = new Set<string>()
  let failing = 0
  let reasoningDropped = false
  let last: { fault: Fault; head: Head | null } | null = null
  for (let round = 0; ; round++) {
    const place = await takePlace(turn, { ownerId: owner?.accountId ?? null, home, tried, round }, deps)
    const { accountId } = place.decision
    if (accountId === null || place.lease === null) {
      const search = { owner, homeId: home?.accountId ?? null, last, isCrowdedOut: place.isCrowdedOut }
      throw nothingLeft(turn, place.decision, search, { ...deps, maxWaiting: deps.settings().maxWaiting })
    }
    const { lease } = place
    try {
      announce(turn, 'chosen', accountId, deps)
      // A turn state means something to the account that issued it; elsewhere the full input speaks for itself.
      const keepTurnState = turnStateOwner === accountId
      const result: Tried = await tryAccount(turn, accountId, keepTurnState, deps)
      if (result.verdict.kind === 'relay' && result.head) return { head: result.head, accountId, lease }
      const fault = result.verdict as Fault
      result.head?.answer.abort()
      last = { fault, head: result.head }
      if (fault.kind === 'unreadable' && !reasoningDropped) {
        reasoningDropped = true
        if (dropReasoning(turn)) {
          lease.release()
          continue
        }
      }
      settleAccount(accountId, fault, deps)
      if (isFinal(fault)) throw finalError(turn, fault, result.head, owner, deps)
      if (isRetry(fault) && (++failing >= failingAccounts || !retries.spend()))
        throw new UpstreamRefusal(fault, result.head)
      const passes = fault.kind === 'limited' || isClosedWay(fault)
      if (!passes || limited.has(accountId)) tried.add(accountId)
      limited.add(accountId)
      lease.release()
    } catch (error) {
      lease.release()
      throw error
    }
    turn.signal.throwIfAborted()
  }
}

type PlaceAsk = {
  ownerId: string | null
  home: Home | null
  tried: ReadonlySet<string>
  round: number
}

/** A place on an account, waited for if need be; all waits of a turn together stay within the setting. */
async function takePlace(turn: Turn, { ownerId, home, tried, round }: PlaceAsk, deps: FindDeps) {
  const { admission, clock, settings } = deps
  const { requestId, model, inputTokens } = turn.ask
  const untilMs = clock.now() + settings().waitSeconds * 1_000 - turn.waitedMs
  const place = await admission.admit(
    {
      ...{ model, inputTokens, ownerId, home, tried, seed: `${requestId}:${round}` },
      ...admissionOf(turn.guest),
      tokens: guessedTokens(inputTokens, home?.warmTokens ?? 0),
    },
    untilMs,
    turn.signal,
  )
  turn.waitedMs += place.waitedMs
  turn.decision = place.decision
  return place
}

/** What trying the account to the end says about it. */
export function settleAccount(accountId: string, fault: Fault, { pool }: Pick<FindDeps, 'pool'>): void {
  const { code } = fault.error
  if (fault.kind === 'transient' && fault.scope === undefined) pool.report(accountId, { kind: 'failed', code })
  // A token renewed a moment ago and refused again: only a new sign-in helps.
  if (fault.kind === 'unauthorized') {
    pool.report(accountId, { kind: 'sign_in_lost', as: 'reauth_required', code: 'account_auth_invalidated' })
  }
}

/** The request is sent again because something failed, not because an account has told its state. */
function isRetry({ kind }: Fault): boolean {
  return kind === 'transient'
}

function isFinal({ kind }: Fault): boolean {
  return kind === 'client_fault' || kind === 'continuation_lost' || kind === 'unreachable'
}

function finalError(turn: Turn, fault: Fault, head: Head | null, owner: Owner | null, { affinity }: FindDeps): Error {
  if (fault.kind === 'unreachable') return new AppError('upstream_unavailable', { retryAfterSeconds: 5 })
  if (fault.kind === 'continuation_lost') {
    // What its owner does not know any more binds nobody.
    if (owner !== null && owner.object.kind !== 'file') affinity.disown(owner.object)
    return lostContinuation(turn)
  }
  if (head === null)
    return new AppError('upstream_error', { message: `The upstream cannot be used: ${fault.error.message}` })
  return new UpstreamRefusal(fault, head)
}

/** Leave out what only the account that made it can read. False when the request has nothing of that kind. */
function dropReasoning(turn: Turn): boolean {
  const body = withoutReasoning(parseBody(turn.body))
  if (body === null) return false
  turn.body = Buffer.from(JSON.stringify(body))
  return true
}
