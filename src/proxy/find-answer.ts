import type { Affinity } from '../accounts/affinity.ts'
import type { Decision } from '../balancer/choose.ts'
import type { LiveEvent } from '../domain/live.ts'
import type { OwnedObject } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Bus } from '../lib/bus.ts'
import type { Head } from '../upstream/opening.ts'
import type { Verdict } from '../upstream/verdict.ts'
import { announce } from './announce.ts'
import { type AttemptDeps, type Tried, tryAccount } from './attempt.ts'
import { parseBody, withoutReasoning } from './normalize.ts'
import { spentPoolError } from './spent.ts'
import type { Turn } from './turn.ts'

export type FindDeps = AttemptDeps & { affinity: Affinity; live: Bus<LiveEvent> }

/** An answer worth relaying, and the account it came from. `release` counts the request out. */
export type Found = { head: Head; accountId: string; release: () => void }

type Fault = Exclude<Verdict, { kind: 'relay' }>

/** The upstream's own error, to be handed on as it came. */
export class UpstreamRefusal extends Error {
  readonly fault: Fault
  readonly head: Head | null
  constructor(fault: Fault, head: Head | null) {
    super(fault.error.message)
    this.name = 'UpstreamRefusal'
    this.fault = fault
    this.head = head
  }
}

/** So many accounts may fail a request for passing reasons before the fault is taken to be the upstream's. */
const failingAccounts = 3

/**
 * Choose, send, judge; on a fault that another account may not have, choose again. The client has seen nothing yet.
 * @throws UpstreamRefusal, AppError, or the signal's reason
 */
export async function findAnswer(turn: Turn, deps: FindDeps): Promise<Found> {
  const { pool, affinity } = deps
  const owner = await ownerOf(turn.ask.owned, affinity)
  const turnStateOwner = turnStateOwnerOf(turn.ask.owned, affinity)
  const preferredId = turnStateOwner ?? affinity.preferred(turn.ask.affinityKeys)
  const tried = new Set<string>()
  let failing = 0
  let reasoningDropped = false
  let last: { fault: Fault; head: Head | null } | null = null
  for (;;) {
    const seed = `${turn.ask.requestId}:${tried.size}`
    const decision = pool.choose({ model: turn.ask.model, ownerId: owner?.accountId ?? null, preferredId, tried, seed })
    turn.decision = decision
    const { accountId } = decision
    if (accountId === null) throw nothingLeft(turn, owner, preferredId, last, deps)
    const release = pool.lease(accountId)
    announce(turn, 'chosen', accountId, deps)
    try {
      // A turn state means something to the account that issued it; elsewhere the full input speaks for itself.
      const keepTurnState = turnStateOwner === accountId
      const result: Tried = await tryAccount(turn, accountId, keepTurnState, deps)
      if (result.verdict.kind === 'relay' && result.head) return { head: result.head, accountId, release }
      const fault = result.verdict as Fault
      result.head?.answer.abort()
      last = { fault, head: result.head }
      if (fault.kind === 'unreadable' && !reasoningDropped) {
        reasoningDropped = true
        if (dropReasoning(turn)) {
          release()
          continue
        }
      }
      settleAccount(accountId, fault, deps)
      if (isFinal(fault)) throw finalError(turn, fault, result.head)
      if (fault.kind === 'transient' && ++failing >= failingAccounts) throw new UpstreamRefusal(fault, result.head)
      tried.add(accountId)
      release()
    } catch (error) {
      release()
      throw error
    }
    turn.signal.throwIfAborted()
  }
}

/** What trying the account to the end says about it. */
function settleAccount(accountId: string, fault: Fault, { pool }: FindDeps): void {
  const { code } = fault.error
  if (fault.kind === 'transient') pool.report(accountId, { kind: 'failed', code })
  // A token renewed a moment ago and refused again: only a new sign-in helps.
  if (fault.kind === 'unauthorized') {
    pool.report(accountId, { kind: 'sign_in_lost', as: 'reauth_required', code: 'account_auth_invalidated' })
  }
}

function isFinal({ kind }: Fault): boolean {
  return kind === 'client_fault' || kind === 'continuation_lost' || kind === 'unreachable'
}

function finalError(turn: Turn, fault: Fault, head: Head | null): Error {
  if (fault.kind === 'unreachable') return new AppError('upstream_unavailable', { retryAfterSeconds: 5 })
  if (fault.kind === 'continuation_lost') return lostContinuation(turn)
  if (head === null)
    return new AppError('upstream_error', { message: `The upstream cannot be used: ${fault.error.message}` })
  return new UpstreamRefusal(fault, head)
}

/** Codex shows a 400 as it is and stops; from a broken answer it recovers by sending everything again. */
function lostContinuation(turn: Turn): AppError {
  if (turn.route.startsWith('/v1/'))
    return new AppError('previous_response_not_found', { param: 'previous_response_id' })
  return new AppError('stream_incomplete', {
    message: 'The previous response is gone; send the whole conversation again.',
  })
}

type Owner = { accountId: string; object: OwnedObject }

/** The account that a response or a file belongs to. Several that disagree cannot be served by anybody. */
async function ownerOf(owned: readonly OwnedObject[], affinity: Affinity): Promise<Owner | null> {
  let found: Owner | null = null
  for (const object of owned) {
    if (object.kind === 'turn_state') continue
    const accountId = await affinity.owner(object)
    if (accountId === null) continue
    if (found && found.accountId !== accountId) {
      const message = 'The request names objects of different accounts, which no account can serve together.'
      throw new AppError('owner_unavailable', { message })
    }
    found = { accountId, object }
  }
  return found
}

function turnStateOwnerOf(owned: readonly OwnedObject[], affinity: Affinity): string | null {
  const object = owned.find(({ kind }) => kind === 'turn_state')
  return object ? affinity.ownerInMemory(object) : null
}

function nothingLeft(
  turn: Turn,
  owner: Owner | null,
  preferredId: string | null,
  last: { fault: Fault; head: Head | null } | null,
  deps: FindDeps,
): Error {
  const { pool, clock } = deps
  if (owner !== null && (last === null || last.fault.kind === 'limited')) {
    if (owner.object.kind === 'response') return lostContinuation(turn)
    return new AppError('owner_unavailable', {
      message: 'The account that holds a file of this request is not available.',
    })
  }
  if (pool.accounts().length === 0) {
    return new AppError('no_accounts', { message: 'No account has been imported yet. Import an auth.json first.' })
  }
  const lacking = new Set(turn.decision?.excluded.flatMap(lackingAccount))
  const offering = pool.accounts().filter(({ id }) => !lacking.has(id))
  const spent = offering.length === 0 ? null : spentPoolError(offering, clock.now())
  if (spent) return spent
  if (last === null) {
    return new AppError('model_unavailable', {
      message: `No account offers the model "${turn.ask.model}".`,
      param: 'model',
    })
  }
  if (last.fault.kind === 'unreadable') {
    // What the others cannot read most likely belongs to the thread's account: when that one is back, it can go on.
    const home = preferredId === null ? null : pool.get(preferredId)
    const homeIsOut = home ? spentPoolError([home], clock.now()) : null
    return homeIsOut ?? new AppError('upstream_error', { message: last.fault.error.message })
  }
  return new UpstreamRefusal(last.fault, last.head)
}

function lackingAccount({ accountId, exclusion }: Decision['excluded'][number]): string[] {
  return exclusion.reason === 'model_unavailable' ? [accountId] : []
}

/** Leave out what only the account that made it can read. False when the request has nothing of that kind. */
function dropReasoning(turn: Turn): boolean {
  const body = withoutReasoning(parseBody(turn.body))
  if (body === null) return false
  turn.body = Buffer.from(JSON.stringify(body))
  return true
}
