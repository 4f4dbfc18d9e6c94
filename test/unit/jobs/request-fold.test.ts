import { expect, it } from 'vitest'
import { createRequestFold } from '../../../src/jobs/request-fold.ts'
import { createManualClock } from '../../support/clock.ts'

it('counts and folds in bounded steps, and is soon asked again while more is left', async () => {
  let older = 45_300
  let hours = 0
  let largest = 0
  const fold = createRequestFold(
    {
      async countOlder(limit) {
        largest = Math.max(largest, limit)
        const count = Math.min(limit, older)
        older -= count
        if (count > 0) hours++
        return count
      },
      async fold({ beforeMs }) {
        if (beforeMs === 0 || hours === 0) return false
        hours--
        return true
      },
    },
    createManualClock(),
  )
  expect(fold.isBehind()).toBe(true)
  let runs = 0
  for (; fold.isBehind() && runs < 100; runs++) {
    const before = older
    await fold.run()
    expect(before - older).toBeLessThanOrEqual(20_000)
  }
  expect([older, hours, fold.isBehind()]).toEqual([0, 0, false])
  expect(largest).toBeLessThanOrEqual(500)
  expect(runs).toBeGreaterThan(3)
})
