import { describe, expect, it } from 'vitest'
import { createRetryBudget, type RetryBudget } from '../../../src/accounts/retry-budget.ts'
import { nowMs } from '../../support/accounts.ts'
import { createManualClock } from '../../support/clock.ts'

/** How many retries may be sent at this moment. */
function left(budget: RetryBudget): number {
  let count = 0
  while (budget.spend()) count++
  return count
}

describe('the budget for retries', () => {
  it('has some saved up, and then none', () => {
    const budget = createRetryBudget(createManualClock(nowMs))
    expect(left(budget)).toBe(60)
    expect(budget.spend()).toBe(false)
  })

  it('grows by a fifth of a retry with each request', () => {
    const budget = createRetryBudget(createManualClock(nowMs))
    left(budget)
    for (let request = 0; request < 51; request++) budget.earn()
    expect(left(budget)).toBe(10)
  })

  it('grows by two a second for a pool with little traffic, up to a bound', () => {
    const clock = createManualClock(nowMs)
    const budget = createRetryBudget(clock)
    left(budget)
    clock.advance(499)
    expect(left(budget)).toBe(0)
    clock.advance(2_001)
    expect(left(budget)).toBe(5)
    clock.advance(3_600_000)
    expect(left(budget)).toBe(60)
  })

  it('does not save more than its bound, however many requests come', () => {
    const budget = createRetryBudget(createManualClock(nowMs))
    for (let request = 0; request < 10_000; request++) budget.earn()
    expect(left(budget)).toBe(60)
  })
})
