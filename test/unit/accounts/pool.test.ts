import { describe, expect, it } from 'vitest'
import type { Pool } from '../../../src/accounts/pool.ts'
import { statusOf } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { aWindow, nowMs } from '../../support/accounts.ts'
import { poolRig, reading } from '../../support/pool-rig.ts'
import { until } from '../../support/simulator-client.ts'
import { imported } from '../../support/stores.ts'

const rig = poolRig()
const healthOf = async (id: string) => (await rig.store.accounts.list()).find((account) => account.id === id)?.health

describe('what the pool learns', () => {
  it('is known at once, and after a restart too', async () => {
    const pool = await rig.loaded()
    pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs)
    pool.report(rig.b, { kind: 'sign_in_lost', as: 'reauth_required', code: 'token_expired' })
    pool.read(
      rig.b,
      reading({ windows: [aWindow('weekly', 40)], credits: { has: true, unlimited: false, balance: 3, readAtMs: 1 } }),
    )
    const seen = pool.accounts()
    await pool.flush()
    const again = await rig.loaded()
    const essence = (one: Pool) => one.accounts().map(({ health, windows, credits }) => ({ health, windows, credits }))
    expect(essence(again)).toEqual(seen.map(({ health, windows, credits }) => ({ health, windows, credits })))
    expect(again.get(rig.a)).toMatchObject({
      health: { blocks: [{ by: 'window', window: 'short', untilMs: nowMs + hourMs, endIsKnown: true }] },
      windows: [{ kind: 'short', usedPercent: 100, source: 'refusal', resetAtMs: nowMs + hourMs }],
    })
  })

  it('is written a moment later, without anybody asking', async () => {
    const pool = await rig.loaded()
    pool.report(rig.a, { kind: 'paused' })
    expect(await healthOf(rig.a)).toMatchObject({ paused: false })
    rig.clock.advance(250)
    await expect.poll(() => healthOf(rig.a), { timeout: 10_000 }).toMatchObject({ paused: true })
  })

  it('survives a store that fails for a while', async () => {
    let fails = 3
    const broken = rig.storeWith({
      saveHealth: (id, health) =>
        fails-- > 0 ? Promise.reject(new Error('disk full')) : rig.store.accounts.saveHealth(id, health),
    })
    const pool = await rig.loaded({ store: broken })
    pool.report(rig.a, { kind: 'paused' })
    pool.report(rig.b, { kind: 'paused' })
    for (let count = 1; count <= 3; count++) {
      rig.clock.advance(250)
      await until(() => rig.errors.length === count)
    }
    await pool.flush()
    expect([await healthOf(rig.a), await healthOf(rig.b)]).toMatchObject([{ paused: true }, { paused: true }])
    expect(fails).toBeLessThan(0)
  })

  it('is not lost when a flush comes the moment a save ends', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const saved: string[] = []
      const quick = rig.storeWith({
        saveHealth: async (id) => void saved.push(id),
        version: async () => 1,
      })
      const pool = await rig.loaded({ store: quick })
      pool.report(rig.a, { kind: 'paused' })
      const first = pool.flush()
      for (let step = 0; step < steps; step++) await null
      pool.report(rig.b, { kind: 'paused' })
      await pool.flush()
      expect(saved, `${steps} steps after the first flush`).toEqual([rig.a, rig.b])
      await first
    }
  })

  it('is not said of accounts that are gone', async () => {
    const pool = await rig.loaded()
    pool.report('acc_gone', { kind: 'paused' })
    pool.read('acc_gone', rig.figure(5))
    pool.windowUsedUp('acc_gone', 'x', null)
    pool.setModels('acc_gone', new Set())
    pool.lease('acc_gone').release()
    await pool.flush()
    expect(
      pool
        .accounts()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual([rig.a, rig.b].toSorted())
  })

  it('is told to whoever listens, only when it changes something', async () => {
    const heard: string[] = []
    const pool = await rig.loaded({ onHealth: (account, event) => heard.push(`${account.id === rig.a} ${event.kind}`) })
    pool.report(rig.a, { kind: 'served' })
    pool.report(rig.a, { kind: 'failed', code: 'x' })
    pool.report(rig.a, { kind: 'served' })
    pool.read(rig.a, rig.figure(5))
    expect(heard).toEqual(['true failed', 'true served'])
  })
})

describe('a plan', () => {
  const say = (pool: Pool, ...plans: (string | null)[]) => {
    for (const plan of plans) pool.read(rig.a, reading({ plan }))
    return pool.get(rig.a)?.plan
  }
  it.each<[string, (string | null)[], string]>([
    ['does not change for one odd answer', ['free'], 'plus'],
    ['changes when the news comes twice', ['free', 'free'], 'free'],
    ['changes when answers without a plan come between', ['free', null, 'free'], 'free'],
    ['does not change when the news is taken back', ['free', 'plus', 'free'], 'plus'],
    ['does not change for two different news', ['free', 'pro'], 'plus'],
    ['changes to the last that came twice', ['free', 'pro', 'pro'], 'pro'],
  ])('%s', async (_rule, plans, expected) => {
    const pool = await rig.loaded()
    expect(say(pool, ...plans)).toBe(expected)
    await pool.flush()
    expect((await rig.store.accounts.list()).find(({ id }) => id === rig.a)?.plan).toBe(expected)
  })

  it('that was unknown is taken at once', async () => {
    const { id } = await imported(rig.store, 'new', { plan: 'unknown' })
    const pool = await rig.loaded()
    pool.read(id, reading({ plan: 'pro' }))
    expect(pool.get(id)?.plan).toBe('pro')
  })
})

describe('a used-up window', () => {
  it('without a named end lasts until its known reset', async () => {
    const pool = await rig.loaded()
    pool.read(
      rig.a,
      reading({ windows: [aWindow('weekly', 100, { resetAtMs: nowMs + 9 * hourMs }), aWindow('short', 10)] }),
    )
    pool.windowUsedUp(rig.a, 'usage_limit_reached', null)
    expect(pool.get(rig.a)?.health.blocks).toMatchObject([{ window: 'weekly', untilMs: nowMs + 9 * hourMs }])
    expect(statusOf(pool.get(rig.a)?.health ?? expect.fail('The account is gone.'), nowMs)).toBe('quota_exceeded')
  })

  it('without any known end lasts five minutes, or until figures say otherwise', async () => {
    const pool = await rig.loaded()
    pool.windowUsedUp(rig.a, 'usage_limit_reached', null)
    expect(pool.get(rig.a)?.health.blocks).toMatchObject([{ untilMs: nowMs + 300_000, endIsKnown: false }])
    rig.clock.advance(1_000)
    pool.read(rig.a, rig.figure(30))
    expect(pool.get(rig.a)?.health.blocks).toEqual([])
  })

  it('is not opened by a poll that came too late to know', async () => {
    const pool = await rig.loaded()
    pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs)
    rig.clock.advance(1_000)
    pool.read(rig.a, rig.figure(30))
    expect(pool.get(rig.a)).toMatchObject({ health: { blocks: [{ by: 'window' }] }, windows: [{ usedPercent: 100 }] })
  })
})

describe('a limit of one model', () => {
  const spark = (percent: number, given = {}) => ({
    ...{ key: 'codex_spark', name: 'GPT-5.3-Codex-Spark', feature: null },
    windows: [aWindow('short', percent, given)],
  })

  it('blocks that model, and fills its own window only', async () => {
    const pool = await rig.loaded()
    pool.read(rig.a, reading({ windows: [aWindow('short', 10)], meters: [spark(40)] }))
    rig.clock.advance(1_000)
    pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs, 'codex_spark')
    const account = pool.get(rig.a)
    expect(account?.health.blocks).toMatchObject([{ by: 'window', window: 'short', meter: 'codex_spark' }])
    expect(account?.meters).toMatchObject([{ windows: [{ usedPercent: 100, source: 'refusal' }] }])
    expect(account?.windows).toMatchObject([{ usedPercent: 10 }])
    expect(statusOf(account?.health ?? expect.fail('The account is gone.'), nowMs)).toBe('active')
    await pool.flush()
    expect((await rig.loaded()).get(rig.a)?.meters).toEqual(account?.meters)
  })

  it('ends early when a new window of it is seen', async () => {
    const pool = await rig.loaded()
    pool.read(rig.a, reading({ meters: [spark(40)] }))
    pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs, 'codex_spark')
    rig.clock.advance(1_000)
    pool.read(rig.a, reading({ meters: [spark(1, { readAtMs: nowMs + 1_000, resetAtMs: nowMs + 5 * hourMs })] }))
    expect(pool.get(rig.a)?.health.blocks).toEqual([])
    expect(pool.get(rig.a)?.meters[0]?.windows[0]?.usedPercent).toBe(1)
  })
})

describe('a reset credit', () => {
  it('ends the windows that ran, with what was known of them', async () => {
    const pool = await rig.loaded()
    pool.windowUsedUp(rig.a, 'usage_limit_reached', nowMs + hourMs)
    pool.report(rig.a, { kind: 'refused', by: 'burst', code: 'x', untilMs: nowMs + 5, window: null, meter: null })
    pool.windowsReset(rig.a)
    expect(pool.get(rig.a)).toMatchObject({ windows: [], limitReached: null, health: { blocks: [{ by: 'burst' }] } })
    pool.read(rig.a, rig.figure(3))
    expect(pool.get(rig.a)?.windows).toMatchObject([{ usedPercent: 3 }])
  })
})

describe('what a person wants of an account', () => {
  it('is known at once, kept, and not undone by what happens', async () => {
    const pool = await rig.loaded()
    expect(await pool.setPreferences(rig.a, { policy: 'preserve', tags: ['work'] })).toBe(true)
    expect(await pool.setPreferences('acc_gone', { priority: 3 })).toBe(false)
    pool.report(rig.a, { kind: 'failed', code: 'x' })
    await pool.setPreferences(rig.a, { priority: 3 })
    const wanted = { policy: 'preserve', priority: 3, tags: ['work'] }
    expect(pool.get(rig.a)).toMatchObject(wanted)
    expect((await rig.loaded()).get(rig.a)).toMatchObject(wanted)
  })
})

describe('samples for trends', () => {
  it('are kept when a figure changes, and now and then when it does not', async () => {
    const pool = await rig.loaded()
    for (const [used, ms] of [
      [10, 60_000],
      [10, 60_000],
      [20, 60_000],
      [20, 300_000],
      [20, 0],
    ] as const) {
      pool.read(rig.a, rig.figure(used))
      rig.clock.advance(ms)
    }
    await pool.flush()
    let rows = 0
    while ((await rig.store.usage.prune(nowMs + hourMs, 1)) === 1) rows++
    expect(rows).toBe(3)
  })
})
