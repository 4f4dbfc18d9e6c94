import type { Credits, QuotaWindow, WindowKind } from './quota.ts'

/** Why the upstream turns an account away for a while. A block ends by itself; a pause does not. */
export type Block = {
  /** `burst`: too many requests at once. `window`: a usage window is used up. `plan`: not in the plan. `errors`: it kept failing. */
  by: 'burst' | 'window' | 'plan' | 'errors'
  /** The used-up window, where known. */
  window: WindowKind | null
  sinceMs: number
  untilMs: number
  /** The upstream's error code, for people. */
  code: string
  /** True when the upstream named the end; false when it is assumed, so that fresh usage figures may lift the block. */
  endIsKnown: boolean
}

/** What may keep an account from serving. Plain data, persisted as it is; changed only by `balancer/health.ts`. */
export type Health = {
  paused: boolean
  /** `reauth_required`: a person must sign in again. `deactivated`: the upstream closed the account. */
  signIn: 'ok' | 'reauth_required' | 'deactivated'
  /** The code that ended the sign-in, or null. */
  signInReason: string | null
  blocked: Block | null
  /** Transient failures in a row. */
  failures: number
}

export const healthy: Health = { paused: false, signIn: 'ok', signInReason: null, blocked: null, failures: 0 }

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
export type StoredAccount = AccountIdentity & {
  health: Health
  windows: QuotaWindow[]
  credits: Credits | null
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
  inFlight: number
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
  const block = activeBlock(health, nowMs)
  if (block === null || block.by === 'errors') return 'active'
  const isLong = block.by === 'plan' || block.window === 'weekly' || block.window === 'monthly'
  return isLong ? 'quota_exceeded' : 'rate_limited'
}

/** The block in force now, or null. */
export function activeBlock(health: Health, nowMs: number): Block | null {
  return health.blocked !== null && health.blocked.untilMs > nowMs ? health.blocked : null
}
