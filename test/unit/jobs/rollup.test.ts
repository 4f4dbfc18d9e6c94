import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import { createRollup } from '../../../src/jobs/rollup.ts'
import type { Store, UsageSample } from '../../../src/store/store.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { engines, type TestDatabase } from '../../support/stores.ts'

const startMs = Date.UTC(2026, 0, 15)

describe('the rollup of usage', { timeout: 30_000 }, () => {
  let database: TestDatabase
  let store: Store
  let clock: ManualClock
  beforeEach(async () => {
    const [sqlite] = engines()
    if (!sqlite) throw new Error('There is no engine.')
    database = await sqlite.create()
    store = await database.open()
    clock = createManualClock(startMs)
  })
  afterEach(() => database.dispose())

  const rollup = (usage: Store['usage'] = store.usage) => createRollup({ usage, clock })
  const sample = (atMs: number, usedPercent: number): UsageSample => ({
    ...{ accountId: 'a', kind: 'weekly', atMs, usedPercent, resetAtMs: startMs + 100 * dayMs, source: 'poll' },
  })
  /** Figures every twenty minutes, each a tenth of a percent higher than the one before. */
  const addSamples = (fromMs: number, toMs: number) => {
    const count = Math.ceil((toMs - fromMs) / (20 * minuteMs))
    return store.usage.add(
      Array.from({ length: count }, (_, n) => {
        const atMs = fromMs + n * 20 * minuteMs
        return sample(atMs, (atMs - startMs + 60 * dayMs) / (200 * minuteMs) / 10)
      }),
    )
  }
  const hours = () => store.usage.hours(0)

  it('folds finished hours and the running one, and that one again as it goes on', async () => {
    const job = rollup()
    await addSamples(startMs, startMs + 150 * minuteMs)
    clock.advance(140 * minuteMs)
    await job.run()
    expect((await hours()).map(({ atMs, samples }) => [(atMs - startMs) / hourMs, samples])).toEqual([
      [0, 3],
      [1, 3],
      [2, 2],
    ])
    await addSamples(startMs + 160 * minuteMs, startMs + 4 * hourMs)
    clock.advance(100 * minuteMs)
    await job.run()
    const all = await hours()
    expect(all.map(({ samples }) => samples)).toEqual([3, 3, 3, 3])
    // Three steps of a tenth per hour; of the first figure of all nothing is known.
    expect(all.map(({ burnedPercent }) => Math.round(burnedPercent * 1000) / 1000)).toEqual([0.02, 0.03, 0.03, 0.03])
    await job.run()
    expect(await hours()).toEqual(all)
  })

  it('goes on after a restart as if there had been none', async () => {
    await addSamples(startMs, startMs + 10 * hourMs)
    clock.advance(5.5 * hourMs)
    await rollup().run()
    clock.advance(5 * hourMs)
    await rollup().run()
    const stepwise = await hours()
    expect(stepwise).toHaveLength(10)
    await store.usage.saveHours(stepwise.map((hour) => ({ ...hour, atMs: hour.atMs - 1_000 * dayMs })))
    const other = await database.open()
    const once = createRollup({ usage: { ...other.usage, hours: async () => [] }, clock })
    while (once.isBehind()) await once.run()
    await once.run()
    expect(await store.usage.hours(startMs - dayMs)).toEqual(stepwise)
  })

  it('takes a sample that was written late into its hour', async () => {
    const job = rollup()
    await store.usage.add([sample(startMs + 10 * minuteMs, 10)])
    clock.advance(62 * minuteMs)
    await job.run()
    await store.usage.add([sample(startMs + 59 * minuteMs, 14)])
    clock.advance(5 * minuteMs)
    await job.run()
    expect(await hours()).toMatchObject([{ atMs: startMs, lastPercent: 14, burnedPercent: 4, samples: 2 }])
  })

  it('catches up in small steps after a long time, and says that it is behind', async () => {
    await addSamples(startMs - 10 * dayMs, startMs)
    let asked = 0
    const counting = rollup({
      ...store.usage,
      since: async (...of) => {
        const samples = await store.usage.since(...of)
        if (samples.length > 0) asked++
        return samples
      },
    })
    expect(counting.isBehind()).toBe(true)
    let runs = 0
    while (counting.isBehind()) {
      asked = 0
      await counting.run()
      runs++
      expect(asked).toBeLessThanOrEqual(50)
    }
    expect(runs).toBe(5)
    expect(await hours()).toHaveLength(240)
    asked = 0
    await counting.run()
    expect(asked).toBeLessThanOrEqual(1)
  })

  it('drops no sample before it is folded, and then only old ones', async () => {
    await addSamples(startMs - 46 * dayMs, startMs - 44 * dayMs)
    const job = rollup()
    await job.prune()
    expect(await store.usage.since(0)).toHaveLength(144)
    clock.advance(-hourMs)
    while (job.isBehind()) await job.run()
    await job.prune()
    const left = await store.usage.since(0)
    expect(left[0]?.atMs).toBe(startMs - 45 * dayMs - hourMs)
    const folded = await hours()
    expect(folded[0]?.atMs).toBe(startMs - 45 * dayMs - hourMs)
    clock.advance(60 * dayMs)
    while (job.isBehind()) await job.run()
    await job.prune()
    expect(await store.usage.since(0)).toEqual([])
    expect(await hours()).toEqual(folded)
  })
})
