import { dayMs, hourMs } from './quota.ts'

/** What is known about the tokens of one account, as far as it decides when they are renewed. Times are epoch milliseconds. */
export type TokenFacts = {
  /** When the access token was made, and when it ends; null when that is not known. */
  issuedAtMs: number | null
  expiresAtMs: number | null
  /** Set while a refresh is under way, and for ever after one that spent the refresh token and brought nothing. */
  refreshStartedAtMs: number | null
  /** There are renewed tokens that the store could not take yet. */
  hasUnsaved: boolean
}

/** Where the tokens of an account stand. */
export type Custody =
  /** To be renewed at `dueAtMs`, which may have passed. */
  | { kind: 'kept'; dueAtMs: number }
  /** Somebody is renewing them now. */
  | { kind: 'under_way' }
  /** The refresh token may be spent, and no successor is known: only a new sign-in helps. */
  | { kind: 'interrupted' }

/** Whoever has begun a refresh gets this long to finish it. */
export const refreshTakesMs = 30_000
/** A token this near its end is not sent any more. */
const nearEndMs = 30_000

/** Refresh tokens that are much older are refused. Where the access token names no end, nothing warns earlier. */
const oldestMs = 8 * dayMs
const oldestUnknownEndMs = 7 * dayMs
const ageSpreadMs = dayMs

/**
 * When the tokens are to be renewed: before the access token ends, and before the refresh token is too old. `share`
 * between 0 and 1 is the account's own and moves its moment forward, so that what was imported together is not renewed
 * together.
 */
export function custodyOf(facts: TokenFacts, refreshedAtMs: number, share: number, nowMs: number): Custody {
  if (facts.hasUnsaved) return { kind: 'kept', dueAtMs: nowMs }
  if (facts.refreshStartedAtMs !== null) {
    return { kind: facts.refreshStartedAtMs + refreshTakesMs > nowMs ? 'under_way' : 'interrupted' }
  }
  const { expiresAtMs } = facts
  const issuedAtMs = Math.min(facts.issuedAtMs ?? refreshedAtMs, nowMs)
  const oldest = expiresAtMs === null ? oldestUnknownEndMs : oldestMs
  // The tokens themselves are read anew each time, what is noted beside them may be old.
  const byAge = Math.max(issuedAtMs, refreshedAtMs) + oldest - share * ageSpreadMs
  if (expiresAtMs === null) return { kind: 'kept', dueAtMs: byAge }
  const leadMs = leadOf(expiresAtMs - issuedAtMs)
  return { kind: 'kept', dueAtMs: Math.min(byAge, expiresAtMs - leadMs * (1 + share / 2)) }
}

/** How long before the end a token of this life is renewed at the latest: a fifth of it, at most a day, at least an hour. */
function leadOf(lifeMs: number): number {
  // Half of a very short life: it would be renewed all the time otherwise.
  return Math.max(0, Math.min(lifeMs / 2, Math.max(hourMs, Math.min(dayMs, lifeMs / 5))))
}

/** True while the access token may be sent. One that does not name its end is good until it is refused. */
export function isUsable({ expiresAtMs }: Pick<TokenFacts, 'expiresAtMs'>, nowMs: number): boolean {
  return expiresAtMs === null || expiresAtMs - nearEndMs > nowMs
}

const firstRestMs = 5 * 60_000
const longestRestMs = hourMs

/** How long to leave alone what has failed so many times in a row. */
export function restAfter(failures: number): number {
  return Math.min(longestRestMs, firstRestMs * 2 ** Math.max(0, failures - 1))
}
