import type { BurnRates } from './burn.ts'
import type { EgressChoice } from './egress.ts'
import type { Meter } from './meter.ts'
import type { Credits, QuotaWindow, WindowKind } from './quota.ts'
import type { AccountStatistics } from './statistics.ts'

/** Why the upstream turns an account away for a while. A block ends by itself; a pause does not. */
export type Block = {
  /** `burst`: too many requests at once. `window`: a usage window is used up. `plan`: not in the plan. `errors`: it kept failing. */
  by: 'burst' | 'window' | 'plan' | 'errors'
  /** The used-up window, where known. */
  window: WindowKind | null
  /** The meter that is used up: then only the models that it governs are concerned. Null: the account itself. */
  meter: string | null
  sinceMs: number
  untilMs: number
  /** The upstream's error code, for people. */
  code: string
  /** True when the upstream named the end; false when it is assumed, so that fresh usage figures may lift the block. */
  endIsKnown: boolean
  /** The how many-th of its kind in a row this is: an assumed end is further away each time. */
  strikes: number
}

/** What may keep an account from serving. Plain data, persisted as it is; changed only by `balancer/health.ts`. */
export type Health = {
  paused: boolean
  /** `reauth_required`: a person must sign in again. `deactivated`: the upstream closed the account. */
  signIn: 'ok' | 'reauth_required' | 'deactivated'
  /** The code that ended the sign-in, or null. */
  signInReason: string | null
  /** At most one of each kind, window and meter: a limit once learned stands beside those learned later. */
  blocks: readonly Block[]
  /** Transient failures in a row. */
  failures: number
  /** How many requests the upstream bears at once, as a refusal taught us; null: nothing is known. */
  concurrency: { limit: number; untilMs: number } | null
  /** Since when the account may serve again: it was added, signed in, put back, or a block ended. It starts slowly. */
  fitSinceMs: number
}

export const healthy: Health = {
  paused: false,
  signIn: 'ok',
  signInReason: null,
  blocks: [],
  failures: 0,
  concurrency: null,
  fitSinceMs: 0,
}

/** From so many failures in a row on an account rests, and comes back with one request at a time. */
export const failuresBeforeRest = 3

/** `preserve`: a reserve for when the others are out. `burn_first`: used up before the others are touched. */
export const routingPolicies = ['normal', 'preserve', 'burn_first'] as const
export type RoutingPolicy = (typeof routingPolicies)[number]

/** What a person wants of an account. */
export type Preferences = {
  policy: RoutingPolicy
  /** Higher goes first among accounts that have room. */
  priority: number
  /** Lower case. */
  tags: string[]
  /** What the person calls it; null: by its e-mail address. */
  alias: string | null
  /** Its way to the upstream. */
  egress: EgressChoice
}

/** Who an account is. `seat` is the user id inside a workspace, or `email:<address>` when the token names none. */
type AccountIdentity = {
  id: string
  /** The workspace or account id that the upstream wants in a header; shared by all seats of a team. */
  chatgptAccountId: string
  seat: string
  email: string | null
  plan: string
  workspaceId: string | null
  workspaceLabel: string | null
}

/** An account as the store keeps it, without its tokens. */
export type StoredAccount = AccountIdentity &
  Preferences & {
    health: Health
    windows: QuotaWindow[]
    /** Limits beside the windows, for some models. */
    meters: Meter[]
    credits: Credits | null
    /** The upstream's word for the limit that was reached (`rate_limit_reached_type`), or null. */
    limitReached: string | null
    /** What a token costs of each window, as far as it is learned. */
    burn: BurnRates | null
    statistics: AccountStatistics | null
    createdAtMs: number
    /** When the tokens were last renewed. */
    refreshedAtMs: number
    /** Grows with every change of the row that another process should notice. */
    version: number
  }

/** An account as routing sees it: what is stored, and what only this process knows. */
export type Account = StoredAccount & {
  /** Slugs in the account's own catalogue; null: not known yet. */
  models: ReadonlySet<string> | null
  /** Requests that were sent and whose answers have not ended. */
  inFlight: number
  /** Those of them whose answers have not begun. */
  starting: number
  /** Weighted tokens that no usage figure shows yet: of requests in flight, and of those that ended since. */
  unseenTokens: number
  lastChosenAtMs: number
}

export const statuses = [
  'active',
  'paused',
  'rate_limited',
  'quota_exceeded',
  'reauth_required',
  'deactivated',
] as const
export type Status = (typeof statuses)[number]

/** The one word shown for an account, derived and never stored. */
export function statusOf(health: Health, nowMs: number): Status {
  if (health.signIn !== 'ok') return health.signIn
  if (health.paused) return 'paused'
  const block = limitingBlock(health, nowMs)
  if (block === null) return 'active'
  const isLong = block.by === 'plan' || block.window === 'weekly' || block.window === 'monthly'
  return isLong ? 'quota_exceeded' : 'rate_limited'
}

/** The block that keeps the whole account from serving, of several the one that ends last; or null. */
export function activeBlock(health: Health, nowMs: number): Block | null {
  return lastOf(health.blocks, (block) => block.meter === null && block.untilMs > nowMs)
}

/** The same, without rests after failures: what the upstream itself has said. */
export function limitingBlock(health: Health, nowMs: number): Block | null {
  return lastOf(health.blocks, (block) => block.meter === null && block.untilMs > nowMs && block.by !== 'errors')
}

/** The block that keeps the account from serving also those models that have a meter of their own, or null. */
export function nonWindowBlock(health: Health, nowMs: number): Block | null {
  return lastOf(health.blocks, (block) => block.meter === null && block.untilMs > nowMs && block.by !== 'window')
}

/** The block on the models of one meter, or null. */
export function meterBlock(health: Health, meter: string, nowMs: number): Block | null {
  return lastOf(health.blocks, (block) => block.meter === meter && block.untilMs > nowMs)
}

function lastOf(blocks: readonly Block[], fits: (block: Block) => boolean): Block | null {
  let last: Block | null = null
  for (const block of blocks) if (fits(block) && (last === null || block.untilMs > last.untilMs)) last = block
  return last
}
