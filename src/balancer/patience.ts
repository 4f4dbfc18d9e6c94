import type { Excluded } from './sift.ts'

/**
 * What a request that nobody can serve at this moment may wait for: a place on an account, or the moment at which the
 * first limit or rest ends. Null: nothing that comes by itself.
 */
export type Patience = { kind: 'room' } | { kind: 'until'; atMs: number } | null

export function patienceOf(excluded: readonly Excluded[]): Patience {
  if (excluded.some(({ exclusion }) => isRoom(exclusion))) return { kind: 'room' }
  const atMs = firstEndOf(excluded)
  return atMs === null ? null : { kind: 'until', atMs }
}

function isRoom(exclusion: Excluded['exclusion']): boolean {
  const { reason } = exclusion
  return reason === 'busy' || reason === 'probing' || (reason === 'egress_down' && exclusion.code === 'probing')
}

/** Whether it is worth waiting until then. */
export function isWorthWaiting(excluded: readonly Excluded[], untilMs: number): boolean {
  const patience = patienceOf(excluded)
  return patience?.kind === 'room' || (patience?.kind === 'until' && patience.atMs <= untilMs)
}

/** When the first of the things that pass by themselves is over; null: there is none. */
export function firstEndOf(excluded: readonly Excluded[]): number | null {
  let atMs = Number.POSITIVE_INFINITY
  for (const { exclusion } of excluded) {
    if (exclusion.reason === 'blocked') atMs = Math.min(atMs, exclusion.untilMs)
    else if (exclusion.reason === 'meter_used_up' || exclusion.reason === 'egress_down') {
      if (exclusion.untilMs !== null) atMs = Math.min(atMs, exclusion.untilMs)
    }
  }
  return atMs === Number.POSITIVE_INFINITY ? null : atMs
}
