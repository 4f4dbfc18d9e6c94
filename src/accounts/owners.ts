import { LRUCache } from 'lru-cache'
import { dayMs, hourMs, minuteMs } from '../domain/quota.ts'
import type { OwnedKind, OwnedObject } from '../domain/request.ts'
import type { Clock } from '../lib/clock.ts'
import type { OwnerRow, Store } from '../store/store.ts'
import { shortId } from './soft-keys.ts'

/** Which account an object lives on, and whose it is: no other client key may use it. Ids are kept as digests. */
export type Owners = {
  inMemory(object: OwnedObject): Place | null
  find(object: OwnedObject): Promise<Place | null>
  own(object: OwnedObject, accountId: string, keyId: string | null): void
  disown(object: OwnedObject): void
  /** Of an object that is named by its digest. */
  row(short: OwnedObject): OwnerRow | null
  /** The later a row comes, the longer it is kept. */
  restore(rows: readonly OwnerRow[]): void
  forget(accountId: string): void
}

/** `keyId` null: it was made on this machine without a key. */
export type Place = { accountId: string; keyId: string | null }

export type OwnersDeps = {
  store: Store
  clock: Clock
  maxHeld: number
  /** The object is named by its digest. */
  onChange: (short: OwnedObject) => void
}

/** Since its last use. A turn state is worth something while its turn goes on; what is never named again must not pile up. */
const lifeMs: Record<OwnedKind, number> = {
  response: dayMs,
  file: dayMs,
  conversation: dayMs,
  turn_state: 2 * hourMs,
  call: 2 * hourMs,
}
/** A sliding end is written again only when it has moved this far. */
const rewriteMs = minuteMs
/** The end of what is known to be gone, so that the store, which may hear of it later, is not asked. */
const gone = 0

export function createOwners({ store, clock, maxHeld, onChange }: OwnersDeps): Owners {
  const held = new LRUCache<string, Place & { expiresAtMs: number }>({ max: maxHeld })
  const nameOf = ({ kind, id }: OwnedObject) => `${kind}:${id}`
  const hashed = ({ kind, id }: OwnedObject): OwnedObject => ({ kind, id: shortId(id) })
  const aliveIn = (short: OwnedObject) => {
    const found = held.get(nameOf(short))
    return found !== undefined && found.expiresAtMs > clock.now() ? found : null
  }
  const keep = (short: OwnedObject, { accountId, keyId }: Place, expiresAtMs: number) => {
    held.set(nameOf(short), { accountId, keyId, expiresAtMs })
    onChange(short)
  }

  return {
    inMemory: (object) => aliveIn(hashed(object)),
    async find(object) {
      const short = hashed(object)
      if (held.peek(nameOf(short))?.expiresAtMs === gone) return null
      return aliveIn(short) ?? (await store.affinity.owner(short, clock.now()))
    },
    own(object, accountId, keyId) {
      const short = hashed(object)
      const expiresAtMs = clock.now() + lifeMs[object.kind]
      const before = held.get(nameOf(short))
      const isSame = before?.accountId === accountId && before.keyId === keyId
      if (isSame && expiresAtMs - before.expiresAtMs < rewriteMs) return
      keep(short, { accountId, keyId }, expiresAtMs)
    },
    disown(object) {
      const short = hashed(object)
      // Memory may not know whose it was; the row only has to end.
      keep(short, held.peek(nameOf(short)) ?? { accountId: '', keyId: null }, gone)
    },
    row(short) {
      const found = held.peek(nameOf(short))
      return found === undefined ? null : { ...short, ...found }
    },
    restore(rows) {
      for (const { kind, id, ...place } of rows) held.set(nameOf({ kind, id }), place)
    },
    forget(accountId) {
      for (const [name, one] of held.entries()) if (one.accountId === accountId) held.delete(name)
    },
  }
}
