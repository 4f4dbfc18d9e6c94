/** Chance that is the same for the same seed (mulberry32). */
export type Random = {
  /** In [0, 1). */
  next(): number
  between(from: number, to: number): number
  whole(from: number, to: number): number
  isLikely(share: number): boolean
  /** Mostly near `median`, now and then several times as much. */
  skewed(median: number, spread?: number): number
}

export function createRandom(seed: number): Random {
  let state = Math.imul(seed, 0x9e3779b1) | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (from: number, to: number) => from + (to - from) * next()
  return {
    next,
    between,
    whole: (from, to) => Math.floor(between(from, to + 1)),
    isLikely: (share) => next() < share,
    skewed(median, spread = 0.7) {
      // Box and Muller.
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
      return median * Math.exp(spread * normal)
    },
  }
}
