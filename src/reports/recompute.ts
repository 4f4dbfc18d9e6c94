import { setImmediate as nextTurn } from 'node:timers/promises'
import { costMicroUsd, type Prices } from '../domain/price.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'

export type Recomputation = {
  state: 'running' | 'done' | 'failed'
  fromMs: number
  untilMs: number
  requests: number
  changed: number
}

/** Puts prices of now on requests of the past, in steps, because somebody has asked for it. */
export type Recompute = {
  /** Null: one is under way. */
  start(fromMs: number): Recomputation | null
  last(): Recomputation | null
  /** Ends it, and waits until it has ended. What is done stays done. */
  stop(): Promise<void>
}

const rowsPerStep = 500

export function createRecompute(deps: {
  store: Pick<Store, 'requests'>
  prices: () => Prices
  clock: Clock
  flush: () => Promise<void>
  onError: (error: unknown) => void
}): Recompute {
  const { store, prices, clock, flush, onError } = deps
  let last: Recomputation | null = null
  let running: Promise<void> = Promise.resolve()
  let isStopping = false

  const run = async (progress: Recomputation, endMs: number) => {
    await flush()
    let place = { atMs: progress.fromMs, name: '' }
    while (!isStopping) {
      const step = await store.requests.reprice({
        ...{ after: place, untilMs: endMs, limit: rowsPerStep },
        costOf: ({ model, serviceTier, usage }) => costMicroUsd(prices(), model, serviceTier, usage),
      })
      progress.requests += step.requests
      progress.changed += step.changed
      if (step.last === null) {
        progress.untilMs = endMs
        progress.state = 'done'
        return
      }
      place = step.last
      progress.untilMs = place.atMs
      await nextTurn()
    }
    progress.state = 'failed'
  }
  return {
    start(fromMs) {
      if (last?.state === 'running' || isStopping) return null
      const progress: Recomputation = { state: 'running', fromMs, untilMs: fromMs, requests: 0, changed: 0 }
      last = progress
      running = run(progress, clock.now() + 1).catch((error) => {
        progress.state = 'failed'
        onError(error)
      })
      return progress
    },
    last: () => last,
    stop() {
      isStopping = true
      return running
    },
  }
}
