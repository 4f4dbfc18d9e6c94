import type { Strategy } from './strategy.ts'

/** Take turns: equal ranks fall to the account that was unused longest. */
export const roundRobin: Strategy = {
  hasTiers: true,
  pricesMoves: false,
  rank: () => 0,
  explain: ({ account }) => ({ lastChosenAtMs: Math.floor(account.lastChosenAtMs) }),
}
