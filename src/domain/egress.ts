/** `socks5` looks names up on this machine, `socks5h` lets the proxy do it. */
export const egressSchemes = ['http', 'https', 'socks5', 'socks5h'] as const
export type EgressScheme = (typeof egressSchemes)[number]

/** Proxies in order: the first that works is used. */
export type EgressPool = { id: string; name: string; memberIds: string[]; createdAtMs: number; updatedAtMs: number }

/** Which way an account goes. `default`: as the settings say for all. */
export type EgressRef = { kind: 'proxy' | 'pool'; id: string }
export type EgressChoice = { kind: 'default' } | { kind: 'direct' } | EgressRef
export const defaultEgress: EgressChoice = { kind: 'default' }

/** What went wrong on the way to the upstream, before anything was sent to it. */
export type EgressFault = 'auth_refused' | 'unreachable' | 'timeout' | 'dns' | 'tls' | 'refused' | 'protocol'

/** How a proxy was found to work, by this process. */
export type EgressHealth = {
  lastOkAtMs: number | null
  /** In a row. */
  failures: number
  /** Answers in a row that broke off before they began: the proxy's doing, or the upstream's. */
  suspicions: number
  downSinceMs: number | null
  /** Nobody goes this way until then; afterwards one request tries it. */
  restingUntilMs: number | null
  lastError: { code: string; message: string; atMs: number } | null
}

export const freshEgress: EgressHealth = {
  lastOkAtMs: null,
  failures: 0,
  suspicions: 0,
  downSinceMs: null,
  restingUntilMs: null,
  lastError: null,
}

const firstRestMs = 1_000
const longestRestMs = 2 * 60_000
const suspicionsBeforeRest = 3

export function egressWorked(health: EgressHealth, nowMs: number): EgressHealth {
  return { ...health, lastOkAtMs: nowMs, failures: 0, suspicions: 0, downSinceMs: null, restingUntilMs: null }
}

/** The proxy gave no way to the upstream: it rests, twice as long each time in a row. */
export function egressFailed(
  health: EgressHealth,
  { code, message }: { code: string; message: string },
  nowMs: number,
): EgressHealth {
  const failures = health.failures + 1
  const restMs = Math.min(firstRestMs * 2 ** Math.min(failures - 1, 20), longestRestMs)
  return {
    ...health,
    ...{ failures, suspicions: 0, downSinceMs: health.downSinceMs ?? nowMs, restingUntilMs: nowMs + restMs },
    lastError: { code, message, atMs: nowMs },
  }
}

/** An answer broke off on the way: who is to blame shows only when it happens again and again. */
export function egressSuspected(
  health: EgressHealth,
  error: { code: string; message: string },
  nowMs: number,
): EgressHealth {
  const suspicions = health.suspicions + 1
  // A proxy that is being tried after a rest has not passed.
  if (suspicions >= suspicionsBeforeRest || health.failures > 0) return egressFailed(health, error, nowMs)
  return { ...health, suspicions, lastError: { ...error, atMs: nowMs } }
}

/** Why nobody can go a way at this moment. */
export type EgressDown = {
  kind: 'proxy' | 'pool'
  /** As a person has called it; null: it is not there any more. */
  name: string | null
  /** A fault, or `off`, `empty`, `missing`, `probing`. */
  code: string
  sinceMs: number | null
  /** When it is tried again; null: not by itself. */
  untilMs: number | null
}

/** Where accounts can go at this moment: null for a way that is open. What is not listed is not there. */
export type Ways = {
  default: EgressDown | null
  proxies: ReadonlyMap<string, EgressDown | null>
  pools: ReadonlyMap<string, EgressDown | null>
}

/** There are no proxies: everybody goes directly. */
export const openWays: Ways = { default: null, proxies: new Map(), pools: new Map() }

/** Whether the account's way is closed, and why. */
export function downOf(choice: EgressChoice, ways: Ways): EgressDown | null {
  if (choice.kind === 'default') return ways.default
  if (choice.kind === 'direct') return null
  const found = (choice.kind === 'proxy' ? ways.proxies : ways.pools).get(choice.id)
  return found === undefined ? { kind: choice.kind, name: null, code: 'missing', sinceMs: null, untilMs: null } : found
}
