import type { Decision } from '../../balancer/choose.ts'
import { AppError } from '../../errors.ts'
import { closedWayError, isClosedWay } from '../closed-way.ts'
import { accountsFor } from '../guest.ts'
import { noneInScope } from '../nothing-left.ts'
import type { UpstreamRefusal } from '../refusal.ts'
import { spentPoolError } from '../spent.ts'
import type { Call, Pass, PassDeps } from './call.ts'

type Search = {
  decision: Decision
  /** What the account that was tried last has said. */
  last: UpstreamRefusal | null
  isCrowdedOut: boolean
}

const retrySeconds = 5

/** What to tell the client when no account is left to ask. */
export function nobodyLeft(pass: Pass, { ownerId }: Call, search: Search, { pool, clock }: PassDeps): Error {
  const { decision, last, isCrowdedOut } = search
  if (isCrowdedOut) return new AppError('overloaded', { retryAfterSeconds: retrySeconds })
  const closed = closedWayError(decision, last?.fault ?? null)
  if (last !== null && last.fault.kind !== 'limited') return isClosedWay(last.fault) ? (closed ?? last) : last
  if (decision.excluded.some(({ exclusion }) => exclusion.reason === 'busy')) {
    return new AppError('account_cap_reached', { retryAfterSeconds: retrySeconds })
  }
  if (ownerId !== null) return last ?? new AppError('owner_unavailable')
  if (pool.accounts().length === 0) {
    return new AppError('no_accounts', { message: 'No account has been imported yet. Import an auth.json first.' })
  }
  const mine = accountsFor(pool, pass.guest)
  if (mine.length === 0) return noneInScope()
  if (closed) return closed
  return spentPoolError(mine, pass.model ?? '', clock.now()) ?? last ?? new AppError('no_accounts')
}
