import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../../../src/domain/quota.ts'
import { gainOfReset, nextCredit } from '../../../src/domain/reset-credit.ts'
import { anAccount, aWindow, nowMs } from '../../support/accounts.ts'
import { aCredit } from '../../support/reset-credits.ts'

describe('the reset credit to use first', () => {
  it.each([
    ['is the one that is lost soonest', [aCredit('a', 9), aCredit('b', 2), aCredit('c', null)], 'b'],
    ['may be one without an end', [aCredit('a', null)], 'a'],
    ['is none that is used or has expired', [aCredit('a', 9, 'redeemed'), aCredit('b', -1), aCredit('c', 0)], null],
  ])('%s', (_rule, credits, id) => expect(nextCredit(credits, nowMs)?.id ?? null).toBe(id))
})

describe('what a reset gives', () => {
  const gain = (plan: string, ...windows: ReturnType<typeof aWindow>[]) =>
    gainOfReset(anAccount('a', { plan, windows }), {}, nowMs)
  const weekly = (used: number, inMs: number) => aWindow('weekly', used, { resetAtMs: nowMs + inMs })

  it('is what is used of the plan’s windows', () => {
    expect(gain('plus', weekly(100, 7 * dayMs))).toBe(7_560)
    expect(gain('pro', weekly(50, 7 * dayMs), aWindow('short', 100, { resetAtMs: nowMs + 5 * hourMs }))).toBe(26_700)
    expect(gain('plus', weekly(0, 7 * dayMs))).toBe(0)
    expect(gain('plus')).toBe(0)
  })

  it('is the less the sooner it would come back by itself', () => {
    expect(gain('plus', weekly(100, dayMs))).toBeCloseTo(1_080)
    expect(gain('plus', weekly(100, 0))).toBe(0)
    expect(gain('plus', aWindow('weekly', 100, { resetAtMs: null }))).toBe(7_560)
  })

  it('goes by the sizes that a person has set', () => {
    const sizes = { plus: { short: null, weekly: 10, monthly: null } }
    expect(gainOfReset(anAccount('a', { windows: [weekly(100, 7 * dayMs)] }), sizes, nowMs)).toBe(10)
  })
})
