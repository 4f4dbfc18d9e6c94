import { type Account, activeBlock, type Block } from '../domain/account.ts'

/** Why an account cannot serve a request. Shown to people as it is, so each carries what a person needs. */
export type Exclusion =
  | { reason: 'deactivated' | 'reauth_required'; code: string | null }
  | { reason: 'paused' }
  | { reason: 'blocked'; by: Block['by']; code: string; untilMs: number }
  | { reason: 'model_unavailable'; model: string }
  | { reason: 'not_owner'; ownerId: string }
  | { reason: 'already_tried' }

/** The first thing that rules the account out for anybody, or null. Ordered from "a person must act" to "it passes". */
export function exclusionOf(account: Account, nowMs: number): Exclusion | null {
  const { health } = account
  if (health.signIn !== 'ok') return { reason: health.signIn, code: health.signInReason }
  if (health.paused) return { reason: 'paused' }
  const block = activeBlock(health, nowMs)
  return block && { reason: 'blocked', by: block.by, code: block.code, untilMs: block.untilMs }
}

/**
 * Whether the account is known to lack a model that another one is known to have. A model that nobody lists is let
 * through: catalogues lag behind, and the upstream's own answer is the better error.
 */
export function lacksModel(account: Account, model: string, pool: readonly Account[]): boolean {
  if (account.models === null || account.models.has(model)) return false
  return pool.some((other) => other.models?.has(model))
}
