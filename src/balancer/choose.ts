import type { Account } from '../domain/account.ts'
import { cachedWeight } from '../domain/burn.ts'
import type { Settings, StrategyName } from '../domain/settings.ts'
import { hashOf } from './chance.ts'
import type { Exclusion } from './eligibility.ts'
import { isPanic } from './panic.ts'
import { type Excluded, type Requirements, type Sifted, sift } from './sift.ts'
import type { Edge, Standing } from './standing.ts'
import type { Context, Home, Strategy } from './strategies/strategy.ts'
import { strategies } from './strategies.ts'
import { tierOf } from './tiers.ts'

/** What routing must know about a request. */
export type RoutingAsk = Requirements & {
  /** A guess at the input's tokens. */
  inputTokens: number
  /** The account that served the thread before, and what of the conversation it has cached; left when it is out or nearly so. */
  home: Home | null
  /** Makes chance repeatable: the request's id and the number of the try. */
  seed: string
}

/** A thread leaves the account that has its conversation cached. */
type Move = {
  fromAccountId: string
  /** What keeps the account from serving, that it is near its edge, or that another one is worth more than the cache. */
  reason: Exclusion['reason'] | 'edge' | 'gain' | 'gone'
  /** Tokens of the conversation that are paid again in full, and what that takes of the new account's windows. */
  warmTokens: number
  shortPercent: number
  longPercent: number
}

/** One account that could serve. `parts` is what its rank was made of. */
type Row = { accountId: string; rank: number; edge: Edge; inFlight: number; parts: Record<string, number> }

/** A routing decision that explains itself: acted on, stored with the request, and shown to people as it is. */
export type Decision = {
  accountId: string | null
  because:
    | 'owner'
    | 'affinity'
    | 'only_one'
    | 'ranked_first'
    | 'last_resort'
    | 'none_eligible'
    /** No account: a model source, because nobody of the pool could serve, or because none has the model. */
    | 'source_last_resort'
    | 'source_model'
  strategy: StrategyName
  /** Nearly all accounts rest after failures. Then rests are not heeded, lest the few that are left break down too. */
  panic: boolean
  move: Move | null
  /** How many accounts could serve; `ranked` has the best of them. */
  candidates: number
  ranked: Row[]
  excluded: Excluded[]
  /** The model source that serves in place of an account. */
  source?: { id: string; name: string }
}

/** So many of the best are kept, to tell why. */
const keptRows = 12

/** Pick the account for one request. Pure: the same pool, ask, settings and time always give the same decision. */
export function choose(pool: readonly Account[], ask: RoutingAsk, settings: Settings, nowMs: number): Decision {
  const sifted = sift(pool, ask, settings, nowMs)
  const { panic, candidates, excluded } = inPanic(sifted)
  const strategy = strategies[settings.strategy]
  const context: Context = {
    ...{ nowMs, settings, seed: hashOf(ask.seed), inputTokens: ask.inputTokens, home: ask.home, prepared: 0 },
  }
  if (strategy.prepare) context.prepared = strategy.prepare(candidates, context)
  const order = best(candidates, strategy, context)
  const base = { strategy: settings.strategy, panic, candidates: candidates.length, excluded }
  const [first] = order
  if (first === undefined) return { accountId: null, because: 'none_eligible', move: null, ranked: [], ...base }
  const home = ask.home === null ? null : placeOfHome(candidates, ask.home, strategy, context)
  const stays = home !== null && mayStay(home, first, strategy, ask.home?.byHand)
  const chosen = stays ? home : first
  return {
    accountId: chosen.standing.account.id,
    because: becauseOf(ask, sifted, panic, stays),
    move: ask.home === null ? null : moveOf(ask.home, pool, chosen.standing, home, excluded),
    ranked: order.map((place) => rowOf(place, strategy, context)),
    ...base,
  }
}

/**
 * Who is asked when nearly everybody rests after failures: all that have a place free, or with nobody fit the one of them
 * that rests shortest.
 */
function inPanic({ fit, resting, excluded, busy }: Sifted) {
  const able = fit.length + busy
  const panic = isPanic(able, resting.length)
  if (!panic) return { panic, candidates: fit, excluded }
  const free = resting.filter(({ cap }) => cap === null).sort((one, other) => one.untilMs - other.untilMs)
  const asked = able === 0 ? free.slice(0, 1) : free
  const isAsked = new Set(asked.map(({ standing }) => standing.account.id))
  const caps = new Map(resting.map(({ standing, cap }) => [standing.account.id, cap]))
  return {
    panic,
    candidates: [...fit, ...asked.map(({ standing }) => standing)],
    excluded: excluded
      .filter(({ accountId }) => !isAsked.has(accountId))
      .map((one) => ({ ...one, exclusion: caps.get(one.accountId) ?? one.exclusion })),
  }
}

type Place = { standing: Standing; tier: number; rank: number }

/** The best places, in order. One pass: with hundreds of accounts to sort them all would be most of the work. */
function best(candidates: readonly Standing[], strategy: Strategy, context: Context): Place[] {
  const order: Place[] = []
  for (const standing of candidates) {
    const last = order[keptRows - 1]
    const tier = tierOf(standing, context, strategy)
    if (last !== undefined && tier > last.tier) continue
    const rank = strategy.rank(standing, context)
    if (last !== undefined && !isBefore(tier, rank, standing.account, last)) continue
    if (last !== undefined) order.pop()
    const place = { standing, tier, rank }
    let at = order.push(place) - 1
    for (let before = order[at - 1]; before && isBefore(tier, rank, standing.account, before); before = order[at - 1]) {
      order[at--] = before
    }
    order[at] = place
  }
  return order
}

function isBefore(tier: number, rank: number, account: Account, other: Place): boolean {
  if (tier !== other.tier) return tier < other.tier
  if (rank !== other.rank) return rank > other.rank
  const { lastChosenAtMs, id } = other.standing.account
  return account.lastChosenAtMs === lastChosenAtMs ? account.id < id : account.lastChosenAtMs < lastChosenAtMs
}

function placeOfHome(candidates: readonly Standing[], home: Home, strategy: Strategy, context: Context): Place | null {
  const standing = candidates.find(({ account }) => account.id === home.accountId)
  return standing
    ? { standing, tier: tierOf(standing, context, strategy), rank: strategy.rank(standing, context) }
    : null
}

/** A thread stays as long as its account is no nearer its edge than the best; where moves are priced, the price decides. */
function mayStay(home: Place, first: Place, { pricesMoves }: Strategy, byHand = false): boolean {
  if (home.standing.edge > first.standing.edge) return false
  return byHand || !pricesMoves || home.rank >= first.rank
}

function becauseOf(ask: RoutingAsk, { fit, busy }: Sifted, panic: boolean, stays: boolean): Decision['because'] {
  if (panic && fit.length + busy === 0) return 'last_resort'
  if (ask.ownerId !== null) return 'owner'
  if (stays) return 'affinity'
  return fit.length === 1 && !panic ? 'only_one' : 'ranked_first'
}

function moveOf(
  home: Home,
  pool: readonly Account[],
  to: Standing,
  from: Place | null,
  excluded: readonly Excluded[],
): Move | null {
  if (home.accountId === to.account.id) return null
  const { short, long } = to
  const again = home.warmTokens * (1 - cachedWeight)
  return {
    fromAccountId: home.accountId,
    reason: reasonToMove(home, pool, to, from, excluded),
    warmTokens: home.warmTokens,
    shortPercent: again * short.percentPerToken,
    longPercent: again * long.percentPerToken,
  }
}

function reasonToMove(
  home: Home,
  pool: readonly Account[],
  to: Standing,
  from: Place | null,
  excluded: readonly Excluded[],
): Move['reason'] {
  if (from !== null) return from.standing.edge > to.edge ? 'edge' : 'gain'
  const found = excluded.find(({ accountId }) => accountId === home.accountId)
  if (found) return found.exclusion.reason
  return pool.some(({ id }) => id === home.accountId) ? 'gain' : 'gone'
}

function rowOf({ standing, rank }: Place, strategy: Strategy, context: Context): Row {
  const { account, edge } = standing
  return { accountId: account.id, rank, edge, inFlight: account.inFlight, parts: strategy.explain(standing, context) }
}
