import type { Standing } from '../standing.ts'
import type { Context, Strategy } from './strategy.ts'

/** One account after the other, in the order that a person gave; who is not in it comes after, the smallest plan first. */
export const sequentialDrain: Strategy = {
  hasTiers: false,
  pricesMoves: false,
  rank: (standing, context) => -placeOf(standing, context),
  explain: (standing, context) => ({ place: placeOf(standing, context) }),
}

const unnamed = 1e6
const places = new WeakMap<readonly string[], ReadonlyMap<string, number>>()

function placeOf({ account, long, hash }: Standing, { settings: { drainOrder } }: Context): number {
  const known = places.get(drainOrder) ?? new Map(drainOrder.map((id, at) => [id, at]))
  places.set(drainOrder, known)
  // Within a plan any order will do, as long as it stays the same.
  return known.get(account.id) ?? unnamed + (long.credits ?? 0) + hash / 2 ** 32
}
