import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createKeys, type Keys } from '../../../src/accounts/keys.ts'
import { rulesOf } from '../../../src/admin/api-key-rules.ts'
import type { KeyRules } from '../../../src/domain/api-key.ts'
import type { Store } from '../../../src/store/store.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { anApiKey } from '../../support/keys.ts'
import { engines, type TestDatabase } from '../../support/stores.ts'

// Keys in memory, on a database that another process uses as well.

let database: TestDatabase
let clock: ManualClock
let store: Store
let here: Keys
let there: Keys
beforeEach(async () => {
  const [sqlite] = engines()
  if (sqlite === undefined) throw new Error('There is no engine.')
  database = await sqlite.create()
  clock = createManualClock()
  store = await database.open()
  here = createKeys({ store, clock })
  there = createKeys({ store: await database.open(), clock })
  await here.load()
  await there.load()
})
afterEach(() => database.dispose())

const rules: KeyRules = rulesOf(anApiKey())

describe('keys that another process has changed', () => {
  it('are taken over when somebody looks, and only then read', async () => {
    expect(here.isEmpty()).toBe(true)
    const { key, secret } = await there.create({ ...rules, name: 'Theirs' })
    await here.refresh()
    expect(here.find(secret.reveal())).toMatchObject({ id: key.id, name: 'Theirs' })
    let loads = 0
    const counting = createKeys({ store, clock, onLoaded: () => loads++ })
    await counting.refresh()
    await counting.refresh()
    expect(loads).toBe(1)
    await there.remove(key.id)
    await here.refresh()
    expect([here.find(secret.reveal()), here.isEmpty()]).toEqual([null, true])
  })

  it('are changed from what they are, not from what memory still has', async () => {
    const { key } = await here.create(rules)
    await there.refresh()
    await there.change(key.id, (before) => ({ ...before, notes: 'theirs' }))
    const changed = await here.change(key.id, (before) => ({ ...before, name: 'Mine' }))
    expect(changed?.after).toMatchObject({ name: 'Mine', notes: 'theirs' })
    await there.remove(key.id)
    expect(await here.change(key.id, (before) => before)).toBeNull()
    expect(await here.regenerate(key.id)).toBeNull()
    expect(await here.remove(key.id)).toBeNull()
  })
})

describe('a secret', () => {
  it('is known by its digest only, and ends when another one takes its place', async () => {
    const { key, secret } = await here.create(rules)
    expect(JSON.stringify(await store.keys.list())).not.toContain(secret.reveal())
    const renewed = await here.regenerate(key.id)
    expect(here.find(secret.reveal())).toBeNull()
    expect(here.find(renewed?.secret.reveal() ?? '')).toMatchObject({ id: key.id, prefix: renewed?.key.prefix })
    expect(here.find('')).toBeNull()
  })
})

describe('the uses of a key', () => {
  it('are seen at once, written together, and outlive what is read meanwhile', async () => {
    const { key } = await here.create(rules)
    clock.advance(1_000)
    here.used(key.id)
    here.used('gone')
    await here.load()
    expect(here.get(key.id)?.lastUsedAtMs).toBe(clock.now())
    expect((await store.keys.list())[0]?.lastUsedAtMs).toBeNull()
    await here.flush()
    expect((await store.keys.list())[0]?.lastUsedAtMs).toBe(clock.now())
    await there.load()
    expect(there.get(key.id)?.lastUsedAtMs).toBe(clock.now())
  })

  it('wait when they cannot be written', async () => {
    const { key } = await here.create(rules)
    let fails = true
    const failing = createKeys({
      clock,
      store: {
        keys: {
          ...store.keys,
          saveUses: async (uses) => {
            if (fails) throw new Error('disk full')
            await store.keys.saveUses(uses)
          },
        },
      },
    })
    await failing.load()
    failing.used(key.id)
    await expect(failing.flush()).rejects.toThrow('disk full')
    fails = false
    await failing.flush()
    expect((await store.keys.list())[0]?.lastUsedAtMs).toBe(clock.now())
  })
})

it('there is an end to how many keys there may be', async () => {
  const many = Array.from({ length: 1_000 }, (_, n) => anApiKey({ id: `key_${n}`, secretHash: String(n) }))
  const full = createKeys({ clock, store: { keys: { ...store.keys, list: async () => many } } })
  await full.load()
  await expect(full.create(rules)).rejects.toMatchObject({ code: 'too_many_api_keys' })
  expect(await store.keys.list()).toEqual([])
})
