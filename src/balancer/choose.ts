import type { Account } from '../domain/account.ts'
import type { StrategyName } from '../domain/settings.ts'
import { type Exclusion, exclusionOf, lacksModel } from './eligibility.ts'
import { strategies, tightestPercent } from './strategies.ts'

/** What routing must know about a request. */
export type RoutingAsk = {
  model: string
  /** The only account that may serve, because the request names an object that lives there. */
  ownerId: string | null
  /** The account that served the thread before, or issued its turn state; left when it is out or nearly so. */
  preferredId: string | null
  /** Accounts that have said that they do not offer the model. */
  lacking: ReadonlySet<string>
  /** Accounts that this request has tried in vain. */
  tried: ReadonlySet<string>
  /** Makes chance repeatable: the request's id and the number of the try. */
  seed: string
}

export type Policy = { strategy: StrategyName }

/** How near its edge an account is: 0 has room, 1 is nearly used up, 2 is used up by its figures. Safer ones go first. */
type Edge = 0 | 1 | 2
const nearEdgePercent = 95

/** A routing decision that explains itself: acted on, stored with the request, and shown to people as it is. */
export type Decision = {
  accountId: string | null
  because: 'owner' | 'affinity' | 'only_one' | 'ranked_first' | 'last_resort' | 'none_eligible'
  strategy: StrategyName
  ranked: { accountId: string; rank: number; edge: Edge; inFlight: number }[]
  excluded: { accountId: string; exclusion: Exclusion }[]
}

/** Pick the account for one request. Pure: the same pool, ask, policy and time always give the same decision. */
export function choose(pool: readonly Account[], ask: RoutingAsk, policy: Policy, nowMs: number): Decision {
  const excluded: Decision['excluded'] = []
  const candidates: Account[] = []
  for (const account of pool) {
    const exclusion = exclusionFor(account, ask, pool, nowMs)
    if (exclusion) excluded.push({ accountId: account.id, exclusion })
    else candidates.push(account)
  }
  const ranked = rank(candidates, ask, policy, nowMs)
  const first = ranked[0]
  const base = { strategy: policy.strategy, ranked, excluded }
  if (first === undefined) {
    const accountId = soonestToRecover(excluded)
    return { accountId, because: accountId === null ? 'none_eligible' : 'last_resort', ...base }
  }
  if (ask.ownerId !== null) return { accountId: first.accountId, because: 'owner', ...base }
  const preferred = ranked.find((one) => one.accountId === ask.preferredId)
  if (preferred && preferred.edge <= first.edge) return { accountId: preferred.accountId, because: 'affinity', ...base }
  return { accountId: first.accountId, because: ranked.length === 1 ? 'only_one' : 'ranked_first', ...base }
}

/** What this request asks comes before the account's own state: a last resort overrides a rest, nothing else. */
function exclusionFor(account: Account, ask: RoutingAsk, pool: readonly Account[], nowMs: number): Exclusion | null {
  if (ask.tried.has(account.id)) return { reason: 'already_tried' }
  if (ask.ownerId !== null && ask.ownerId !== account.id) return { reason: 'not_owner', ownerId: ask.ownerId }
  if (ask.lacking.has(account.id) || lacksModel(account, ask.model, pool)) {
    return { reason: 'model_unavailable', model: ask.model }
  }
  return exclusionOf(account, nowMs)
}

/** Resting after failures is caution, not a refusal: with nobody else left the one that rests shortest is asked. */
function soonestToRecover(excluded: Decision['excluded']): string | null {
  let soonest: { accountId: string; untilMs: number } | null = null
  for (const { accountId, exclusion } of excluded) {
    if (exclusion.reason !== 'blocked' || exclusion.by !== 'errors') continue
    if (soonest === null || exclusion.untilMs < soonest.untilMs) soonest = { accountId, untilMs: exclusion.untilMs }
  }
  return soonest?.accountId ?? null
}

function rank(candidates: Account[], ask: RoutingAsk, policy: Policy, nowMs: number): Decision['ranked'] {
  const strategy = strategies[policy.strategy]
  const rows = candidates.map((account) => ({
    row: {
      accountId: account.id,
      rank: strategy.rank(account, { nowMs, seed: ask.seed }),
      edge: edgeOf(account, nowMs),
      inFlight: account.inFlight,
    },
    lastChosenAtMs: account.lastChosenAtMs,
  }))
  rows.sort(
    (a, b) =>
      a.row.edge - b.row.edge ||
      b.row.rank - a.row.rank ||
      a.lastChosenAtMs - b.lastChosenAtMs ||
      (a.row.accountId < b.row.accountId ? -1 : 1),
  )
  return rows.map(({ row }) => row)
}

function edgeOf(account: Account, nowMs: number): Edge {
  const used = tightestPercent(account, nowMs)
  if (used >= 100) return 2
  return used >= nearEdgePercent ? 1 : 0
}
