import { describe, expect, it, vi } from 'vitest'
import { measureMonths } from '../../bench/months/measure.ts'
import { playRealDays } from '../../bench/months/real.ts'
import { strategyNames } from '../../src/domain/settings.ts'

// A small part of `npm run months`: what it asserts must hold for any seed.

vi.setConfig({ testTimeout: 120_000 })

describe('simulated weeks through the pure core', () => {
  it.each([
    { size: 2, seed: 11 },
    { size: 5, seed: 12 },
    { size: 20, seed: 13 },
  ])('keep every promise with $size accounts, whatever the strategy', ({ size, seed }) => {
    const { rows, turns } = measureMonths({ size, strategies: strategyNames, seed, days: 7, most: 1 })
    expect(rows.map(({ strategy }) => strategy)).toEqual([...strategyNames])
    for (const { strategy, report } of rows) {
      expect({ strategy, ...report }).toMatchObject({
        ...{
          strategy,
          turns,
          refusedWithCapacity: 0,
          failedWithCapacity: 0,
          wastedCalls: 0,
          leasesLeft: 0,
          faults: [],
        },
      })
      expect(report.served + report.refused + report.failed).toBe(turns)
      expect(report.cachedTokens).toBeLessThanOrEqual(report.bestCachedTokens)
    }
    // What is promised is worth something only when limits are met.
    const sum = (of: 'refusedCalls' | 'windowsHit' | 'switches') =>
      rows.reduce((total, { report }) => total + report[of], 0)
    expect(sum('refusedCalls')).toBeGreaterThan(5)
    expect(sum('windowsHit')).toBeGreaterThan(5)
    expect(sum('switches')).toBeGreaterThan(5)
  })

  it('keep nearly all of the cache, and move few threads without need, as the settings are by default', () => {
    const { rows } = measureMonths({ size: 20, strategies: ['cache_value', 'fill_first'], seed: 14, days: 7, most: 1 })
    const [usual, other] = rows.map(({ report }) => report)
    if (!usual || !other) throw new Error('There are two.')
    expect(usual.cachedTokens / usual.bestCachedTokens).toBeGreaterThan(0.98)
    expect(usual.needlessSwitches / usual.turns).toBeLessThan(0.005)
    expect(usual.windowsHit).toBeLessThan(other.windowsHit)
  })
})

describe('simulated days through the real server', () => {
  it('refuse nobody while an account is open, ask nobody who is known to be out, and free every place', async () => {
    const seen = await playRealDays({ seed: 2, days: 0.6 })
    expect(seen.faults).toEqual([])
    expect(seen.served + seen.refused + seen.failed).toBe(seen.turns)
    expect(seen.turns).toBeGreaterThan(80)
    expect(seen.served).toBeGreaterThan(seen.turns / 2)
    // Limits were met, and clients were told so.
    expect(seen.refusedCalls).toBeGreaterThan(3)
  })
})
