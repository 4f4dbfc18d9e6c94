import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AffinityKey } from '../domain/affinity.ts'
import { minuteMs } from '../domain/quota.ts'
import type { OwnedObject } from '../domain/request.ts'
import type { Clock } from '../lib/clock.ts'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { AffinityFilter, AffinityRow, Store } from '../store/store.ts'
import { createOwners, type Place } from './owners.ts'
import { createSoftKeys, digestOf, type Home, movedTo } from './soft-keys.ts'

/** Remembers which account served a thread (soft, expires) and which one owns an object (hard). */
export type Affinity = {
  /** What the strongest key that is known says, or null. Asking keeps the key in memory; only use prolongs its life. */
  home(keys: readonly AffinityKey[]): Home | null
  /** The thread is served by this account from now on: called when an answer begins. On a move its cache is cold. */
  bind(keys: readonly AffinityKey[], accountId: string): void
  /** An answer ended: so much of the conversation is in the account's cache now. Nothing to a key that has moved on. */
  warmed(keys: readonly AffinityKey[], accountId: string, tokens: number): void
  /** The strongest key as it is stored and logged, or null. */
  digestOf(keys: readonly AffinityKey[]): string | null
  /** The account, from memory; null when the object is not known there, or is another key's. */
  ownerInMemory(object: OwnedObject, keyId?: string | null): string | null
  /** The same from memory, then from the store. */
  owner(object: OwnedObject, keyId?: string | null): Promise<string | null>
  /** Where an object is and whose, whoever asks. */
  find(object: OwnedObject): Promise<Place | null>
  /** Without a key: it was made on this machine without one. */
  own(object: OwnedObject, accountId: string, keyId?: string | null): void
  /** An object turned out to be gone on its account. */
  disown(object: OwnedObject): void
  /** A person moves soft keys, by digest or all of one account. Returns how many, once it is stored. */
  move(which: Movable, toAccountId: string): Promise<number>
  /** Forgets soft keys, in memory and store. Returns how many. */
  purge(which: Purgeable): Promise<number>
  /** An account is gone, and its rows with it. */
  forget(accountId: string): void
  load(): Promise<void>
  flush(): Promise<void>
}

type Movable = { keys: readonly string[] } | { fromAccountId: string }
type Purgeable = { keys: readonly string[] } | { filter: AffinityFilter }

export type AffinityDeps = { store: Store; clock: Clock; ttlMs: () => number; onError: (error: unknown) => void }

const maxHeld = 50_000
/** What a use changes (the end, the warm tokens) is written once for all uses of a key in this time. */
const rewriteMs = minuteMs
const pageRows = 1_000

/** What waits is only named: written is what memory says at that time, so that nothing older can come later. */
type Unwritten = { key: string } | { object: OwnedObject }

export function createAffinity({ store, clock, ttlMs, onError }: AffinityDeps): Affinity {
  const queue = createWriteBehind<Unwritten>({ clock, onError, write, limit: 2 * maxHeld })
  const soft = createSoftKeys({ clock, ttlMs, maxHeld, onChange: (key, what) => whenChanged[what](key) })
  const hard = createOwners({ store, clock, maxHeld, onChange: (object) => queue.push({ object }) })

  let usedKeys = new Set<string>()
  let cancelUsed = () => {}
  const whenChanged = {
    moved: (key: string) => queue.push({ key }),
    used(key: string) {
      if (usedKeys.size === 0) cancelUsed = clock.after(rewriteMs, queueUsed)
      usedKeys.add(key)
      if (usedKeys.size >= maxHeld) queueUsed()
    },
  }
  function queueUsed(): void {
    cancelUsed()
    const keys = usedKeys
    usedKeys = new Set()
    for (const key of keys) queue.push({ key })
  }

  function write(unwritten: Unwritten[]): Promise<void> {
    const keys = new Set(unwritten.flatMap((one) => ('key' in one ? [one.key] : [])))
    return store.affinity.save({
      affinities: [...keys].flatMap((key) => soft.row(key) ?? []),
      owners: unwritten.flatMap((one) => ('object' in one ? (hard.row(one.object) ?? []) : [])),
    })
  }

  const flush = () => {
    queueUsed()
    return queue.flush()
  }

  /** Rows that memory has no room for, or that another process wrote. */
  async function moveStored(which: Movable, accountId: string): Promise<number> {
    const isWanted = rowsOf(which)
    const filter = 'keys' in which ? {} : { accountId: which.fromAccountId }
    const isUnknown = (key: string) => soft.row(key) === null
    let left = 'keys' in which ? which.keys.filter(isUnknown).length : Number.POSITIVE_INFINITY
    let cursor: string | null = null
    let moved = 0
    while (left > 0) {
      const query = { limit: pageRows, cursor, filter, nowMs: clock.now() }
      const page: { items: AffinityRow[]; nextCursor: string | null } = await store.affinity.page(query)
      const found = page.items.filter((row) => isWanted(row) && isUnknown(row.key))
      const rows = found.filter((row) => row.accountId !== accountId).map((row) => movedTo(row, accountId))
      await store.affinity.save({ affinities: rows, owners: [] })
      soft.restore(rows)
      moved += rows.length
      left = page.nextCursor === null ? 0 : left - found.length
      cursor = page.nextCursor
      await nextTurn()
    }
    return moved
  }

  return {
    home: (keys) => soft.home(keys),
    bind: (keys, accountId) => soft.bind(keys, accountId),
    warmed: (keys, accountId, tokens) => soft.warmed(keys, accountId, tokens),
    digestOf: ([strongest]) => (strongest === undefined ? null : digestOf(strongest)),
    ownerInMemory: (object, keyId = null) => ofKey(hard.inMemory(object), keyId),
    owner: async (object, keyId = null) => ofKey(await hard.find(object), keyId),
    find: (object) => hard.find(object),
    own: (object, accountId, keyId = null) => hard.own(object, accountId, keyId),
    disown: (object) => hard.disown(object),
    async move(which, toAccountId) {
      const moved = soft.rehome(rowsOf(which), toAccountId)
      for (const key of moved) queue.push({ key })
      await flush()
      return moved.length + (await moveStored(which, toAccountId))
    },
    async purge(which) {
      const gone = new Set(soft.forget(rowsOf(which)))
      // What is being written at this moment must not come back after it was deleted.
      await flush()
      for (const key of await store.affinity.purge(which)) {
        gone.add(key)
        // Bound anew in between: that is kept.
        if (soft.row(key) !== null) queue.push({ key })
      }
      return gone.size
    },
    forget(accountId) {
      soft.forget((row) => row.accountId === accountId)
      hard.forget(accountId)
    },
    async load() {
      const { affinities, owners } = await store.affinity.load(clock.now())
      soft.restore(affinities)
      hard.restore(owners)
    },
    flush,
  }
}

function ofKey(place: Place | null, keyId: string | null): string | null {
  return place !== null && place.keyId === keyId ? place.accountId : null
}

function rowsOf(which: Movable | Purgeable): (row: AffinityRow) => boolean {
  if ('keys' in which) {
    const keys = new Set(which.keys)
    return ({ key }) => keys.has(key)
  }
  if ('fromAccountId' in which) return ({ accountId }) => accountId === which.fromAccountId
  const { accountId, kind } = which.filter
  return (row) => (accountId === undefined || row.accountId === accountId) && (kind === undefined || row.kind === kind)
}
