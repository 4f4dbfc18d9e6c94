import type { Block, Health } from '../domain/account.ts'
import { hourMs, isNewWindow, minuteMs, type QuotaWindow, usedNow, type WindowKind } from '../domain/quota.ts'

/** What happened to an account. A closed list: whatever is not on it cannot change an account. */
export type HealthEvent =
  | { kind: 'served' }
  /** The upstream turned a request away because of a limit. `untilMs` null: it named no end. */
  | {
      kind: 'refused'
      by: 'burst' | 'window' | 'plan'
      code: string
      untilMs: number | null
      window: WindowKind | null
    }
  /** Every try on the account failed for a passing reason. */
  | { kind: 'failed'; code: string }
  | { kind: 'sign_in_lost'; as: 'reauth_required' | 'deactivated'; code: string }
  /** A person signed in again: there are new tokens. */
  | { kind: 'signed_in' }
  /** New usage figures are known: all windows, as they stand now. */
  | { kind: 'reading'; windows: readonly QuotaWindow[] }
  | { kind: 'paused' }
  | { kind: 'reactivated' }

/** How long a refusal counts when the upstream does not say. */
const assumedMs = { burst: 30_000, window: 5 * minuteMs, plan: hourMs }
/** A single failure proves nothing; from the third in a row the account rests, twice as long each time. */
const failuresBeforeRest = 3
const firstRestMs = 30_000
const longestRestMs = 5 * minuteMs

/** The only way an account's health changes. Pure; returns the same object when nothing changes. */
export function next(health: Health, event: HealthEvent, nowMs: number): Health {
  switch (event.kind) {
    case 'served':
      return served(health, nowMs)
    case 'refused':
      return { ...health, blocked: longer(health.blocked, refusal(event, nowMs)) }
    case 'failed':
      return failed(health, event.code, nowMs)
    case 'sign_in_lost':
      return { ...health, signIn: event.as, signInReason: event.code }
    case 'signed_in':
      return signedIn(health)
    case 'reading':
      return health.blocked && liftedBy(health.blocked, event.windows, nowMs) ? { ...health, blocked: null } : health
    case 'paused':
      return health.paused ? health : { ...health, paused: true }
    case 'reactivated':
      return { paused: false, signIn: 'ok', signInReason: null, blocked: null, failures: 0 }
  }
}

/** New tokens mend the sign-in and what failed with the old ones; limits and a person's pause stand. */
function signedIn(health: Health): Health {
  if (health.signIn === 'ok' && health.failures === 0 && health.blocked?.by !== 'errors') return health
  const blocked = health.blocked?.by === 'errors' ? null : health.blocked
  return { ...health, signIn: 'ok', signInReason: null, failures: 0, blocked }
}

/** An answer proves that the account works; a limit set meanwhile by a parallel request stands. */
function served(health: Health, nowMs: number): Health {
  const blockIsOver = health.blocked !== null && (health.blocked.by === 'errors' || health.blocked.untilMs <= nowMs)
  if (health.failures === 0 && !blockIsOver) return health
  return { ...health, failures: 0, blocked: blockIsOver ? null : health.blocked }
}

function refusal(event: Extract<HealthEvent, { kind: 'refused' }>, nowMs: number): Block {
  const { by, window, code } = event
  const endIsKnown = event.untilMs !== null
  return { by, window, code, sinceMs: nowMs, untilMs: event.untilMs ?? nowMs + assumedMs[by], endIsKnown }
}

function failed(health: Health, code: string, nowMs: number): Health {
  // Requests that were on their way when the rest began, and last resorts, met the same trouble: counted once.
  if (health.blocked?.by === 'errors' && health.blocked.untilMs > nowMs) return health
  const failures = health.failures + 1
  if (failures < failuresBeforeRest) return { ...health, failures }
  const restMs = Math.min(longestRestMs, firstRestMs * 2 ** (failures - failuresBeforeRest))
  const rest: Block = { by: 'errors', window: null, code, sinceMs: nowMs, untilMs: nowMs + restMs, endIsKnown: false }
  return { ...health, failures, blocked: longer(health.blocked, rest) }
}

/** Of two blocks the one that ends later; a named end is worth more than an assumed one. */
function longer(before: Block | null, after: Block): Block {
  if (before === null || before.untilMs <= after.sinceMs) return after
  if (before.endIsKnown !== after.endIsKnown) return before.endIsKnown ? before : after
  return before.untilMs > after.untilMs ? before : after
}

function liftedBy(block: Block, windows: readonly QuotaWindow[], nowMs: number): boolean {
  if (block.by !== 'window' || block.untilMs <= nowMs) return false
  const newer = windows.filter((window) => window.readAtMs > block.sinceMs && window.source !== 'refusal')
  const concerned = newer.filter((window) => block.window === null || window.kind === block.window)
  if (concerned.length === 0 || concerned.some((window) => usedNow(window, nowMs) >= 100)) return false
  return !block.endIsKnown || concerned.some((window) => isNewWindow({ resetAtMs: block.untilMs }, window))
}
