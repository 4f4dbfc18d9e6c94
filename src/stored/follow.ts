import { isRunning, type StoredEvent, type StoredName, type StoredObject } from '../domain/stored.ts'
import { AppError } from '../errors.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { Recording } from './recording.ts'

type FollowDeps = {
  /** What is being made here. */
  active: ReadonlyMap<string, Recording>
  store: Pick<Store['responses'], 'events'>
  find: (name: StoredName) => Promise<StoredObject | null>
  clock: Clock
}

const rowsAtOnce = 16
/** How often the store is asked for what another server makes. */
const lookAgainMs = 1_000

/** The events after one, as they come, until the response is over. A reader that is slow is given them from the store. */
export async function* eventsAfter(
  object: StoredObject,
  after: number,
  { active, store, find, clock }: FollowDeps,
  signal: AbortSignal,
): AsyncGenerator<readonly StoredEvent[]> {
  let at = after
  for (;;) {
    signal.throwIfAborted()
    const recording = active.get(object.id)
    const waiting = recording?.waiting(at) ?? null
    if (recording && !recording.keepsEvents()) {
      const message = 'The stream has grown too large to be kept; ask for the response without "stream".'
      throw new AppError('invalid_request', { message, param: 'stream' })
    }
    if (recording && waiting?.length === 0) {
      if (recording.isOver()) return
      await changeOf(recording, signal)
      continue
    }
    // Before the events: what ends in between must not hide its last ones.
    const isOver = recording === undefined && !isRunning((await find(object)) ?? { status: 'cancelled' })
    const found = waiting ?? (await store.events(object.id, at, rowsAtOnce))
    const last = found.at(-1)
    if (last !== undefined) {
      at = last.sequence
      yield found
    } else if (isOver) return
    else await pause(clock, lookAgainMs, signal)
  }
}

function changeOf(recording: Recording, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      stop()
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = () => {
      stop()
      reject(signal.reason)
    }
    const stop = recording.onChange(done)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
