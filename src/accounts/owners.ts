import { LRUCache } from 'lru-cache'
import { dayMs, hourMs, minuteMs } from '../domain/quota.ts'
import type { OwnedKind, OwnedObject } from '../domain/request.ts'
import type { Clock } from '../lib/clock.ts'
import type { OwnerRow, Store } from '../store/store.ts'
import { shortId } from './soft-keys.ts'

/** Which account an object lives on. Ids are kept as digests. */
export type Owners = {
  inMemory(object: OwnedObject): string | null
  owner(object: OwnedObject): Promise<string | null>
  own(object: OwnedObject, accountId: string): void
  disown(object: OwnedObject): void
  /** Of an object that is named by its digest. */
  row(short: OwnedObject): OwnerRow | null
  /** The later a row comes, the longer it is kept. */
  restore(rows: readonly OwnerRow[]): void
  forget(accountId: string): void
}

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
  const held = new LRUCache<string, { accountId: string; expiresAtMs: number }>({ max: maxHeld })
  const nameOf = ({ kind, id }: OwnedObject) => `${kind}:${id}`
  const hashed = ({ kind, id }: OwnedObject): OwnedObject => ({ kind, id: shortId(id) })
  const aliveIn = (short: OwnedObject) => {
    const found = held.get(nameOf(short))
    return found !== undefined && found.expiresAtMs > clock.now() ? found.accountId : null
  }
  const keep = (short: OwnedObject, accountId: string, expiresAtMs: number) => {
    held.set(nameOf(short), { accountId, expiresAtMs })
    onChange(short)
  }

  return {
    inMemory: (object) => aliveIn(hashed(object)),
    async owner(object) {
      const short = hashed(object)
      if (held.peek(nameOf(short))?.expiresAtMs === gone) return null
      return aliveIn(short) ?? (await store.affinity.owner(short, clock.now()))
    },
    own(object, accountId) {
      const short = hashed(object)
      const expiresAtMs = clock.now() + lifeMs[object.kind]
      const before = held.get(nameOf(short))
      if (before?.accountId === accountId && expiresAtMs - before.expiresAtMs < rewriteMs) return
      keep(short, accountId, expiresAtMs)
    },
    disown(object) {
      const short = hashed(object)
      // Memory may not know whose it was; the row only has to end.
      keep(short, held.peek(nameOf(short))?.accountId ?? '', gone)
    },
    row(short) {
      const found = held.peek(nameOf(short))
      return found === undefined ? null : { ...short, ...found }
    },
    restore(rows) {
      for (const { accountId, expiresAtMs, ...object } of rows) held.set(nameOf(object), { accountId, expiresAtMs })
    },
    forget(accountId) {
      for (const [name, one] of held.entries()) if (one.accountId === accountId) held.delete(name)
    },
  }
}
