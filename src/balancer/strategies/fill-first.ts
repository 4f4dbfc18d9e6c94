import type { Strategy } from './strategy.ts'

/** Empty one account before touching the next: the fullest short window first, then the fullest long one. */
export const fillFirst: Strategy = {
  hasTiers: true,
  pricesMoves: false,
  rank: ({ short, long }) => short.usedPercent + long.usedPercent / 1_000,
  explain: ({ short, long }) => ({ shortPercent: short.usedPercent, longPercent: long.usedPercent }),
}
