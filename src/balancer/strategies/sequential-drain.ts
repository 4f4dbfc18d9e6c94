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

function placeOf({ account, long, hash }: Standing, { settings }: Context): number {
  const place = settings.drainOrder.indexOf(account.id)
  // Within a plan any order will do, as long as it stays the same.
  return place === -1 ? unnamed + (long.credits ?? 0) + hash / 2 ** 32 : place
}
