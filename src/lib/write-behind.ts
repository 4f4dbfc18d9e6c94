import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from './clock.ts'

/** Collects values in memory and writes them in batches, so that whoever has something to say never waits for a disk. */
export type WriteBehind<T> = {
  push(value: T): void
  /** Resolves when everything pushed before the call is written, or rejects with the write's error. */
  flush(): Promise<void>
  /** How many values wait. */
  waiting(): number
  /** How many values were given up because the writer could not keep up. */
  dropped(): number
}

export type WriteBehindOptions<T> = {
  clock: Clock
  write: (batch: T[]) => Promise<void>
  onError: (error: unknown) => void
  everyMs?: number
  batchSize?: number
  /** Beyond this many waiting values the oldest are dropped. */
  limit?: number
}

export function createWriteBehind<T>(options: WriteBehindOptions<T>): WriteBehind<T> {
  const { clock, write, onError, everyMs = 200, batchSize = 50, limit = 20_000 } = options
  let waiting: T[] = []
  let pushed = 0
  let dropped = 0
  let writing: Promise<void> | null = null
  let scheduled = false

  /** Values leave the queue only after they were written: a failed write loses nothing. */
  const writeBatch = async () => {
    const batch = waiting.slice(0, batchSize)
    const droppedBefore = dropped
    await write(batch)
    waiting = waiting.slice(Math.max(0, batch.length - (dropped - droppedBefore)))
  }
  /**
   * One batch at a time, whoever asks, and whatever else there is to do goes on in between. What is pushed later waits
   * for its own time: under load there would be no end, only ever smaller batches.
   */
  const flush = async (): Promise<void> => {
    const goal = pushed
    const isLeft = () => pushed - waiting.length < goal
    while (isLeft()) {
      writing ??= writeBatch().finally(() => {
        writing = null
      })
      await writing
      if (isLeft()) await nextTurn()
    }
  }
  const attempt = () => {
    flush().catch((error) => {
      onError(error)
      schedule()
    })
  }
  const schedule = () => {
    if (scheduled) return
    scheduled = true
    clock.after(everyMs, () => {
      scheduled = false
      attempt()
    })
  }
  return {
    push(value) {
      pushed++
      waiting.push(value)
      if (waiting.length > limit) {
        waiting.shift()
        dropped++
      }
      // A whole batch need not wait: the longer values live, the more they cost the garbage collector.
      if (pushed % batchSize === 0) clock.after(0, attempt)
      else schedule()
    },
    flush,
    waiting: () => waiting.length,
    dropped: () => dropped,
  }
}
