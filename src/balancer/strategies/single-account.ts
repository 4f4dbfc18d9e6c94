import type { Strategy } from './strategy.ts'

/** The one account that a person named serves, or nobody: `choose` leaves the others out. */
export const singleAccount: Strategy = {
  hasTiers: false,
  pricesMoves: false,
  rank: () => 0,
  explain: () => ({}),
}
