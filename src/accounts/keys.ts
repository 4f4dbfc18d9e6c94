import { randomBytes } from 'node:crypto'
import { type ApiKey, type KeyRules, keyStart } from '../domain/api-key.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { fingerprint, randomId, Secret } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'

/** The client keys as they are now, in memory: whoever asks for one never waits for the database. */
export type Keys = {
  /** The oldest first. */
  list(): readonly ApiKey[]
  isEmpty(): boolean
  get(id: string): ApiKey | null
  /** Whose secret this is, or null. */
  find(secret: string): ApiKey | null
  /** Notes a use, which is written down later. */
  used(id: string): void
  /** The secret is told this once. @throws AppError `too_many_api_keys` */
  create(rules: KeyRules): Promise<NewSecret>
  /** `decide` may be asked again, when somebody else has changed the key meanwhile. Null: there is no such key. */
  change(id: string, decide: (before: ApiKey) => KeyRules): Promise<{ before: ApiKey; after: ApiKey } | null>
  /** Puts another secret in place of the old one, which ends at once. Null: there is no such key. */
  regenerate(id: string): Promise<NewSecret | null>
  /** Null: there is no such key. */
  remove(id: string): Promise<ApiKey | null>
  /** Take over what the store has. */
  load(): Promise<void>
  /** Load only when somebody else has changed the stored keys. */
  refresh(): Promise<void>
  /** Write down the uses. */
  flush(): Promise<void>
}

type NewSecret = { key: ApiKey; secret: Secret }

/** All of them are in memory, and shown on one page. */
const maxKeys = 1_000
const secretBytes = 32
const prefixLength = 15
/** So often a change is tried again after others were faster. */
const maxRounds = 5

export function createKeys(deps: {
  store: { keys: Omit<Store['keys'], 'use'> }
  clock: Clock
  /** Told after every change that has been read, by whomever. */
  onLoaded?: () => void
}): Keys {
  const { clock, onLoaded } = deps
  const store = deps.store.keys
  let bySecret = new Map<string, ApiKey>()
  let byId = new Map<string, ApiKey>()
  let loadedVersion = -1
  let uses = new Map<string, number>()
  let lastLoad: Promise<void> = Promise.resolve()

  const read = async () => {
    const version = await store.version()
    const stored = await store.list()
    // What is written of uses is older than what memory knows.
    const keys = stored.map((key) => ({ ...key, lastUsedAtMs: laterOf(key.lastUsedAtMs, byId.get(key.id)) }))
    bySecret = new Map(keys.map((key) => [key.secretHash, key]))
    byId = new Map(keys.map((key) => [key.id, key]))
    loadedVersion = version
    onLoaded?.()
  }
  /** One after the other: what was read first must not come last. */
  const load = () => {
    const loaded = lastLoad.then(read)
    lastLoad = loaded.catch(() => {})
    return loaded
  }
  /** The stored keys are changed by `edit` of what they are at this moment. */
  const alter = async (id: string, edit: (before: ApiKey) => ApiKey) => {
    for (let round = 0; round < maxRounds; round++) {
      const before = byId.get(id)
      if (before === undefined) return null
      const isChanged = await store.change(edit(before))
      await load()
      const after = byId.get(id)
      if (isChanged) return after === undefined ? null : { before, after }
    }
    throw new AppError('overloaded', { message: 'Others change this key at this moment; try again.' })
  }
  const used = (id: string) => {
    const nowMs = clock.now()
    uses.set(id, nowMs)
    const key = byId.get(id)
    if (key) key.lastUsedAtMs = nowMs
  }

  return {
    list: () => [...byId.values()],
    isEmpty: () => byId.size === 0,
    get: (id) => byId.get(id) ?? null,
    find: (secret) => bySecret.get(fingerprint(secret)) ?? null,
    used,
    async create(rules) {
      if (byId.size >= maxKeys) throw new AppError('too_many_api_keys')
      const secret = newSecret()
      const made = { id: randomId('key_'), createdAtMs: clock.now(), lastUsedAtMs: null, revision: 1 }
      const key: ApiKey = { ...rules, ...made, ...traceOf(secret) }
      if (!(await store.add(key))) throw new Error('A new key has the id or the secret of another one.')
      await load()
      return { key, secret }
    },
    change: (id, decide) => alter(id, (before) => ({ ...before, ...decide(before) })),
    async regenerate(id) {
      const secret = newSecret()
      const altered = await alter(id, (before) => ({ ...before, ...traceOf(secret) }))
      return altered && { key: altered.after, secret }
    },
    async remove(id) {
      const key = byId.get(id) ?? null
      const isGone = await store.remove(id)
      await load()
      return isGone ? key : null
    },
    load,
    async refresh() {
      if ((await store.version()) !== loadedVersion) await load()
    },
    async flush() {
      const unwritten = uses
      uses = new Map()
      try {
        await store.saveUses(unwritten)
      } catch (error) {
        for (const [id, atMs] of unwritten) if (!uses.has(id)) uses.set(id, atMs)
        throw error
      }
    },
  }
}

function laterOf(storedMs: number | null, live: ApiKey | undefined): number | null {
  const liveMs = live?.lastUsedAtMs ?? null
  return storedMs === null || (liveMs !== null && liveMs > storedMs) ? liveMs : storedMs
}

function newSecret(): Secret {
  return new Secret(keyStart + randomBytes(secretBytes).toString('base64url'))
}

/** What is kept of a secret. */
function traceOf(secret: Secret): Pick<ApiKey, 'secretHash' | 'prefix'> {
  const text = secret.reveal()
  return { secretHash: fingerprint(text), prefix: text.slice(0, prefixLength) }
}
