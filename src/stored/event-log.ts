import type { StoredEvent } from '../domain/stored.ts'
import type { Clock } from '../lib/clock.ts'

/** The events of one response on their way into the store, in batches. What is not written yet can be read here. */
export type EventLog = {
  /** Numbers an event; `text` gets its place. */
  push(text: (sequence: number) => string): string
  /** Events after one that are not in the store yet; null where the store has some of them. */
  waiting(after: number): StoredEvent[] | null
  /** False: the stream outgrew what is kept, and none of it is. */
  isKept(): boolean
  /** Events are only numbered from here on. */
  stop(): void
  /** Writes what waits. False: the response is gone. */
  flush(): Promise<boolean>
}

export type EventLogDeps = {
  clock: Clock
  /** False: the response is gone. */
  write: (batch: readonly StoredEvent[]) => Promise<boolean>
  /** Time to flush; called some time after a push. */
  due: () => void
  onTooLarge: () => void
}

const everyMs = 200
const batchBytes = 256 * 1024
/** A store that cannot keep up, or a stream without end, costs the events and not the memory. */
const maxWaitingBytes = 16 * 1024 * 1024
const maxKeptBytes = 64 * 1024 * 1024

export function createEventLog({ clock, write, due, onTooLarge }: EventLogDeps): EventLog {
  let next = 0
  let waiting: StoredEvent[] = []
  let waitingBytes = 0
  let keptBytes = 0
  let isKept = true
  let isScheduled = false
  let isStopped = false

  const keep = (event: StoredEvent) => {
    const bytes = event.text.length
    waiting.push(event)
    waitingBytes += bytes
    keptBytes += bytes
    if (waitingBytes > maxWaitingBytes || keptBytes > maxKeptBytes) {
      isKept = false
      waiting = []
      waitingBytes = 0
      return onTooLarge()
    }
    if (isScheduled) return
    isScheduled = true
    clock.after(everyMs, () => {
      isScheduled = false
      due()
    })
  }
  const nextBatch = (): StoredEvent[] => {
    let bytes = 0
    const end = waiting.findIndex(({ text }) => {
      bytes += text.length
      return bytes > batchBytes
    })
    return waiting.slice(0, end === -1 ? waiting.length : Math.max(1, end))
  }
  return {
    push(text) {
      const sequence = next++
      const event = { sequence, text: text(sequence) }
      if (isKept && !isStopped) keep(event)
      return event.text
    },
    waiting(after) {
      if (after >= next - 1) return []
      const first = waiting[0]?.sequence ?? next
      return after >= first - 1 ? waiting.filter(({ sequence }) => sequence > after) : null
    },
    isKept: () => isKept,
    stop() {
      isStopped = true
      waiting = []
      waitingBytes = 0
    },
    async flush() {
      while (waiting.length > 0) {
        const batch = nextBatch()
        if (!(await write(batch))) return false
        if (!isKept || isStopped) break
        waiting = waiting.slice(batch.length)
        waitingBytes -= batch.reduce((sum, { text }) => sum + text.length, 0)
      }
      return true
    },
  }
}
