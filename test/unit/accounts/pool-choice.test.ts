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
  it('counts a request in, and out once', async () => {
    const pool = await rig.loaded()
    const [one, two] = [pool.lease(rig.a), pool.lease(rig.a)]
    expect(pool.get(rig.a)?.inFlight).toBe(2)
    one.release()
    one.release()
    expect(pool.get(rig.a)?.inFlight).toBe(1)
    two.release()
    expect(pool.get(rig.a)?.inFlight).toBe(0)
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
