import { setImmediate as nextTurn } from 'node:timers/promises'
import { dayMs } from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import { isRunning, type StoredEvent, type StoredName, type StoredObject } from '../domain/stored.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store, StoredChain, StoredPage } from '../store/store.ts'
import {
  cancelledByClient,
  cancelledOutput,
  errorEvent,
  eventText,
  failedOutput,
  makerLost,
  type Reason,
} from './endings.ts'
import { type FoundItem, findItems } from './find-items.ts'
import { eventsAfter } from './follow.ts'
import { replayed } from './items.ts'
import { type Beginning, createRecording, type Recording } from './recording.ts'

/** Responses that are kept for later requests, by those who asked for it. */
export type Stored = {
  /** Whether a request that says this of `store` is kept. */
  keeps(store: boolean | null): boolean
  record(beginning: Beginning): Recording
  /** How many are being made in the background here. */
  inBackground(): number
  /** @throws AppError when there is none */
  get(name: StoredName): Promise<StoredObject>
  /** The response with all that it continues, newest first, as far as that is kept. @throws AppError when there is none */
  lineage(name: StoredName): Promise<StoredObject[]>
  /** What a request that continues the response has to begin with; null when that is not all kept here. @throws AppError */
  history(id: string, keyId: string | null): Promise<{ items: unknown[]; threadId: string } | null>
  /** Items of the key's kept responses by their ids; those that are not kept are left out. @throws AppError */
  items(ids: ReadonlySet<string>, keyId: string | null): Promise<Map<string, FoundItem>>
  /** @throws AppError for an `after` that is not in the list */
  page(query: Omit<StoredPage, 'sinceMs'>): Promise<{ items: StoredObject[]; hasMore: boolean }>
  /** Puts other metadata in the place of what is there, once the object is whole. @throws AppError when there is none */
  setMetadata(name: StoredName, metadata: Record<string, string>): Promise<StoredObject>
  /** Ends one that is made in the background. @throws AppError when there is none, or nobody made it that way */
  cancel(name: StoredName): Promise<StoredObject>
  /** @throws AppError when there is none */
  remove(name: StoredName): Promise<void>
  /** Its stream after one event, until it is over. @throws AppError when its events are not kept */
  events(object: StoredObject, after: number, signal: AbortSignal): Promise<AsyncIterable<readonly StoredEvent[]>>
  /** Gives signs of life, and ends what was left behind by a server that is gone. */
  tend(): Promise<void>
  prune(): Promise<void>
  /** Resolves when everything said so far is in the store. */
  flush(): Promise<void>
}

export type StoredDeps = {
  store: Store['responses']
  clock: Clock
  settings: () => Pick<Settings, 'keepResponses' | 'keepResponseDays'>
  /** A conversation of more bytes cannot be continued. */
  maxHistoryBytes: number
  onError: (error: unknown) => void
}

/** A maker that has been silent for so long is gone. */
const silenceMs = 60_000
/** Nobody takes up a stream after so long. */
const eventsMs = dayMs
const pruneRows = 100
const lostAtOnce = 20

export function createStored({ store, clock, settings, maxHistoryBytes, onError }: StoredDeps): Stored {
  const active = new Map<string, Recording>()
  const sinceMs = () => clock.now() - settings().keepResponseDays * dayMs

  const mine = ({ id, keyId, kind }: StoredName): Recording | null => {
    const recording = active.get(id)
    const object = recording?.object()
    return recording && object?.keyId === keyId && object.kind === kind ? recording : null
  }
  const find = async (name: StoredName): Promise<StoredObject | null> => {
    const here = mine(name)?.object()
    if (here) return here
    const object = await store.get(name)
    if (object === null || object.createdAtMs < sinceMs()) return null
    const isLost = isRunning(object) && (object.aliveUntilMs ?? 0) < clock.now()
    return isLost ? endLost(object) : object
  }
  /** Nobody makes it any more. */
  const endLost = async (object: StoredObject): Promise<StoredObject> => {
    const output = failedOutput(object.output, makerLost)
    await addLast(object.id, makerLost)
    const changed = await store.change(object.id, { status: 'failed', output, aliveUntilMs: null })
    return changed ? { ...object, status: 'failed', output, aliveUntilMs: null } : ((await store.get(object)) ?? object)
  }
  /** Where its own maker cannot say it. */
  const addLast = async (id: string, reason: Reason) => {
    const sequence = (await store.lastSequence(id)) + 1
    if (sequence === 0) return
    const text = eventText('error', { ...errorEvent(reason), sequence_number: sequence })
    await store.addEvents(id, [{ sequence, text }], clock.now())
  }
  const absent = (name: StoredName) =>
    new AppError(name.kind === 'chat' ? 'not_found' : 'response_not_found', {
      message: absence(name, settings()),
      param: 'id',
    })
  const need = async (name: StoredName): Promise<StoredObject> => {
    const object = await find(name)
    if (object === null) throw absent(name)
    return object
  }
  const allWritten = async () => {
    await Promise.all([...active.values()].map((recording) => recording.written()))
  }
  const chainOf = async (name: StoredName): Promise<StoredChain> => {
    await active.get(name.id)?.written()
    return store.chain(name, { sinceMs: sinceMs(), maxBytes: maxHistoryBytes })
  }

  return {
    keeps(asked) {
      const { keepResponses } = settings()
      return keepResponses !== 'never' && (asked ?? keepResponses === 'always')
    },
    record: (beginning) =>
      createRecording(beginning, {
        ...{ store, clock, silenceMs, onError },
        opened: (id, recording) => void active.set(id, recording),
        closed: (id) => void active.delete(id),
      }),
    inBackground: () => [...active.values()].filter((one) => !one.isOver() && one.object()?.background).length,
    get: need,
    async lineage(name) {
      const object = await need(name)
      const chain = await chainOf(name)
      if (chain.kind === 'too_large') throw tooLong(maxHistoryBytes)
      // What was deleted a moment ago was there when it was asked for.
      return chain.kind === 'found' ? chain.objects : [object]
    },
    async history(id, keyId) {
      const chain = await chainOf({ kind: 'response', id, keyId })
      if (chain.kind !== 'found') {
        if (chain.kind === 'foreign') throw new AppError('previous_response_not_found', { param })
        if (chain.kind === 'too_large') throw tooLong(maxHistoryBytes)
        return null
      }
      const [newest] = chain.objects
      if (newest === undefined) return null
      if (newest.status !== 'completed' && newest.status !== 'incomplete') {
        const how = isRunning(newest) ? 'is still being made' : `has the status "${newest.status}"`
        throw new AppError('invalid_request', {
          message: `The previous response ${how}: it cannot be continued.`,
          param,
        })
      }
      return chain.isWhole ? { items: replayed(chain.objects), threadId: newest.threadId } : null
    },
    items: (ids, keyId) =>
      findItems(ids, keyId, {
        ...{ store, find },
        active: active.values(),
        sinceMs: sinceMs(),
        maxBytes: maxHistoryBytes,
      }),
    async page(query) {
      await allWritten()
      return store.page({ ...query, sinceMs: sinceMs() })
    },
    async setMetadata(name, metadata) {
      const object = await need(name)
      await mine(name)?.written()
      if (!(await store.setMetadata(name, metadata))) throw absent(name)
      return { ...object, metadata }
    },
    async cancel(name) {
      const object = await need(name)
      if (!object.background) {
        const message = 'Only a response that was made with "background": true can be cancelled.'
        throw new AppError('invalid_request', { message, param: 'id' })
      }
      if (!isRunning(object)) return object
      const recording = mine(name)
      if (recording === null) {
        // Whoever makes it finds that out with the next thing that is to be written.
        await addLast(object.id, cancelledByClient)
        const output = cancelledOutput(object.output)
        await store.change(object.id, { status: 'cancelled', output, aliveUntilMs: null })
        return need(name)
      }
      recording.event((sequence) => eventText('error', { ...errorEvent(cancelledByClient), sequence_number: sequence }))
      recording.end(cancelledOutput(object.output))
      await recording.written()
      recording.taken()
      return recording.object() ?? object
    },
    async remove(name) {
      const { id } = await need(name)
      const recording = mine(name)
      // Nothing may be written after it was deleted.
      recording?.taken()
      await recording?.written()
      active.delete(id)
      await store.remove(name)
    },
    async events(object, after, signal) {
      const recording = active.get(object.id)
      // Another server may not have written the first of them yet.
      const isKept = recording?.keepsEvents() ?? (isRunning(object) || (await store.lastSequence(object.id)) >= 0)
      if (!isKept) {
        const message = 'The events of this response are not kept, or not any more; ask for it without "stream".'
        throw new AppError('invalid_request', { message, param: 'stream' })
      }
      return eventsAfter(object, after, { active, store, find, clock }, signal)
    },
    async tend() {
      const added = [...active].filter(([, one]) => one.isAdded() && !one.isOver())
      const held = new Set(
        await store.renew(
          added.map(([id]) => id),
          clock.now() + silenceMs,
        ),
      )
      for (const [id, recording] of added) if (!held.has(id) && !recording.isOver()) recording.taken()
      for (const object of await store.lost(clock.now(), lostAtOnce)) if (!active.has(object.id)) await endLost(object)
    },
    async prune() {
      const before = { objectsMs: sinceMs(), eventsMs: clock.now() - eventsMs }
      while (await store.prune(before, pruneRows)) await nextTurn()
    },
    flush: allWritten,
  }
}

const param = 'previous_response_id'

function tooLong(maxBytes: number): AppError {
  const message = `The conversation before this request is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB; begin a new one.`
  return new AppError('invalid_request', { message, param })
}

/** Why there may be none of this id. */
function absence(
  { id, kind }: StoredName,
  { keepResponses, keepResponseDays: days }: ReturnType<StoredDeps['settings']>,
): string {
  const [one, many] = kind === 'chat' ? ['chat completion', 'Chat completions'] : ['response', 'Responses']
  const rule = {
    never: `${many} are not kept by this server`,
    asked: `${many} are kept only for requests with "store": true`,
    always: `${many} are kept unless a request says "store": false`,
  }[keepResponses]
  const long = keepResponses === 'never' ? '' : `, for ${days} ${days === 1 ? 'day' : 'days'}`
  return `No ${one} with id ${id.slice(0, 200)} is kept here. ${rule} (setting keepResponses)${long}.`
}
