import { describe, expect, it } from 'vitest'
import type { UsageHour, UsageSample } from '../../src/store/store.ts'
import { onEveryEngine } from './suite.ts'

const hour = 3_600_000

function sample(atMs: number, usedPercent: number, given: Partial<UsageSample> = {}): UsageSample {
  return { accountId: 'acc_1', kind: 'short', atMs, usedPercent, resetAtMs: null, source: 'poll', ...given }
}

function rollup(atMs: number, given: Partial<UsageHour> = {}): UsageHour {
  const percents = { lastPercent: 20.5, minPercent: 10, maxPercent: 30.25, burnedPercent: 20.25 }
  return { accountId: 'acc_1', kind: 'short', atMs, ...percents, resetAtMs: 9 * hour, samples: 12, ...given }
}

onEveryEngine((context) => {
  describe('all usage samples', () => {
    it('come back since a time, oldest first, of one account or of all', async () => {
      const { usage } = context.store
      const other = sample(hour, 50, { accountId: 'acc_2', kind: 'weekly' })
      await usage.add([sample(hour + 5, 3), sample(hour, 2), other, sample(hour - 1, 1)])
      expect(await usage.since(hour)).toEqual([sample(hour, 2), other, sample(hour + 5, 3)])
      expect(await usage.since(hour, 'acc_2')).toEqual([other])
      expect(await usage.since(hour + 6)).toEqual([])
    })
  })

  describe('hourly rollups', () => {
    it('come back as they were, oldest first, of one account or of all', async () => {
      const { usage } = context.store
      const other = rollup(2 * hour, { accountId: 'acc_2', kind: 'monthly', resetAtMs: null })
      await usage.saveHours([])
      await usage.saveHours([rollup(3 * hour), other, rollup(2 * hour), rollup(hour)])
      expect(await usage.hours(2 * hour)).toEqual([rollup(2 * hour), other, rollup(3 * hour)])
      expect(await usage.hours(0, 'acc_2')).toEqual([other])
    })

    it('are replaced by newer ones of the same hour and window', async () => {
      const { usage } = context.store
      await usage.saveHours([rollup(hour), rollup(hour, { kind: 'weekly' })])
      const newer = rollup(hour, { lastPercent: 99, minPercent: 1, maxPercent: 99, burnedPercent: 98, samples: 40 })
      await usage.saveHours([{ ...newer, resetAtMs: 10 * hour + 0.4 }])
      expect(await usage.hours(0)).toEqual([{ ...newer, resetAtMs: 10 * hour }, rollup(hour, { kind: 'weekly' })])
    })

    it('stay when the samples go', async () => {
      const { usage } = context.store
      await usage.add([sample(hour, 1)])
      await usage.saveHours([rollup(hour)])
      expect(await usage.prune(2 * hour, 10)).toBe(1)
      expect(await usage.hours(0)).toEqual([rollup(hour)])
    })
  })
})
