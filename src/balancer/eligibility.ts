import {
  type Account,
  activeBlock,
  type Block,
  failuresBeforeRest,
  meterBlock,
  nonWindowBlock,
} from '../domain/account.ts'
import type { EgressDown } from '../domain/egress.ts'
import type { Meter } from '../domain/meter.ts'
import { usedNow } from '../domain/quota.ts'

/**
 * Which bound on requests at once is reached: open answers, answers that have not begun, what the upstream bears, or the
 * key's share of the pool, which counts all accounts together.
 */
type Cap = 'streams' | 'turn_starts' | 'upstream' | 'share'
export type Caps = { maxStreams: number; maxTurnStarts: number }

/** Why an account cannot serve a request. Shown to people as it is, so each carries what a person needs. */
export type Exclusion =
  | { reason: 'deactivated' | 'reauth_required'; code: string | null }
  | { reason: 'paused' }
  | { reason: 'blocked'; by: Block['by']; code: string; untilMs: number; endIsKnown: boolean }
  /** The limit that governs this model is used up; other models are served. */
  | { reason: 'meter_used_up'; meter: string; untilMs: number | null }
  | { reason: 'model_unavailable'; model: string }
  | { reason: 'not_owner'; ownerId: string }
  | { reason: 'not_selected' }
  | { reason: 'not_tagged' }
  /** The client's key may not use it. */
  | { reason: 'not_in_scope' }
  | { reason: 'already_tried' }
  /** Its way to the upstream is closed; it goes no other. */
  | ({ reason: 'egress_down' } & EgressDown)
  | { reason: 'busy'; cap: Cap; inFlight: number; limit: number }
  /** It comes back from a rest, and the one request that tries it is under way. */
  | { reason: 'probing' }

/**
 * The first thing that rules the account out for anybody, or null. Ordered from "a person must act" to "it passes". For a
 * model with a meter of its own the ordinary windows do not count.
 */
export function exclusionOf(account: Account, nowMs: number, windowsCount = true): Exclusion | null {
  const { health } = account
  if (health.signIn !== 'ok') return { reason: health.signIn, code: health.signInReason }
  if (health.paused) return { reason: 'paused' }
  if (health.blocks.length === 0) return null
  const block = windowsCount ? activeBlock(health, nowMs) : nonWindowBlock(health, nowMs)
  if (block === null) return null
  return { reason: 'blocked', by: block.by, code: block.code, untilMs: block.untilMs, endIsKnown: block.endIsKnown }
}

/** The rest after failures that alone keeps an account from serving, or null. */
export function restOf({ health }: Account, nowMs: number, windowsCount = true): Block | null {
  let rest: Block | null = null
  for (const block of health.blocks) {
    if (block.untilMs <= nowMs || block.meter !== null || (block.by === 'window' && !windowsCount)) continue
    if (block.by !== 'errors') return null
    rest = block
  }
  return rest
}

/** What keeps a fit account from taking one more request at this moment, or null. */
export function crowdingOf(account: Account, caps: Caps, nowMs: number): Exclusion | null {
  if (account.inFlight === 0) return null
  // Its rest is over, and nothing has been served since. An answer that has begun is no try any more, however long it is.
  if (account.health.failures >= failuresBeforeRest && account.starting > 0) return { reason: 'probing' }
  return capOf(account, caps, nowMs)
}

/** The bound on requests at once that an account has reached, or null. */
export function capOf({ inFlight, starting, health }: Account, caps: Caps, nowMs: number): Exclusion | null {
  const { concurrency } = health
  if (concurrency !== null && concurrency.untilMs > nowMs && inFlight >= concurrency.limit)
    return { reason: 'busy', cap: 'upstream', inFlight, limit: concurrency.limit }
  if (inFlight >= caps.maxStreams) return { reason: 'busy', cap: 'streams', inFlight, limit: caps.maxStreams }
  if (starting >= caps.maxTurnStarts)
    return { reason: 'busy', cap: 'turn_starts', inFlight: starting, limit: caps.maxTurnStarts }
  return null
}

/** Whether a meter is used up on the account; null: it is not. */
export function meterExclusion(account: Account, meter: Meter, nowMs: number): Exclusion | null {
  const block = meterBlock(account.health, meter.key, nowMs)
  if (block) return { reason: 'meter_used_up', meter: meter.name, untilMs: block.untilMs }
  const full = meter.windows.find((window) => usedNow(window, nowMs) >= 100)
  return full ? { reason: 'meter_used_up', meter: meter.name, untilMs: full.resetAtMs } : null
}
