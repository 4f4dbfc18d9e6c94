import type { StoredName, StoredObject } from '../domain/stored.ts'
import { itemsById } from '../domain/stored-items.ts'
import { AppError } from '../errors.ts'
import type { ItemHolder, Store } from '../store/store.ts'
import type { Recording } from './recording.ts'

type Json = Record<string, unknown>

/** A kept item, and the conversation that it belongs to. */
export type FoundItem = { item: Json; threadId: string }

type FindItemsDeps = {
  /** What is being made here, or was a moment ago; oldest first. */
  active: Iterable<Recording>
  store: Pick<Store['responses'], 'holders'>
  find: (name: StoredName) => Promise<StoredObject | null>
  sinceMs: number
  /** Responses that hold the items may not have more in all. */
  maxBytes: number
}

/** So many are looked up in one unit of the store. */
const lookedUpAtOnce = 100

/** Items of the key's kept responses by their ids; those that are not kept are left out. @throws AppError */
export async function findItems(
  ids: ReadonlySet<string>,
  keyId: string | null,
  { active, store, find, sinceMs, maxBytes }: FindItemsDeps,
): Promise<Map<string, FoundItem>> {
  const found = new Map<string, FoundItem>()
  const take = (object: StoredObject, wanted: Iterable<string>) => {
    const items = itemsById(object)
    for (const id of wanted) {
      const item = items.get(id)
      if (item !== undefined) found.set(id, { item, threadId: object.threadId })
    }
  }
  // The store may not have heard of it yet, when the client already goes on.
  for (const recording of active) {
    const object = recording.object()
    if (object?.kind === 'response' && object.keyId === keyId) take(object, ids)
  }
  const missing = [...ids].filter((id) => !found.has(id))
  const holders: ItemHolder[] = []
  for (let at = 0; at < missing.length; at += lookedUpAtOnce)
    holders.push(...(await store.holders(keyId, missing.slice(at, at + lookedUpAtOnce), sinceMs)))
  const byResponse = Map.groupBy(holders, ({ responseId }) => responseId)
  const bytes = [...byResponse.values()].reduce((sum, [holder]) => sum + (holder?.bytes ?? 0), 0)
  if (bytes > maxBytes) throw tooMuch(maxBytes)
  // One after the other: each may be large, and only the items that are wanted stay in memory.
  for (const [id, held] of byResponse) {
    const object = await find({ kind: 'response', id, keyId })
    const wanted = held.map(({ itemId }) => itemId)
    if (object !== null) take(object, wanted)
  }
  return found
}

function tooMuch(maxBytes: number): AppError {
  const message = `The items that are only named are spread over more than ${Math.floor(maxBytes / 1024 / 1024)} MiB of kept responses; send the items themselves.`
  return new AppError('invalid_request', { message, param: 'input' })
}
