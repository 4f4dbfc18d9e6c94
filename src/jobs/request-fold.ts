import { setImmediate as nextTurn } from 'node:timers/promises'
import { hourMs, minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'

/** Brings what batches of requests have added into the sums of hours and days, and counts what earlier releases have logged. */
export type RequestFold = {
  run(): Promise<void>
  /** True while there may be requests that an earlier release has logged, or more to fold than one run takes. */
  isBehind(): boolean
}

/** An hour is left alone until requests that began in it will have ended, for the most part; a busy one is not. */
const settlingMs = 15 * minuteMs
const manyRows = 100
const stepsPerRun = 40
/** So many of a log's rows are counted in one unit, which must be over in a moment. */
const olderPerStep = 500

export function createRequestFold(sums: Pick<Store['requestSums'], 'fold' | 'countOlder'>, clock: Clock): RequestFold {
  let isBehind = true
  return {
    async run() {
      let more = true
      for (let step = 0; more && step < stepsPerRun; step++) {
        const counted = await sums.countOlder(olderPerStep)
        await nextTurn()
        // While old requests are counted their hours come up one after the other, a thousand at a time: a few wait together.
        const beforeMs = counted === olderPerStep ? 0 : clock.now() - hourMs - settlingMs
        const folded = await sums.fold({ beforeMs, minRows: manyRows })
        await nextTurn()
        more = folded || counted > 0
      }
      isBehind = more
    },
    isBehind: () => isBehind,
  }
}
