import fc from 'fast-check'
import { expect, it } from 'vitest'
import { planSums } from '../../../src/domain/sum-plan.ts'

const hour = 3_600_000
const quarter = hour / 4
const day = 24 * hour

/** How often each quarter of an hour is counted in each bucket, when a day and an hour are the sums of their quarters. */
function counted(plan: ReturnType<typeof planSums>) {
  const counts = new Map<string, number>()
  const add = (atMs: number, bucket: number, sign: number) => {
    if (bucket >= 0) counts.set(`${atMs}:${bucket}`, (counts.get(`${atMs}:${bucket}`) ?? 0) + sign)
  }
  for (const { atMs, buckets } of plan.days) {
    for (let at = atMs; at < atMs + day; at += quarter) add(at, buckets[0] ?? -1, 1)
  }
  for (const { atMs, buckets, minus } of plan.hours) {
    for (const [n, bucket] of buckets.entries()) {
      add(atMs + n * quarter, bucket, 1)
      add(atMs + n * quarter, minus, -1)
    }
  }
  return new Map([...counts].filter(([, count]) => count !== 0))
}

it('counts every quarter of an hour once, in its own bucket, wherever the buckets begin', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 60, max: 400 })), {
    minLength: 1,
    maxLength: 12,
  })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), steps, fc.nat(7), (start, widths, byHour) => {
      const begins: number[] = []
      let atMs = start * quarter
      for (const width of widths) {
        begins.push(atMs)
        atMs += width * quarter
      }
      const plan = planSums(begins, atMs, (dayAtMs) => (dayAtMs / day) % 8 === byHour)
      const expected = new Map<string, number>()
      for (const [bucket, begin] of begins.entries()) {
        for (let at = begin; at < (begins[bucket + 1] ?? atMs); at += quarter) expected.set(`${at}:${bucket}`, 1)
      }
      expect(counted(plan)).toEqual(expected)
      expect(plan.days.every(({ atMs: dayAtMs }) => (dayAtMs / day) % 8 !== byHour)).toBe(true)
    }),
  )
})

it('reads few hours for days that begin elsewhere', () => {
  const begins = Array.from({ length: 365 }, (_, n) => n * day + 22 * hour)
  const { days, hours } = planSums(begins, 365 * day + 22 * hour)
  expect(days.length).toBe(365)
  expect(new Set(hours.map(({ atMs }) => atMs)).size).toBeLessThanOrEqual(2 * 366)
})
