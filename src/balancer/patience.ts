import type { Excluded } from './sift.ts'

/**
 * What a request that nobody can serve at this moment may wait for: a place on an account, or the moment at which the
 * first brief rest ends. Null: nothing that comes by itself within minutes.
 */
export type Patience = { kind: 'room' } | { kind: 'until'; atMs: number } | null

export function patienceOf(excluded: readonly Excluded[]): Patience {
  let atMs = Number.POSITIVE_INFINITY
  for (const { exclusion } of excluded) {
    if (exclusion.reason === 'busy' || exclusion.reason === 'probing') return { kind: 'room' }
    if (exclusion.reason !== 'blocked' || exclusion.by === 'window' || exclusion.by === 'plan') continue
    atMs = Math.min(atMs, exclusion.untilMs)
  }
  return atMs === Number.POSITIVE_INFINITY ? null : { kind: 'until', atMs }
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
    else if (exclusion.reason === 'meter_used_up' && exclusion.untilMs !== null) {
      atMs = Math.min(atMs, exclusion.untilMs)
    }
  }
  return atMs === Number.POSITIVE_INFINITY ? null : atMs
}
