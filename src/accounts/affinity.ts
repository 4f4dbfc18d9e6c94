import { LRUCache } from 'lru-cache'
import { dayMs, minuteMs } from '../domain/quota.ts'
import type { OwnedObject } from '../domain/request.ts'
import type { Clock } from '../lib/clock.ts'
import { fingerprint } from '../lib/secrets.ts'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { AffinityRow, OwnerRow, Store } from '../store/store.ts'

/** Remembers which account served a thread (soft, expires) and which one owns an object (hard). */
export type Affinity = {
  /** The account of the strongest key that is known, or null. Asking keeps the key alive. */
  preferred(keys: readonly string[]): string | null
  /** The thread was served by this account. */
  bind(keys: readonly string[], accountId: string): void
  /** From memory; null when it is not known there. */
  ownerInMemory(object: OwnedObject): string | null
  /** From memory, then from the store. */
  owner(object: OwnedObject): Promise<string | null>
  own(object: OwnedObject, accountId: string): void
  forget(accountId: string): void
  load(): Promise<void>
  flush(): Promise<void>
}

type Held = { accountId: string; expiresAtMs: number }
type Row = { affinity: AffinityRow } | { owner: OwnerRow }

const maxHeld = 50_000
const ownerMs = dayMs
/** A sliding expiry is written again only when it has moved this far. */
const rewriteMs = minuteMs

export type AffinityDeps = { store: Store; clock: Clock; ttlMs: () => number; onError: (error: unknown) => void }

export function createAffinity({ store, clock, ttlMs, onError }: AffinityDeps): Affinity {
  const soft = new LRUCache<string, Held>({ max: maxHeld })
  const hard = new LRUCache<string, Held>({ max: maxHeld })
  const queue = createWriteBehind<Row>({
    clock,
    onError,
    write: (rows) =>
      store.affinity.save({
        affinities: rows.flatMap((row) => ('affinity' in row ? [row.affinity] : [])),
        owners: rows.flatMap((row) => ('owner' in row ? [row.owner] : [])),
      }),
  })
  const alive = (held: Held | undefined) => (held !== undefined && held.expiresAtMs > clock.now() ? held : null)
  const ownerKey = ({ kind, id }: OwnedObject) => `${kind}:${id}`
  const hashed = ({ kind, id }: OwnedObject): OwnedObject => ({ kind, id: shortId(id) })

  return {
    preferred(keys) {
      for (const key of keys) {
        const held = alive(soft.get(shortId(key)))
        if (held) return held.accountId
      }
      return null
    },
    bind(keys, accountId) {
      const expiresAtMs = clock.now() + ttlMs()
      for (const key of keys.map(shortId)) {
        const before = soft.get(key)
        if (before?.accountId === accountId && expiresAtMs - before.expiresAtMs < rewriteMs) continue
        soft.set(key, { accountId, expiresAtMs })
        queue.push({ affinity: { key, accountId, expiresAtMs } })
      }
    },
    ownerInMemory: (object) => alive(hard.get(ownerKey(hashed(object))))?.accountId ?? null,
    async owner(object) {
      const short = hashed(object)
      return alive(hard.get(ownerKey(short)))?.accountId ?? (await store.affinity.owner(short, clock.now()))
    },
    own(object, accountId) {
      const short = hashed(object)
      const held = { accountId, expiresAtMs: clock.now() + ownerMs }
      const before = hard.get(ownerKey(short))
      if (before?.accountId === accountId && held.expiresAtMs - before.expiresAtMs < rewriteMs) return
      hard.set(ownerKey(short), held)
      queue.push({ owner: { ...short, ...held } })
    },
    forget(accountId) {
      for (const cache of [soft, hard]) {
        for (const [key, held] of cache.entries()) if (held.accountId === accountId) cache.delete(key)
      }
    },
    async load() {
      const { affinities, owners } = await store.affinity.load(clock.now())
      for (const { key, accountId, expiresAtMs } of affinities) soft.set(key, { accountId, expiresAtMs })
      for (const { accountId, expiresAtMs, ...object } of owners) hard.set(ownerKey(object), { accountId, expiresAtMs })
    },
    flush: () => queue.flush(),
  }
}

/** Clients' ids may be long, and private; what is kept is a digest of fixed length. */
function shortId(id: string): string {
  return fingerprint(id).slice(0, 32)
}
