import type { Account } from '../domain/account.ts'
import { meterFor } from '../domain/meter.ts'
import type { Settings } from '../domain/settings.ts'
import { crowdingOf, type Exclusion, exclusionOf, meterExclusion } from './eligibility.ts'
import { meteredStanding, type Standing, standingOf } from './standing.ts'

/** What a request asks of the account that serves it. */
export type Requirements = {
  model: string
  /** The only account that may serve, because the request names an object that lives there. */
  ownerId: string | null
  /** Accounts that have said that they do not offer the model. */
  lacking: ReadonlySet<string>
  /** Accounts that this request has tried in vain. */
  tried: ReadonlySet<string>
}

export type Excluded = { accountId: string; exclusion: Exclusion }

/** The pool in three parts. Resting accounts stand among the excluded, too. */
export type Sifted = {
  fit: Standing[]
  /** Fit but for a rest after failures, with its end. */
  resting: { standing: Standing; untilMs: number }[]
  excluded: Excluded[]
  /** Of the excluded, those that are fit and have no place free at this moment. */
  busy: number
}

/** Who may serve a request at this moment, and why the others may not. */
export function sift(pool: readonly Account[], ask: Requirements, settings: Settings, nowMs: number): Sifted {
  const sifted: Sifted = { fit: [], resting: [], excluded: [], busy: 0 }
  const { fit, resting, excluded } = sifted
  const isOffered = offering(pool, ask.model)
  for (const account of pool) {
    const meter = meterFor(account.meters, ask.model)
    const asked = askedExclusion(account, ask, settings, isOffered)
    const exclusion =
      asked ?? (meter ? meterExclusion(account, meter, nowMs) : null) ?? exclusionOf(account, nowMs, meter === null)
    const standing = () =>
      meter ? meteredStanding(account, meter, settings, nowMs) : standingOf(account, settings, nowMs)
    if (exclusion !== null) {
      excluded.push({ accountId: account.id, exclusion })
      const rests = exclusion.reason === 'blocked' && exclusion.by === 'errors'
      if (rests) resting.push({ standing: standing(), untilMs: exclusion.untilMs })
      continue
    }
    const crowding = crowdingOf(account, settings, nowMs)
    if (crowding === null) fit.push(standing())
    else {
      sifted.busy++
      excluded.push({ accountId: account.id, exclusion: crowding })
    }
  }
  return sifted
}

/** What this request asks comes before the account's own state: a last resort overrides a rest, nothing else. */
function askedExclusion(
  account: Account,
  ask: Requirements,
  settings: Settings,
  lacks: (account: Account) => boolean,
): Exclusion | null {
  const { id, tags } = account
  if (ask.tried.size > 0 && ask.tried.has(id)) return { reason: 'already_tried' }
  if (ask.ownerId !== null && ask.ownerId !== id) return { reason: 'not_owner', ownerId: ask.ownerId }
  if (settings.strategy === 'single_account' && settings.singleAccountId !== id) return { reason: 'not_selected' }
  if (settings.onlyTags.length > 0 && !tags.some((tag) => settings.onlyTags.includes(tag))) {
    return { reason: 'not_tagged' }
  }
  if (lacks(account) || (ask.lacking.size > 0 && ask.lacking.has(id))) {
    return { reason: 'model_unavailable', model: ask.model }
  }
  return null
}

/**
 * Tells whether an account is known to lack a model that another one is known to have. A model that nobody lists is let
 * through: catalogues lag behind, and the upstream's own answer is the better error.
 */
function offering(pool: readonly Account[], model: string): (account: Account) => boolean {
  let isListed: boolean | null = null
  let last: ReadonlySet<string> | null = null
  let lastHas = false
  return ({ models }) => {
    if (models === null) return false
    // Accounts of one plan share their list.
    if (models !== last) {
      last = models
      lastHas = models.has(model)
    }
    if (lastHas) return false
    isListed ??= pool.some((other) => other.models?.has(model))
    return isListed
  }
}
