/** Counts what is under way, for whoever has to wait until nothing is. */
export type Tally = {
  /** Counts one in; the returned function counts it out. */
  add(): () => void
  /** Resolves as soon as nothing is under way. */
  empty(): Promise<void>
}

export function createTally(): Tally {
  let count = 0
  let waiting: (() => void)[] = []
  return {
    add() {
      count++
      return () => {
        count--
        if (count > 0) return
        for (const resolve of waiting) resolve()
        waiting = []
      }
    },
    empty: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}
