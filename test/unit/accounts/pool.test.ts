import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPool, type Pool, type PoolDeps } from '../../../src/accounts/pool.ts'
import { statusOf } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { defaultSettings } from '../../../src/domain/settings.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Reading } from '../../../src/upstream/readings.ts'
import { aWindow, nowMs } from '../../support/accounts.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { until } from '../../support/simulator-client.ts'
import { engines, imported, type TestDatabase } from '../../support/stores.ts'

const [sqlite] = engines()
let database: TestDatabase
let store: Store
let clock: ManualClock
let errors: unknown[]
let a: string
let b: string

const makePool = (given: Partial<PoolDeps> = {}) =>
  createPool({ store, clock, settings: () => defaultSettings, onError: (error) => errors.push(error), ...given })

beforeEach(async () => {
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  store = await database.open()
  clock = createManualClock(nowMs)
  errors = []
  a = (await imported(store, 'a')).id
  b = (await imported(store, 'b')).id
})
afterEach(() => database.dispose())

async function loaded(given: Partial<PoolDeps> = {}): Promise<Pool> {
  const pool = makePool(given)
  await pool.load()
  return pool
}

const reading = (given: Partial<Reading> = {}): Reading => ({ plan: null, windows: [], credits: null, ...given })
const figure = (usedPercent: number) => reading({ windows: [aWindow('short', usedPercent, { readAtMs: clock.now() })] })
const healthOf = async (id: string) => (await store.accounts.list()).find((account) => account.id === id)?.health
const ask = { model: 'gpt-5', ownerId: null, preferredId: null, tried: new Set<string>(), seed: 's' }

/** The store, with some methods of its accounts replaced. */
const storeWith = (accounts: Partial<Store['accounts']>): Store => ({ ...store, accounts: { ...store.accounts, ...accounts } })

describe('what the pool learns', () => {
  it('is known at once, and after a restart too', async () => {
    const pool = await loaded()
    pool.windowUsedUp(a, 'usage_limit_reached', nowMs + hourMs)
    pool.report(b, { kind: 'sign_in_lost', as: 'reauth_required', code: 'token_expired' })
    pool.read(b, reading({ windows: [aWindow('weekly', 40)], credits: { has: true, unlimited: false, balance: 3, readAtMs: 1 } }))
    const seen = pool.accounts()
    await pool.flush()
    const again = await loaded()
    const essence = (one: Pool) => one.accounts().map(({ health, windows, credits }) => ({ health, windows, credits }))
    expect(essence(again)).toEqual(seen.map(({ health, windows, credits }) => ({ health, windows, credits })))
    expect(again.get(a)).toMatchObject({
      health: { blocked: { by: 'window', window: 'short', untilMs: nowMs + hourMs, endIsKnown: true } },
      windows: [{ kind: 'short', usedPercent: 100, source: 'refusal', resetAtMs: nowMs + hourMs }],
    })
  })

  it('is written a moment later, without anybody asking', async () => {
    const pool = await loaded()
    pool.report(a, { kind: 'paused' })
    expect(await healthOf(a)).toMatchObject({ paused: false })
    clock.advance(250)
    await expect.poll(() => healthOf(a), { timeout: 10_000 }).toMatchObject({ paused: true })
  })

  it('survives a store that fails for a while', async () => {
    let fails = 3
    const broken = storeWith({
      saveHealth: (id, health) => (fails-- > 0 ? Promise.reject(new Error('disk full')) : store.accounts.saveHealth(id, health)),
    })
    const pool = await loaded({ store: broken })
    pool.report(a, { kind: 'paused' })
    pool.report(b, { kind: 'paused' })
    for (let count = 1; count <= 3; count++) {
      clock.advance(250)
      await until(() => errors.length === count)
    }
    await pool.flush()
    expect([await healthOf(a), await healthOf(b)]).toMatchObject([{ paused: true }, { paused: true }])
    expect(fails).toBeLessThan(0)
  })

  it('is not lost when a flush comes the moment a save ends', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const saved: string[] = []
      const quick = storeWith({
        saveHealth: async (id) => void saved.push(id),
        version: async () => 1,
      })
      const pool = await loaded({ store: quick })
      pool.report(a, { kind: 'paused' })
      const first = pool.flush()
      for (let step = 0; step < steps; step++) await null
      pool.report(b, { kind: 'paused' })
      await pool.flush()
      expect(saved, `${steps} steps after the first flush`).toEqual([a, b])
      await first
    }
  })

  it('is not said of accounts that are gone', async () => {
    const pool = await loaded()
    pool.report('acc_gone', { kind: 'paused' })
    pool.read('acc_gone', figure(5))
    pool.windowUsedUp('acc_gone', 'x', null)
    pool.setModels('acc_gone', new Set())
    pool.lease('acc_gone')()
    await pool.flush()
    expect(pool.accounts().map(({ id }) => id).toSorted()).toEqual([a, b].toSorted())
  })

  it('is told to whoever listens, only when it changes something', async () => {
    const heard: string[] = []
    const pool = await loaded({ onHealth: (account, event) => heard.push(`${account.id === a} ${event.kind}`) })
    pool.report(a, { kind: 'served' })
    pool.report(a, { kind: 'failed', code: 'x' })
    pool.report(a, { kind: 'served' })
    pool.read(a, figure(5))
    expect(heard).toEqual(['true failed', 'true served'])
  })
})

describe('a plan', () => {
  const say = (pool: Pool, ...plans: (string | null)[]) => {
    for (const plan of plans) pool.read(a, reading({ plan }))
    return pool.get(a)?.plan
  }
  it.each<[string, (string | null)[], string]>([
    ['does not change for one odd answer', ['free'], 'plus'],
    ['changes when the news comes twice', ['free', 'free'], 'free'],
    ['changes when answers without a plan come between', ['free', null, 'free'], 'free'],
    ['does not change when the news is taken back', ['free', 'plus', 'free'], 'plus'],
    ['does not change for two different news', ['free', 'pro'], 'plus'],
    ['changes to the last that came twice', ['free', 'pro', 'pro'], 'pro'],
  ])('%s', async (_rule, plans, expected) => {
    const pool = await loaded()
    expect(say(pool, ...plans)).toBe(expected)
    await pool.flush()
    expect((await store.accounts.list()).find(({ id }) => id === a)?.plan).toBe(expected)
  })

  it('that was unknown is taken at once', async () => {
    const { id } = await imported(store, 'new', { plan: 'unknown' })
    const pool = await loaded()
    pool.read(id, reading({ plan: 'pro' }))
    expect(pool.get(id)?.plan).toBe('pro')
  })
})

describe('a refresh', () => {
  it('takes over what another process changed, and keeps what only this one knows', async () => {
    const pool = await loaded()
    const other = await loaded()
    const release = pool.lease(a)
    pool.setModels(a, new Set(['gpt-5']))
    pool.report(a, { kind: 'paused' })
    other.report(b, { kind: 'paused' })
    const c = (await imported(store, 'c')).id
    await other.flush()
    await pool.refresh()
    expect(pool.accounts().map(({ id, health }) => [id, health.paused])).toEqual(
      expect.arrayContaining([[a, true], [b, true], [c, false]]),
    )
    expect(pool.get(a)).toMatchObject({ inFlight: 1, models: new Set(['gpt-5']) })
    release()
    expect(pool.get(a)?.inFlight).toBe(0)
  })

  it('forgets accounts that were removed', async () => {
    const pool = await loaded()
    const release = pool.lease(a)
    await store.accounts.remove(a)
    await pool.refresh()
    expect(pool.get(a)).toBeNull()
    expect(pool.accounts()).toHaveLength(1)
    release()
  })

  it('reads nothing while nobody changed anything', async () => {
    let lists = 0
    const counting = storeWith({
      list: () => {
        lists++
        return store.accounts.list()
      },
    })
    const pool = await loaded({ store: counting })
    await pool.refresh()
    await pool.refresh()
    expect(lists).toBe(1)
  })

  it('does not undo what happens while it reads', async () => {
    let meanwhile = async () => {}
    const slow = storeWith({
      async list() {
        const rows = await store.accounts.list()
        await meanwhile()
        return rows
      },
    })
    const pool = await loaded({ store: slow })
    meanwhile = async () => {
      pool.windowUsedUp(a, 'usage_limit_reached', nowMs + hourMs)
      // Written already, and yet the rows above are older.
      await pool.flush()
    }
    await pool.load()
    expect(pool.get(a)?.health.blocked?.code).toBe('usage_limit_reached')
    expect(pool.get(a)?.windows).toHaveLength(1)
  })

  it('says that the stored accounts were read', async () => {
    let told = 0
    const pool = await loaded({ onLoaded: () => told++ })
    await pool.refresh()
    expect(told).toBe(1)
    await imported(store, 'c')
    await pool.refresh()
    expect(told).toBe(2)
  })
})

describe('a lease', () => {
  it('counts a request in, and out once', async () => {
    const pool = await loaded()
    const [one, two] = [pool.lease(a), pool.lease(a)]
    expect(pool.get(a)?.inFlight).toBe(2)
    one()
    one()
    expect(pool.get(a)?.inFlight).toBe(1)
    two()
    expect(pool.get(a)?.inFlight).toBe(0)
  })
})

describe('the choice of the pool', () => {
  it('takes turns also within one millisecond', async () => {
    const pool = await loaded({ settings: () => ({ ...defaultSettings, strategy: 'round_robin' }) })
    const chosen = Array.from({ length: 6 }, () => pool.choose(ask).accountId)
    expect(new Set(chosen.slice(0, 2))).toEqual(new Set([a, b]))
    expect(chosen).toEqual([...chosen.slice(0, 2), ...chosen.slice(0, 2), ...chosen.slice(0, 2)])
  })

  it('believes an account for an hour that it lacks a model', async () => {
    const pool = await loaded()
    pool.lacksModel(a, 'gpt-5')
    const lacks = () => pool.choose(ask).excluded
    expect(lacks()).toEqual([{ accountId: a, exclusion: { reason: 'model_unavailable', model: 'gpt-5' } }])
    expect(pool.choose({ ...ask, model: 'gpt-6' }).excluded).toEqual([])
    clock.advance(hourMs)
    expect(lacks()).toEqual([])
  })

  it('ends a block by itself', async () => {
    const pool = await loaded()
    pool.windowUsedUp(a, 'usage_limit_reached', nowMs + hourMs)
    expect(pool.choose(ask).accountId).toBe(b)
    clock.advance(hourMs)
    expect(pool.choose(ask).excluded).toEqual([])
  })
})

describe('a used-up window', () => {
  it('without a named end lasts until its known reset', async () => {
    const pool = await loaded()
    pool.read(a, reading({ windows: [aWindow('weekly', 100, { resetAtMs: nowMs + 9 * hourMs }), aWindow('short', 10)] }))
    pool.windowUsedUp(a, 'usage_limit_reached', null)
    expect(pool.get(a)?.health.blocked).toMatchObject({ window: 'weekly', untilMs: nowMs + 9 * hourMs })
    expect(statusOf(pool.get(a)?.health ?? expect.fail('The account is gone.'), nowMs)).toBe('quota_exceeded')
  })

  it('without any known end lasts five minutes, or until figures say otherwise', async () => {
    const pool = await loaded()
    pool.windowUsedUp(a, 'usage_limit_reached', null)
    expect(pool.get(a)?.health.blocked).toMatchObject({ untilMs: nowMs + 300_000, endIsKnown: false })
    clock.advance(1_000)
    pool.read(a, figure(30))
    expect(pool.get(a)?.health.blocked).toBeNull()
  })

  it('is not opened by a poll that came too late to know', async () => {
    const pool = await loaded()
    pool.windowUsedUp(a, 'usage_limit_reached', nowMs + hourMs)
    clock.advance(1_000)
    pool.read(a, figure(30))
    expect(pool.get(a)).toMatchObject({ health: { blocked: { by: 'window' } }, windows: [{ usedPercent: 100 }] })
  })
})

describe('samples for trends', () => {
  it('are kept when a figure changes, and now and then when it does not', async () => {
    const pool = await loaded()
    for (const [used, ms] of [[10, 60_000], [10, 60_000], [20, 60_000], [20, 300_000], [20, 0]] as const) {
      pool.read(a, figure(used))
      clock.advance(ms)
    }
    await pool.flush()
    let rows = 0
    while ((await store.usage.prune(nowMs + hourMs, 1)) === 1) rows++
    expect(rows).toBe(3)
  })
})
