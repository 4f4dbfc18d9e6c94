import type { Strategy } from './strategy.ts'

/** The account whose fullest window has most room; then the one with most room in the long window. */
export const usageWeighted: Strategy = {
  hasTiers: true,
  pricesMoves: false,
  rank: ({ tightestPercent, long }) => -tightestPercent - long.usedPercent / 1_000,
  explain: ({ tightestPercent, long }) => ({ tightestPercent, longPercent: long.usedPercent }),
}
