import { describe, expect, it } from 'vitest'
import { trendsOf } from '../../../src/admin/trends.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import type { UsageSample } from '../../../src/store/store.ts'

const startMs = Date.UTC(2026, 0, 15)
const at = (hours: number) => startMs + hours * hourMs
const sample = (hours: number, usedPercent: number, given: Partial<UsageSample> = {}): UsageSample => ({
  accountId: 'a',
  kind: 'short',
  atMs: at(hours),
  usedPercent,
  resetAtMs: null,
  source: 'poll',
  ...given,
})

/** The series of the short window: hour and remaining percent. */
function series(samples: UsageSample[], fromHours: number, toHours: number): [number, number][] {
  const { primary } = trendsOf(samples, at(fromHours), at(toHours))
  return primary.map(({ t, v }) => [(Date.parse(t) - startMs) / hourMs, v])
}

describe('the trend of a window', () => {
  it.each<[string, UsageSample[], [number, number], [number, number][]]>([
    ['is empty without samples', [], [0, 3], []],
    [
      'begins with the first sample',
      [sample(1.5, 20)],
      [0, 3],
      [
        [1, 80],
        [2, 80],
        [3, 80],
      ],
    ],
    [
      'carries the last value over gaps',
      [sample(0, 10), sample(3, 40)],
      [0, 4],
      [
        [0, 90],
        [1, 90],
        [2, 90],
        [3, 60],
        [4, 60],
      ],
    ],
    ['takes the last of several samples in one hour', [sample(0, 10), sample(0.9, 30)], [0, 0], [[0, 70]]],
    [
      'carries a value from before its begin',
      [sample(-9, 25)],
      [0, 1],
      [
        [0, 75],
        [1, 75],
      ],
    ],
    [
      'is full again from the reset on',
      [sample(0, 90, { resetAtMs: at(2) })],
      [0, 3],
      [
        [0, 10],
        [1, 10],
        [2, 100],
        [3, 100],
      ],
    ],
    [
      'is full from the hour after a reset within an hour',
      [sample(0, 90, { resetAtMs: at(1.5) })],
      [0, 3],
      [
        [0, 10],
        [1, 10],
        [2, 100],
        [3, 100],
      ],
    ],
    [
      'follows the first sample after a reset',
      [sample(0, 90, { resetAtMs: at(1) }), sample(2, 5)],
      [0, 2],
      [
        [0, 10],
        [1, 100],
        [2, 95],
      ],
    ],
    ['is rounded to hundredths', [sample(0, 33.3333)], [0, 0], [[0, 66.67]]],
    [
      'begins at a whole hour',
      [sample(0, 0)],
      [0.5, 1.2],
      [
        [0, 100],
        [1, 100],
      ],
    ],
    ['ends before it begins', [sample(0, 0)], [2, 1], []],
  ])('%s', (_rule, samples, [from, to], expected) => expect(series(samples, from, to)).toEqual(expected))

  it('is kept apart for each window', () => {
    const samples = [sample(0, 10), sample(0, 20, { kind: 'weekly' }), sample(0, 30, { kind: 'monthly' })]
    const t = new Date(startMs).toISOString()
    expect(trendsOf(samples, startMs, startMs)).toEqual({
      primary: [{ t, v: 90 }],
      secondary: [{ t, v: 80 }],
      monthly: [{ t, v: 70 }],
    })
  })

  it('has a point for every hour of seven days', () => {
    const points = series([sample(-1, 50)], 0, 168)
    expect(points.map(([hour]) => hour)).toEqual(Array.from({ length: 169 }, (_, hour) => hour))
  })
})
