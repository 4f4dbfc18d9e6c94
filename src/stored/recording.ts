import type { StoredEvent, StoredObject } from '../domain/stored.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { statusOf } from './endings.ts'
import { createEventLog } from './event-log.ts'

type Json = Record<string, unknown>

/** What is known of a response before it begins. */
export type Beginning = Pick<
  StoredObject,
  'kind' | 'keyId' | 'background' | 'model' | 'previousId' | 'threadId' | 'input' | 'metadata'
>

/** One response that is being kept while it is made. Nothing here waits for the store. */
export type Recording = {
  /** As it is now; null as long as it has no id. */
  object(): StoredObject | null
  /** It has an id and a first state from here on. */
  begin(output: Json): void
  /** Its state has changed, but is not the last one. */
  progress(output: Json): void
  /** Keeps an event of its stream; `text` gets the event's place. */
  event(text: (sequence: number) => string): string
  /** The last state; what comes later is ignored. One that never began is kept in one piece. */
  end(output: Json): void
  isOver(): boolean
  /** Events after one that are not in the store yet; null where the store has some of them. */
  waiting(after: number): StoredEvent[] | null
  keepsEvents(): boolean
  /** The returned function ends the listening. */
  onChange(listener: () => void): () => void
  /** Somebody has deleted or ended it. */
  onTaken(listener: () => void): void
  taken(): void
  /** Resolves when what was said so far is in the store, or cannot be. */
  written(): Promise<void>
  /** False as long as the store knows nothing of it. */
  isAdded(): boolean
}

export type RecordingDeps = {
  store: Pick<Store['responses'], 'add' | 'change' | 'addEvents' | 'removeEvents'>
  clock: Clock
  /** How long a maker may be silent. */
  silenceMs: number
  onError: (error: unknown) => void
  /** It can be found by its id from now on; and from `closed` on in the store only. */
  opened: (id: string, recording: Recording) => void
  closed: (id: string) => void
}

/** Pauses between tries to write. */
const retryMs = [500, 1_000, 2_000]

export function createRecording(beginning: Beginning, deps: RecordingDeps): Recording {
  const { store, clock, silenceMs, onError, opened, closed } = deps
  let object: StoredObject | null = null
  let isAdded = false
  let isOver = false
  let isTaken = false
  let writes: Promise<void> = Promise.resolve()
  const listeners = new Set<() => void>()
  const takers: (() => void)[] = []

  const queue = (work: () => Promise<boolean>) => {
    writes = writes.then(async () => {
      if (isTaken) return
      try {
        if (!(await persist(work, clock))) recording.taken()
      } catch (error) {
        isTaken = true
        log.stop()
        onError(error)
      }
    })
  }
  const changed = () => {
    for (const listener of listeners) listener()
  }
  const stateOf = (output: Json): Pick<StoredObject, 'status' | 'output' | 'aliveUntilMs'> => {
    const status = statusOf(output)
    const runs = status === 'queued' || status === 'in_progress'
    return { status, output, aliveUntilMs: runs ? clock.now() + silenceMs : null }
  }
  const add = (output: Json) => {
    const { id } = output
    // Without an id nobody could ask for it.
    if (object !== null || typeof id !== 'string' || id === '') return
    const made: StoredObject = { id, ...beginning, createdAtMs: clock.now(), ...stateOf(output) }
    object = made
    opened(id, recording)
    queue(async () => {
      isAdded = await store.add(made)
      return isAdded
    })
  }
  const log = createEventLog({
    clock,
    write: (batch) => store.addEvents(object?.id ?? '', batch, clock.now()),
    due: () => {
      if (object !== null && !isOver) queue(() => log.flush())
    },
    onTooLarge: () => queue(async () => store.removeEvents(object?.id ?? '').then(() => true)),
  })

  const recording: Recording = {
    object: () => object,
    begin: add,
    progress(output) {
      if (object === null || isOver) return
      const state = stateOf(output)
      const isNews = state.status !== object.status
      object = { ...object, ...state }
      const { id } = object
      // What it consists of so far is in its events; the store gets the whole at the end.
      if (isNews) queue(() => store.change(id, { status: state.status, aliveUntilMs: state.aliveUntilMs }))
    },
    event(text) {
      const made = log.push(text)
      changed()
      return made
    },
    end(output) {
      if (isOver) return
      isOver = true
      if (object === null) add(output)
      else {
        const { id } = object
        const state = stateOf(output)
        object = { ...object, ...state }
        queue(() => log.flush())
        queue(() => store.change(id, state))
      }
      const id = object?.id
      void writes.then(() => {
        if (id !== undefined) closed(id)
        changed()
      })
      changed()
    },
    isOver: () => isOver,
    waiting: (after) => log.waiting(after),
    keepsEvents: () => log.isKept(),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onTaken: (listener) => void takers.push(listener),
    taken() {
      if (isTaken) return
      isTaken = true
      isOver = true
      log.stop()
      if (object !== null) closed(object.id)
      changed()
      for (const taker of takers) taker()
    },
    written: () => writes,
    isAdded: () => isAdded,
  }
  return recording
}

/** A store that is away for a moment must not cost the response. */
async function persist(work: () => Promise<boolean>, clock: Clock): Promise<boolean> {
  for (const pauseMs of retryMs) {
    try {
      return await work()
    } catch {
      // Tried again after the pause; the last try is the one that may throw.
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve))
    }
  }
  return work()
}
