import { expect, it } from 'vitest'
import { isTooOld, mostTries, nextTryAt } from '../../../../src/domain/notifications/notification.ts'

const hourMs = 3_600_000

it('the waits between tries grow, and the tries end', () => {
  const waits = Array.from({ length: mostTries }, (_, at) => nextTryAt(at + 1, 0, 0))
  expect(waits).toEqual([30_000, 120_000, 600_000, 1_800_000, hourMs, 2 * hourMs, null])
})

it('the other side may ask for more patience, up to an hour', () => {
  expect(nextTryAt(1, 0, 0, 90_000)).toBe(90_000)
  expect(nextTryAt(1, 0, 0, 10)).toBe(30_000)
  expect(nextTryAt(1, 0, 0, 9 * hourMs)).toBe(hourMs)
})

it('what would come too late does not come', () => {
  expect(nextTryAt(1, 0, 6 * hourMs - 30_000)).toBe(6 * hourMs)
  expect(nextTryAt(1, 0, 6 * hourMs - 29_999)).toBeNull()
  expect([isTooOld({ atMs: 0 }, 6 * hourMs), isTooOld({ atMs: 0 }, 6 * hourMs + 1)]).toEqual([false, true])
})
