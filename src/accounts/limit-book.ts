import { type Count, type Standing, standingOf, stillCounting } from '../domain/limit-counts.ts'
import { type Bucket, type KeyLimit, shapeOf } from '../domain/limits.ts'
import type { LimitCount, Place } from '../domain/reservation.ts'

/** What is counted of each limit, in memory. */
export type LimitBook = {
  /** Whether the limit is counted here, as what it is now. */
  has(limit: KeyLimit): boolean
  /** Counts a limit from now on; what is known of it begins with these. */
  open(limit: Pick<LimitCount, 'limitId' | 'shape' | 'keyId'>, counts: readonly LimitCount[], nowMs: number): void
  standing(limit: KeyLimit, nowMs: number): Standing
  /** Adds to what is counted at a place; nothing where the limit is not counted as what it was then. */
  add(place: Place, part: 'used' | 'reserved', amount: number): void
  /** Puts the counts that are stored in the place of all that were here. */
  replace(counts: readonly LimitCount[], nowMs: number): void
  isEmpty(): boolean
  forget(keyId: string): void
  /** Lets go of limits that nobody has asked for since then, and that are named by none of these places. */
  dropIdle(sinceMs: number, places: Iterable<Place>): void
}

type Counter = { keyId: string; shape: string; counts: Count[]; askedAtMs: number }

export function createLimitBook(): LimitBook {
  let counters = new Map<string, Counter>()

  return {
    has: (limit) => counters.get(limit.id)?.shape === shapeOf(limit),
    open({ limitId, shape, keyId }, counts, nowMs) {
      counters.set(limitId, { keyId, shape, counts: counts.map(unreserved), askedAtMs: nowMs })
    },
    standing(limit, nowMs) {
      const counter = counters.get(limit.id)
      if (counter === undefined || counter.shape !== shapeOf(limit)) return standingOf(limit, [], nowMs)
      counter.askedAtMs = nowMs
      counter.counts = stillCounting(counter.counts, nowMs)
      return standingOf(limit, counter.counts, nowMs)
    },
    add({ limitId, shape, startMs, untilMs }, part, amount) {
      const counter = counters.get(limitId)
      if (counter === undefined || counter.shape !== shape) return
      let count = counter.counts.find((one) => one.startMs === startMs)
      if (count === undefined) {
        count = { startMs, untilMs, used: 0, reserved: 0 }
        counter.counts.push(count)
      }
      count[part] += amount
    },
    replace(counts, nowMs) {
      const before = counters
      counters = new Map([...before].map(([id, counter]) => [id, { ...counter, counts: [] }]))
      for (const count of counts) {
        const { limitId, keyId, shape } = count
        const counter = counters.get(limitId) ?? { keyId, shape, counts: [], askedAtMs: nowMs }
        counters.set(limitId, counter)
        if (counter.shape === shape) counter.counts.push(unreserved(count))
      }
    },
    isEmpty: () => counters.size === 0,
    forget(keyId) {
      for (const [id, counter] of counters) if (counter.keyId === keyId) counters.delete(id)
    },
    dropIdle(sinceMs, places) {
      const named = new Set([...places].map(({ limitId }) => limitId))
      for (const [id, { askedAtMs }] of counters) if (askedAtMs < sinceMs && !named.has(id)) counters.delete(id)
    },
  }
}

function unreserved({ startMs, untilMs, used }: Bucket & { used: number }): Count {
  return { startMs, untilMs, used, reserved: 0 }
}
