import type { Pool } from '../accounts/pool.ts'
import type { Decision } from '../balancer/choose.ts'
import type { Exclusion } from '../balancer/eligibility.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Head } from '../upstream/opening.ts'
import { closedWayError, isClosedWay } from './closed-way.ts'
import type { Owner } from './owners.ts'
import { type Fault, lostContinuation, UpstreamRefusal } from './refusal.ts'
import { spentPoolError } from './spent.ts'
import type { Turn } from './turn.ts'

/** How the search stood when no account was left. */
export type Search = {
  owner: Owner | null
  homeId: string | null
  last: { fault: Fault; head: Head | null } | null
  /** The request could not wait for a place, because too many do. */
  isCrowdedOut: boolean
}

/** A client that comes back sooner finds the same places taken: answers take longer than this. */
const retryBusySeconds = 5

/** What to tell the client when nobody is left to ask. */
export function nothingLeft(
  turn: Turn,
  decision: Decision,
  { owner, homeId, last, isCrowdedOut }: Search,
  deps: { pool: Pool; clock: Clock; maxWaiting: number },
): Error {
  const { pool, clock, maxWaiting } = deps
  if (isCrowdedOut) {
    const message = `${maxWaiting} requests wait for a place already (setting maxWaiting); try again in ${retryBusySeconds} s.`
    return new AppError('overloaded', { message, retryAfterSeconds: retryBusySeconds })
  }
  const busy = busyError(turn, decision)
  if (busy) return busy
  if (owner !== null && (last === null || isOut(last.fault))) {
    if (isContinued(owner)) return lostContinuation(turn)
    const mine = decision.excluded.find(({ accountId }) => accountId === owner.accountId)
    const isElsewhere = mine?.exclusion.reason === 'not_in_scope'
    const message = isElsewhere
      ? 'The account that holds a file of this request is not among those that the API key may use.'
      : 'The account that holds a file of this request is not available.'
    return new AppError('owner_unavailable', { message })
  }
  if (pool.accounts().length === 0) {
    return new AppError('no_accounts', { message: 'No account has been imported yet. Import an auth.json first.' })
  }
  const unfit = new Set(
    decision.excluded.flatMap(({ accountId, exclusion }) => (isUnasked(exclusion) ? [accountId] : [])),
  )
  const offering = pool.accounts().filter(({ id }) => !unfit.has(id))
  const spent = offering.length === 0 ? null : spentPoolError(offering, turn.ask.model, clock.now())
  if (spent) return spent
  const closed = closedWayError(decision, last?.fault ?? null)
  if (closed) return closed
  if (last === null && decision.excluded.some(({ exclusion }) => exclusion.reason === 'probing')) {
    const message = `The account is being tried by one request after a rest; try again in ${retryBusySeconds} s.`
    return new AppError('no_accounts', { message, retryAfterSeconds: retryBusySeconds })
  }
  if (last === null) return noneOffers(turn, decision)
  if (last.fault.kind === 'unreadable') {
    // What the others cannot read most likely belongs to the thread's account: when that one is back, it can go on.
    const home = homeId === null ? null : pool.get(homeId)
    const homeIsOut = home ? spentPoolError([home], turn.ask.model, clock.now()) : null
    if (homeIsOut) return homeIsOut
    // A prewarm, which holds nothing to be read, may have gone to another account than the thread's.
    if (owner !== null && isContinued(owner) && home && home.id !== owner.accountId) return lostContinuation(turn)
    return new AppError('upstream_error', { message: last.fault.error.message })
  }
  return new UpstreamRefusal(last.fault, last.head)
}

/** The account cannot serve anybody at present, whatever is asked. */
function isOut(fault: Fault): boolean {
  const { kind } = fault
  return isClosedWay(fault) || kind === 'limited' || kind === 'unauthorized' || kind === 'sign_in_lost'
}

function isContinued({ object }: Owner): boolean {
  return object.kind === 'response' || object.kind === 'conversation'
}

/** Accounts that the request or the settings pass by say nothing of when the others are back. */
function isUnasked({ reason }: Exclusion): boolean {
  return ['model_unavailable', 'not_selected', 'not_tagged', 'not_in_scope', 'egress_down'].includes(reason)
}

/** Which bound was reached, on how many accounts, and how long the request has waited for it. */
function busyError({ waitedMs }: Turn, { excluded }: Decision): AppError | null {
  const busy = excluded.flatMap(({ accountId, exclusion }) =>
    exclusion.reason === 'busy' ? [{ accountId, ...exclusion }] : [],
  )
  const [first] = busy
  if (first === undefined) return null
  if (first.cap === 'share') {
    const places = first.limit === 1 ? 'one place' : `${first.limit} places`
    const message = `The API key may have ${places} of the pool while others want them, and has them; try again in ${retryBusySeconds} s.`
    return new AppError('account_cap_reached', { message, retryAfterSeconds: retryBusySeconds })
  }
  const places = {
    streams: `places for open answers (${first.limit}, setting maxStreams)`,
    turn_starts: `places for turn starts (${first.limit}, setting maxTurnStarts)`,
    upstream: `places that the upstream allows (${first.limit} at once)`,
  }[first.cap]
  const whose =
    busy.length === 1 ? `The account ${first.accountId} has` : `${busy.length} accounts that could serve have`
  const waited = waitedMs > 0 ? `, and none was free within ${Math.round(waitedMs / 1000)} s` : ''
  const message = `${whose} all ${places} taken${waited}; try again in ${retryBusySeconds} s.`
  return new AppError('account_cap_reached', { message, retryAfterSeconds: retryBusySeconds })
}

/** The key has accounts or tags, and none of them is there to serve. */
export function noneInScope(): AppError {
  const message =
    'None of the accounts that the API key may use is there; its accounts and tags are in the dashboard under Keys.'
  return new AppError('no_accounts', { message })
}

function noneOffers({ ask }: Turn, { excluded }: Decision): AppError {
  const reasons = new Set(excluded.map(({ exclusion }) => exclusion.reason))
  if (!reasons.has('model_unavailable')) {
    if (reasons.has('not_in_scope')) return noneInScope()
    if (reasons.has('not_selected')) {
      const message = 'The account that alone is to serve is not there any more; choose another one in the settings.'
      return new AppError('no_accounts', { message })
    }
    if (reasons.has('not_tagged')) {
      const message = 'No account has a tag that the setting onlyTags asks for.'
      return new AppError('no_accounts', { message })
    }
  }
  return new AppError('model_unavailable', { message: `No account offers the model "${ask.model}".`, param: 'model' })
}
