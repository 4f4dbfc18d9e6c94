import type { Account } from '../domain/account.ts'
import { isInScope, type KeyScope } from '../domain/api-key.ts'
import { downOf, type Ways } from '../domain/egress.ts'
import { type Meter, meterFor } from '../domain/meter.ts'
import type { Settings } from '../domain/settings.ts'
import { capOf, crowdingOf, type Exclusion, exclusionOf, meterExclusion, restOf } from './eligibility.ts'
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
  /** The accounts that the client's key may use; left out or null: all. */
  scope?: KeyScope | null
  /** Its key has no place left, on whichever account. */
  crowded?: Exclusion | null
  /** Where accounts can go at this moment; nothing: everywhere. */
  ways?: Ways
}

export type Excluded = { accountId: string; exclusion: Exclusion }

/** The pool in three parts. Resting accounts stand among the excluded, too. */
export type Sifted = {
  fit: Standing[]
  /** Fit but for a rest after failures, with its end, and the bound on requests at once that it has reached. */
  resting: { standing: Standing; untilMs: number; cap: Exclusion | null }[]
  excluded: Excluded[]
  /** Of the excluded, those that are fit and have no place free at this moment. */
  busy: number
}

/** Who may serve a request at this moment, and why the others may not. Runs over the whole pool for every request. */
export function sift(pool: readonly Account[], ask: Requirements, settings: Settings, nowMs: number): Sifted {
  const sifted: Sifted = { fit: [], resting: [], excluded: [], busy: 0 }
  const lacks = lackingOf(pool, ask)
  const asked = askedOf(ask, settings)
  const standing = (account: Account, meter: Meter | null) =>
    meter ? meteredStanding(account, meter, settings, nowMs) : standingOf(account, settings, nowMs)
  for (const account of pool) {
    const meter = account.meters.length === 0 ? null : meterFor(account.meters, ask.model)
    const exclusion = asked?.(account) ?? lacks(account) ?? standsOut(account, meter, ask.ways, nowMs)
    const crowding = exclusion ?? ask.crowded ?? crowdingOf(account, settings, nowMs)
    if (crowding === null) {
      sifted.fit.push(standing(account, meter))
      continue
    }
    sifted.excluded.push({ accountId: account.id, exclusion: crowding })
    if (exclusion === null) sifted.busy++
    else if (exclusion.reason === 'blocked' && exclusion.by === 'errors') {
      const rest = restOf(account, nowMs, meter === null)
      if (rest === null) continue
      const cap = ask.crowded ?? capOf(account, settings, nowMs)
      sifted.resting.push({ standing: standing(account, meter), untilMs: rest.untilMs, cap })
    }
  }
  return sifted
}

/** A rest may be cut short as a last resort; a closed way may not. */
function standsOut(account: Account, meter: Meter | null, ways: Ways | undefined, nowMs: number): Exclusion | null {
  const state = stateOf(account, meter, nowMs)
  if (state !== null && !(state.reason === 'blocked' && state.by === 'errors')) return state
  return wayOf(account, ways) ?? state
}

/** The account's way to the upstream is closed: it is served on no other. */
function wayOf({ egress }: Account, ways: Ways | undefined): Exclusion | null {
  const down = ways === undefined ? null : downOf(egress, ways)
  return down && { reason: 'egress_down', ...down }
}

/** What a person must do comes before a model's own limit, and that before what keeps the account from serving for a while. */
function stateOf(account: Account, meter: Meter | null, nowMs: number): Exclusion | null {
  const exclusion = exclusionOf(account, nowMs, meter === null)
  if (meter === null || (exclusion !== null && exclusion.reason !== 'blocked')) return exclusion
  return meterExclusion(account, meter, nowMs) ?? exclusion
}

/**
 * What the request and the settings ask, or null where they ask nothing. It comes before the account's own state: a last
 * resort overrides a rest, nothing else.
 */
function askedOf(ask: Requirements, settings: Settings): ((account: Account) => Exclusion | null) | null {
  const { ownerId, tried, scope = null } = ask
  const { onlyTags, singleAccountId } = settings
  const isSingle = settings.strategy === 'single_account'
  const isOpen = scope === null && ownerId === null && tried.size === 0
  if (isOpen && !isSingle && onlyTags.length === 0) return null
  return (account) => {
    const { id, tags } = account
    if (tried.has(id)) return { reason: 'already_tried' }
    if (!isInScope(account, scope)) return { reason: 'not_in_scope' }
    if (ownerId !== null && ownerId !== id) return { reason: 'not_owner', ownerId }
    if (isSingle && singleAccountId !== id) return { reason: 'not_selected' }
    if (onlyTags.length > 0 && !tags.some((tag) => onlyTags.includes(tag))) return { reason: 'not_tagged' }
    return null
  }
}

/**
 * Tells whether an account is known to lack the model that another one is known to have. A model that nobody lists is let
 * through: catalogues lag behind, and the upstream's own answer is the better error.
 */
function lackingOf(pool: readonly Account[], { model, lacking }: Requirements): (account: Account) => Exclusion | null {
  let isListed: boolean | null = null
  // Accounts of one plan share their list.
  let last: ReadonlySet<string> | null = null
  let lastHas = true
  return ({ id, models }) => {
    if (models !== null && models !== last) {
      last = models
      lastHas = models.has(model)
    }
    if (models !== null && !lastHas) {
      isListed ??= pool.some((other) => other.models?.has(model))
      if (isListed) return { reason: 'model_unavailable', model }
    }
    return lacking.size > 0 && lacking.has(id) ? { reason: 'model_unavailable', model } : null
  }
}
