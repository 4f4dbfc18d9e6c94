import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  amountsOf,
  appliesTo,
  type Count,
  refusalBy,
  standingOf,
  stillCounting,
} from '../../../src/domain/limit-counts.ts'
import {
  bucketAt,
  type KeyLimit,
  type LimitPeriod,
  limitKinds,
  limitPeriods,
  shapeOf,
  stretchesOf,
  windowStart,
} from '../../../src/domain/limits.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'

function aLimit(given: Partial<KeyLimit> = {}): KeyLimit {
  return { id: 'lim_1', kind: 'total_tokens', period: 'day', isCalendar: true, max: 100, model: null, ...given }
}
const at = (text: string) => Date.parse(text)
const nowMs = at('2026-08-20T13:47:12.345Z')

describe('a calendar window', () => {
  it.each<[LimitPeriod, string, string]>([
    ['minute', '2026-08-20T13:47:00Z', '2026-08-20T13:48:00Z'],
    ['five_hours', '2026-08-20T10:00:00Z', '2026-08-20T15:00:00Z'],
    ['day', '2026-08-20T00:00:00Z', '2026-08-21T00:00:00Z'],
    ['week', '2026-08-17T00:00:00Z', '2026-08-24T00:00:00Z'],
    ['month', '2026-08-01T00:00:00Z', '2026-09-01T00:00:00Z'],
  ])('of a %s begins at its bound in UTC', (period, startMs, untilMs) => {
    const limit = { period, isCalendar: true }
    expect(bucketAt(limit, nowMs)).toEqual({ startMs: at(startMs), untilMs: at(untilMs) })
    expect(bucketAt(limit, at(startMs))).toEqual({ startMs: at(startMs), untilMs: at(untilMs) })
    expect(bucketAt(limit, at(startMs) - 1).untilMs).toBe(at(startMs))
    expect(windowStart(limit, nowMs)).toBe(at(startMs))
  })

  it('of five hours ends with the day', () => {
    const { startMs, untilMs } = bucketAt({ period: 'five_hours', isCalendar: true }, at('2026-08-20T23:59:59.999Z'))
    expect([startMs, untilMs]).toEqual([at('2026-08-20T20:00:00Z'), at('2026-08-21T00:00:00Z')])
  })

  it('of a month knows December and leap years', () => {
    const month = (text: string) => bucketAt({ period: 'month', isCalendar: true }, at(text)).untilMs
    expect(month('2026-12-31T23:59:59Z')).toBe(at('2027-01-01T00:00:00Z'))
    expect(month('2028-02-29T12:00:00Z')).toBe(at('2028-03-01T00:00:00Z'))
  })
})

describe('a rolling window', () => {
  const lengths = { minute: minuteMs, five_hours: 5 * hourMs, day: dayMs, week: 7 * dayMs, month: 30 * dayMs }
  const moments = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2040-01-01T00:00:00Z') })

  it.each(limitPeriods)('of a %s counts a request for its whole length, and at most a sixtieth longer', (period) => {
    const limit = { period, isCalendar: false }
    fc.assert(
      fc.property(moments, fc.double({ min: 0, max: 1.2, noNaN: true }), (requestMs, part) => {
        const { startMs, untilMs } = bucketAt(limit, requestMs)
        expect(startMs).toBeLessThanOrEqual(requestMs)
        expect(untilMs - requestMs).toBeGreaterThanOrEqual(lengths[period])
        expect(untilMs - requestMs).toBeLessThanOrEqual(lengths[period] * (61 / 60))
        // Both ways of asking agree: by the end of the piece, and by its beginning.
        const laterMs = requestMs + Math.round(part * lengths[period])
        expect(startMs >= windowStart(limit, laterMs)).toBe(untilMs > laterMs)
      }),
    )
  })
})

describe('the stretches of a window', () => {
  const limits = limitPeriods.flatMap((period) => [true, false].map((isCalendar) => ({ period, isCalendar })))

  it.each(limits)('follow on each other, each in one piece and within a day: %j', (limit) => {
    for (const nowMs of ['2026-08-20T13:47:12.345Z', '2026-08-31T00:00:00Z', '2026-03-01T23:59:59.999Z'].map(at)) {
      const stretches = stretchesOf(limit, nowMs)
      expect(stretches[0]?.sinceMs).toBe(windowStart(limit, nowMs))
      expect(stretches.at(-1)?.untilMs).toBeGreaterThan(nowMs)
      expect(stretches.length).toBeLessThan(100)
      stretches.forEach(({ bucket, sinceMs, untilMs }, index) => {
        expect(untilMs - sinceMs).toBeGreaterThan(0)
        expect(untilMs - sinceMs).toBeLessThanOrEqual(dayMs)
        expect(bucketAt(limit, untilMs - 1)).toEqual(bucket)
        expect(stretches[index + 1]?.sinceMs ?? untilMs).toBe(untilMs)
      })
    }
  })
})

describe('a limit', () => {
  const counts = (...given: Partial<Count>[]): Count[] =>
    given.map((one) => ({ ...bucketAt(aLimit(), nowMs), used: 0, reserved: 0, ...one }))

  it('takes of a request what it counts', () => {
    expect(amountsOf({ input: 10, output: 5, costMicroUsd: 7 })).toEqual({
      ...{ requests: 1, input_tokens: 10, output_tokens: 5, total_tokens: 15, cost_micro_usd: 7 },
    })
    const free = amountsOf({ input: 1, output: 1, costMicroUsd: null })
    expect(free.cost_micro_usd).toBe(0)
    expect(Object.keys(free)).toEqual(limitKinds)
  })

  it('of one model does not count the others, nor a request without a model', () => {
    const one = aLimit({ model: 'gpt-5.5' })
    expect([appliesTo(one, 'gpt-5.5'), appliesTo(one, 'gpt-5.4'), appliesTo(one, null)]).toEqual([true, false, false])
    expect([appliesTo(aLimit(), 'gpt-5.5'), appliesTo(aLimit(), null)]).toEqual([true, true])
  })

  it('keeps its counts while only its size changes', () => {
    expect(shapeOf(aLimit({ max: 5 }))).toBe(shapeOf(aLimit({ max: 9 })))
    const shapes = [
      aLimit(),
      ...[{ kind: 'requests' }, { period: 'week' }, { isCalendar: false }, { model: 'gpt-5.5' }].map((change) =>
        aLimit(change as Partial<KeyLimit>),
      ),
    ].map(shapeOf)
    expect(new Set(shapes).size).toBe(5)
  })

  it('tells what is used, taken and left, and when its window ends', () => {
    const standing = standingOf(aLimit(), counts({ used: 30, reserved: 20 }), nowMs)
    expect(standing).toMatchObject({ used: 30, reserved: 20, left: 50, resetAtMs: at('2026-08-21T00:00:00Z') })
    expect(refusalBy([standing])).toBeNull()
  })

  it('has room until it is taken whole, and never less than none', () => {
    expect(refusalBy([standingOf(aLimit(), counts({ used: 99 }), nowMs)])).toBeNull()
    expect(refusalBy([standingOf(aLimit(), counts({ used: 60, reserved: 40 }), nowMs)])).toMatchObject({ isHeld: true })
    expect(refusalBy([standingOf(aLimit(), counts({ used: 170 }), nowMs)])).toMatchObject({ isHeld: false, left: 0 })
  })

  it('of requests gets nothing back from those under way', () => {
    const limit = aLimit({ kind: 'requests', max: 2 })
    expect(refusalBy([standingOf(limit, counts({ reserved: 2 }), nowMs)])).toMatchObject({ isHeld: false })
  })

  it('that rolls has room again when enough has left it', () => {
    const limit = aLimit({ isCalendar: false })
    const old = { startMs: 0, untilMs: nowMs + 1_000, used: 10 }
    const next = { startMs: 1, untilMs: nowMs + 2_000, used: 50 }
    const last = { startMs: 2, untilMs: nowMs + 3_000, used: 60 }
    const resetAtMs = (...given: Partial<Count>[]) => standingOf(limit, counts(...given), nowMs).resetAtMs
    expect(resetAtMs(last, next, old)).toBe(nowMs + 2_000)
    expect(resetAtMs(next, old)).toBe(nowMs + 1_000)
    expect(resetAtMs()).toBeNull()
    expect(resetAtMs({ startMs: 0, untilMs: nowMs, used: 500 })).toBeNull()
    expect(stillCounting(counts({ untilMs: nowMs }, { untilMs: nowMs + 1 }), nowMs)).toHaveLength(1)
  })

  it('that has room last is the one to name, and one that others hold only when there is no other', () => {
    const full = (given: Partial<KeyLimit>, count: Partial<Count>) =>
      standingOf(aLimit(given), counts({ used: 100, ...count }), nowMs)
    const day = full({ id: 'day' }, {})
    const week = full({ id: 'week', period: 'week' }, {})
    const held = full({ id: 'held', period: 'month' }, { used: 50, reserved: 60 })
    const free = full({ id: 'free' }, { used: 1 })
    expect(refusalBy([free, day, week, held])?.limit.id).toBe('week')
    expect(refusalBy([held, day])?.limit.id).toBe('day')
    expect(refusalBy([held, free])?.limit.id).toBe('held')
    expect(refusalBy([free])).toBeNull()
  })
})
