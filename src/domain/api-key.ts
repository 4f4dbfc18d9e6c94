import type { Account } from './account.ts'
import type { KeyLimit } from './limits.ts'

/** What every secret of ours begins with. */
export const keyStart = 'sk-clb-'

/** As clients may name them, the least first. */
export const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max', 'ultra'] as const
export type Effort = (typeof efforts)[number]
export const serviceTiers = ['auto', 'default', 'flex', 'priority', 'ultrafast'] as const
export type ServiceTier = (typeof serviceTiers)[number]

/** What a person decides about a key. Null: nothing is asked of the client in this respect. */
export type KeyRules = {
  name: string
  notes: string | null
  allowedModels: readonly string[] | null
  /** Put in place of whatever model the client asks for. */
  enforcedModel: string | null
  /** Put in place of the client's. Never together with `allowedEfforts`. */
  enforcedEffort: Effort | null
  allowedEfforts: readonly Effort[] | null
  enforcedServiceTier: ServiceTier | null
  /** Only these accounts serve, and those with one of the tags. Accounts that are gone stand for nothing, not for all. */
  accountIds: readonly string[] | null
  tags: readonly string[] | null
  /** Addresses and ranges that the key may be used from. */
  allowedAddresses: readonly string[] | null
  limits: readonly KeyLimit[]
  /** At most this part of the pool's places, while others want them. */
  poolSharePercent: number | null
  expiresAtMs: number | null
  isActive: boolean
}

/** A key that clients present. Its secret is not kept: only what tells that somebody has it. */
export type ApiKey = KeyRules & {
  id: string
  /** Hex SHA-256 of the secret. */
  secretHash: string
  /** The first characters of the secret, to know it by. */
  prefix: string
  createdAtMs: number
  lastUsedAtMs: number | null
  /** Grows with each change. */
  revision: number
}

export type KeyStatus = 'active' | 'inactive' | 'expired'

export function keyStatus({ isActive, expiresAtMs }: KeyRules, nowMs: number): KeyStatus {
  if (!isActive) return 'inactive'
  return expiresAtMs !== null && expiresAtMs <= nowMs ? 'expired' : 'active'
}

/** What a key has taken. Tokens that were read from a cache are part of the input. */
export type KeyUse = {
  requests: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  costMicroUsd: number
}

/** Which accounts may serve a request; null: every one. */
export type KeyScope = Pick<KeyRules, 'accountIds' | 'tags'>

/** Null where the key asks nothing, so that nothing has to be looked at. */
export function scopeOf(key: KeyRules | null): KeyScope | null {
  return key === null || (key.accountIds === null && key.tags === null) ? null : key
}

export function isInScope({ id, tags }: Pick<Account, 'id' | 'tags'>, scope: KeyScope | null): boolean {
  if (scope === null) return true
  return scope.accountIds?.includes(id) === true || scope.tags?.some((tag) => tags.includes(tag)) === true
}

/** Whom the gate has let in to the pool: with a key, or from this machine without one. */
export type Guest = {
  key: ApiKey | null
  /** Where it calls from; null: that is not known. */
  address: string | null
}
