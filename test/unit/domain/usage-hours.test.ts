import { describe, expect, it } from 'vitest'
import { hourMs, type WindowKind } from '../../../src/domain/quota.ts'
import { foldHours, trailsAfter } from '../../../src/domain/usage-hours.ts'
import { seededRandom } from '../../support/accounts.ts'

const startMs = Date.UTC(2026, 0, 15)
const at = (hours: number) => startMs + hours * hourMs

type Figure = [hours: number, usedPercent: number, resetHours?: number | null]

const samplesOf = (figures: readonly Figure[], kind: WindowKind = 'short', accountId = 'a') =>
  figures.map(([hours, usedPercent, reset = 5]) => ({
    ...{ accountId, kind, atMs: at(hours), usedPercent },
    resetAtMs: reset === null ? null : at(reset),
  }))

/** What each hour used up: hour and percent points. */
const burned = (figures: readonly Figure[]) =>
  foldHours(samplesOf(figures), new Map()).map(({ atMs, burnedPercent }) => [(atMs - startMs) / hourMs, burnedPercent])

describe('hours of use', () => {
  it('keep the last, the lowest and the highest figure, the reset, and how many there were', () => {
    const hours = foldHours(
      samplesOf([
        [0.1, 10],
        [0.4, 12],
        [0.5, 30],
        [0.9, 28],
      ]),
      new Map(),
    )
    expect(hours).toEqual([
      {
        ...{ accountId: 'a', kind: 'short', atMs: startMs, lastPercent: 28, minPercent: 10, maxPercent: 30 },
        ...{ burnedPercent: 20, resetAtMs: at(5), samples: 4 },
      },
    ])
  })

  it.each<[string, Figure[], number[][]]>([
    ['nothing of a first figure', [[0, 40]], [[0, 0]]],
    [
      'rises within an hour',
      [
        [0, 10],
        [0.2, 15],
        [0.9, 22],
      ],
      [[0, 12]],
    ],
    [
      'a rise since the hour before in the hour that shows it',
      [
        [0, 10],
        [1.5, 30],
      ],
      [
        [0, 0],
        [1, 20],
      ],
    ],
    [
      'what is used of a new window',
      [
        [4.9, 90],
        [5.1, 7, 10],
        [5.5, 9, 10],
      ],
      [
        [4, 0],
        [5, 9],
      ],
    ],
    [
      'a new window although it is used as much as the old one',
      [
        [4.9, 20],
        [5.1, 20, 10],
      ],
      [
        [4, 0],
        [5, 20],
      ],
    ],
    [
      'nothing of a fall without a known reset',
      [
        [0, 50, null],
        [0.5, 20, null],
        [0.8, 26, null],
      ],
      [[0, 6]],
    ],
    [
      'nothing twice when two sources disagree a little',
      [
        [0, 41],
        [0.1, 42],
        [0.2, 41],
        [0.3, 42],
        [0.4, 43],
      ],
      [[0, 2]],
    ],
    [
      'a refusal as the rest of its window, once',
      [
        [0, 92],
        [0.1, 100],
        [0.2, 93],
        [0.3, 100],
      ],
      [[0, 8]],
    ],
    [
      'what comes after a correction anew',
      [
        [0, 80],
        [0.1, 16],
        [0.2, 20],
      ],
      [[0, 4]],
    ],
    [
      'no window twice whose reset is put off',
      [
        [0, 30, 5],
        [0.1, 31, 5.2],
        [0.2, 33, 5.5],
      ],
      [[0, 3]],
    ],
    [
      'nothing after more than a day of silence',
      [
        [0, 10, 100],
        [25, 60, 100],
        [25.5, 62, 100],
      ],
      [
        [0, 0],
        [25, 2],
      ],
    ],
    [
      'the difference after hours of silence',
      [
        [0, 10, 100],
        [20, 60, 100],
      ],
      [
        [0, 0],
        [20, 50],
      ],
    ],
    [
      'idle windows whose reset moves along as nothing',
      [
        [0, 0, 5],
        [1, 0, 6],
        [2, 0, 7],
      ],
      [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
    ],
  ])('count %s', (_what, figures, expected) => expect(burned(figures)).toEqual(expected))

  it('are kept apart for each account and window', () => {
    const both = [
      ...samplesOf([[0, 10]]),
      ...samplesOf([[0.1, 50]], 'weekly'),
      ...samplesOf([[0.2, 90]], 'short', 'b'),
      ...samplesOf([[0.3, 11]]),
    ]
    const hours = foldHours(both, new Map())
    expect(hours.map(({ accountId, kind, burnedPercent }) => [accountId, kind, burnedPercent])).toEqual([
      ['a', 'short', 1],
      ['a', 'weekly', 0],
      ['b', 'short', 0],
    ])
  })

  it.each([1, 2, 3, 4, 5, 6])('add up to what was used, hour by hour or all at once (seed %i)', (seed) => {
    const { next } = seededRandom(seed)
    const figures: Figure[] = []
    let used = 0
    let reset = 5
    let truth = 0
    for (let hours = 0; hours < 40; hours += 0.05 + next() * 0.4) {
      if (hours >= reset) {
        used = 0
        reset = hours + 5
      }
      const more = next() < 0.5 ? Math.min(100 - used, next() * 9) : 0
      used += more
      if (figures.length > 0) truth += more
      figures.push([hours, used, reset])
    }
    const samples = samplesOf(figures)
    const whole = foldHours(samples, new Map())
    expect(whole.reduce((sum, { burnedPercent }) => sum + burnedPercent, 0)).toBeCloseTo(truth, 6)
    let trails = trailsAfter([])
    const single = []
    for (let hour = 0; hour < 41; hour++) {
      const ofHour = samples.filter(({ atMs }) => atMs >= at(hour) && atMs < at(hour + 1))
      const folded = foldHours(ofHour, trails)
      expect(foldHours(ofHour, trails)).toEqual(folded)
      trails = trailsAfter(folded, trails)
      single.push(...folded)
    }
    expect(single).toEqual(whole)
  })
})
