import type { Account } from '../domain/account.ts'
import { exclusionOf, restOf } from './eligibility.ts'

/** With no more than this share of the accounts able to serve, because the others rest after failures, rests are not heeded. */
const panicShare = 0.2

/** Sparing many accounts after failures would leave all the load to the few that are left: then it is an outage. */
export function isPanic(able: number, resting: number): boolean {
  return resting > 0 && able <= panicShare * (able + resting)
}

/** The same for the pool as a whole, whatever a request may ask. */
export function isInPanic(pool: readonly Account[], nowMs: number): boolean {
  let able = 0
  let resting = 0
  for (const account of pool) {
    const exclusion = exclusionOf(account, nowMs)
    if (exclusion === null) able++
    else if (exclusion.reason === 'blocked' && restOf(account, nowMs) !== null) resting++
  }
  return isPanic(able, resting)
}
