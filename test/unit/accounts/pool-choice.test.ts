import { describe, expect, it } from 'vitest'
import { hourMs } from '../../../src/domain/quota.ts'
import { defaultSettings } from '../../../src/domain/settings.ts'
import { anAsk, nowMs } from '../../support/accounts.ts'
import { poolRig } from '../../support/pool-rig.ts'
import { imported } from '../../support/stores.ts'

const rig = poolRig()
const ask = anAsk()

describe('a refresh', () => {
  it('takes over what another process changed, and keeps what only this one knows', async () => {
    const pool = await rig.loaded()
    const other = await rig.loaded()
    const lease = pool.lease(rig.a)
    pool.setModels(rig.a, new Set(['gpt-5']))
    pool.report(rig.a, { kind: 'paused' })
    other.report(rig.b, { kind: 'paused' })
    const c = (await imported(rig.store, 'c')).id
    await other.flush()
    await pool.refresh()
    expect(pool.accounts().map(({ id, health }) => [id, health.paused])).toEqual(
      expect.arrayContaining([
        [rig.a, true],
        [rig.b, true],
        [c, false],
      ]),
    )
    expect(pool.get(rig.a)).toMatchObject({ inFlight: 1, models: new Set(['gpt-5']) })
    lease.release()
    expect(pool.get(rig.a)?.inFlight).toBe(0)
  })

  it('forgets accounts that were removed', async () => {
    const pool = await rig.loaded()
    const lease = pool.lease(rig.a)
    await rig.store.accounts.remove(rig.a)
    await pool.refresh()
    expect(pool.get(rig.a)).toBeNull()
    expect(pool.accounts()).toHaveLength(1)
    lease.release()
  })

  it('reads nothing while nobody changed anything', async () => {
    let lists = 0
    const counting = rig.storeWith({
      list: () => {
        lists++
        return rig.store.accounts.list()
      },
    })
    const pool = await rig.loaded({ store: counting })
    await pool.refresh()
    await pool.refresh()
    expect(lists).toBe(1)
  })

  it('does not undo what happens while it reads', async () => {
    let meanwhile = async () => {}
    const slow = rig.storeWith({
      async list() {
        const rows = await rig.store.accounts.list()
        await meanwhile()
        return rows
      },
    })
    const pool = await rig.loaded({ store: slow })
    meanwhile = async () => {
      pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs)
      // Written already, and yet the rows above are older.
      await pool.flush()
    }
    await pool.load()
    expect(pool.get(rig.a)?.health.blocks).toMatchObject([{ code: 'usage_limit_reached' }])
    expect(pool.get(rig.a)?.windows).toHaveLength(1)
  })

  it('says that the stored accounts were read', async () => {
    let told = 0
    const pool = await rig.loaded({ onLoaded: () => told++ })
    await pool.refresh()
    expect(told).toBe(1)
    await imported(rig.store, 'c')
    await pool.refresh()
    expect(told).toBe(2)
  })
})

describe('a lease', () => {
  const took = { input: 1_000, cached: 0, output: 100, reasoning: 0 }

  it('counts a request in, and out once', async () => {
    const pool = await rig.loaded()
    const [one, two] = [pool.lease(rig.a), pool.lease(rig.a)]
    expect(pool.get(rig.a)).toMatchObject({ inFlight: 2, starting: 2 })
    one.release()
    one.release()
    expect(pool.get(rig.a)).toMatchObject({ inFlight: 1, starting: 1 })
    two.release()
    expect(pool.get(rig.a)).toMatchObject({ inFlight: 0, starting: 0 })
  })

  it('is a turn start until its answer begins', async () => {
    const pool = await rig.loaded()
    const one = pool.lease(rig.a)
    one.started()
    one.started()
    expect(pool.get(rig.a)).toMatchObject({ inFlight: 1, starting: 0 })
    one.release()
    one.started()
    expect(pool.get(rig.a)).toMatchObject({ inFlight: 0, starting: 0 })
  })

  it('weighs what it was guessed to take, then what it took, until figures show it', async () => {
    const pool = await rig.loaded()
    const [one, two] = [pool.lease(rig.a, 5_000), pool.lease(rig.a, 300)]
    expect(pool.get(rig.a)?.unseenTokens).toBe(5_300)
    one.release(took)
    expect(pool.get(rig.a)?.unseenTokens).toBe(300 + 1_600)
    pool.read(rig.a, rig.figure(12))
    expect(pool.get(rig.a)?.unseenTokens).toBe(300)
    two.release(null)
    expect(pool.get(rig.a)?.unseenTokens).toBe(0)
  })

  it('teaches what a token takes of a window', async () => {
    const pool = await rig.loaded()
    pool.read(rig.a, rig.figure(10))
    pool.lease(rig.a).release(took)
    pool.read(rig.a, rig.figure(10))
    pool.lease(rig.a).release(took)
    pool.read(rig.a, rig.figure(14))
    expect(pool.get(rig.a)?.burn).toEqual({ short: { weighted: 3_200, percent: 4 } })
    await pool.flush()
    expect((await rig.loaded()).get(rig.a)?.burn).toEqual({ short: { weighted: 3_200, percent: 4 } })
  })

  it('makes room known whenever there may be some', async () => {
    let told = 0
    const pool = await rig.loaded({ onRoom: () => told++ })
    const calls = (work: () => void) => {
      const before = told
      work()
      return told - before
    }
    let lease = pool.lease(rig.a)
    expect(calls(() => lease.started())).toBe(1)
    expect(calls(() => lease.release())).toBe(1)
    expect(calls(() => lease.release())).toBe(0)
    expect(calls(() => pool.report(rig.a, { kind: 'paused' }))).toBe(1)
    expect(calls(() => pool.setModels(rig.a, new Set()))).toBe(1)
    expect(
      calls(() => {
        lease = pool.lease(rig.a)
        pool.choose(ask)
      }),
    ).toBe(0)
  })
})

describe('the choice of the pool', () => {
  it('takes turns also within one millisecond', async () => {
    const pool = await rig.loaded({ settings: () => ({ ...defaultSettings, strategy: 'round_robin' }) })
    const chosen = Array.from({ length: 6 }, () => pool.choose(ask).accountId)
    expect(new Set(chosen.slice(0, 2))).toEqual(new Set([rig.a, rig.b]))
    expect(chosen).toEqual([...chosen.slice(0, 2), ...chosen.slice(0, 2), ...chosen.slice(0, 2)])
  })

  it('believes an account for an hour that it lacks a model', async () => {
    const pool = await rig.loaded()
    pool.lacksModel(rig.a, 'gpt-5')
    const lacks = () => pool.choose(ask).excluded
    expect(lacks()).toEqual([{ accountId: rig.a, exclusion: { reason: 'model_unavailable', model: 'gpt-5' } }])
    expect(pool.choose({ ...ask, model: 'gpt-6' }).excluded).toEqual([])
    rig.clock.advance(hourMs)
    expect(lacks()).toEqual([])
  })

  it('ends a block by itself', async () => {
    const pool = await rig.loaded()
    pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs)
    expect(pool.choose(ask).accountId).toBe(rig.b)
    rig.clock.advance(hourMs)
    expect(pool.choose(ask).excluded).toEqual([])
  })
})
