import { describe, expect, it } from 'vitest'
import { type BurnRates, guessedTokens, learnBurn, percentPerToken, weightedTokens } from '../../../src/domain/burn.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { aWindow, nowMs } from '../../support/accounts.ts'

/** What a plus account's five hours are taken to be, before anything is learned. */
const assumed = 100 / (225 * 20_000)

describe('weighted tokens', () => {
  it.each([
    [{ input: 1_000, cached: 0, output: 0, reasoning: 0 }, 1_000],
    [{ input: 1_000, cached: 900, output: 0, reasoning: 0 }, 190],
    [{ input: 0, cached: 0, output: 100, reasoning: 60 }, 600],
    // More cached than there was: no upstream should say so, and nothing may become negative.
    [{ input: 10, cached: 1_000, output: 0, reasoning: 0 }, 1],
  ])('of %j are %d', (usage, weighted) => expect(weightedTokens(usage)).toBeCloseTo(weighted))

  it('are guessed before an answer: the warm part at a tenth', () => {
    expect(guessedTokens(10_000, 0)).toBe(10_000 + 3_600)
    expect(guessedTokens(10_000, 10_000)).toBe(1_000 + 3_600)
    expect(guessedTokens(10_000, 99_000)).toBe(1_000 + 3_600)
  })
})

describe('what a token takes of a window', () => {
  const learned = (percent: number, weighted: number): BurnRates => ({ short: { percent, weighted } })

  it('is assumed by the plan’s size, before anything is learned', () => {
    expect(percentPerToken(null, 'plus', 'short')).toBeCloseTo(assumed, 12)
    expect(percentPerToken(null, 'pro', 'short')).toBeCloseTo(assumed * (225 / 1_500), 12)
    expect(percentPerToken(null, 'house', 'short', { house: { short: 450, weekly: null, monthly: null } })).toBeCloseTo(
      assumed / 2,
      12,
    )
  })

  it('comes nearer to what is learned, the more that is', () => {
    const rates = [0.5, 5, 50].map((percent) =>
      percentPerToken(learned(percent, percent / (assumed * 4)), 'plus', 'short'),
    )
    expect(rates[0]).toBeGreaterThan(assumed)
    expect(rates[1]).toBeGreaterThan(rates[0] ?? 0)
    expect((rates[2] ?? 0) / assumed).toBeGreaterThan(3)
    expect((rates[2] ?? 0) / assumed).toBeLessThan(4)
  })

  it('is nothing of a window that the plan has not, until the contrary is learned', () => {
    expect(percentPerToken(null, 'free', 'short')).toBe(0)
    expect(percentPerToken(learned(10, 1_000), 'free', 'short')).toBe(0.01)
  })
})

describe('learning', () => {
  const before = [aWindow('short', 20), aWindow('weekly', 5)]
  const moved = (short: number, given = {}) => [aWindow('short', short, given), aWindow('weekly', 5)]

  it('takes what was spent while a figure moved', () => {
    expect(learnBurn(null, before, moved(23), { short: 9_000, weekly: 9_000 })).toEqual({
      short: { weighted: 9_000, percent: 3 },
    })
  })

  it('adds up, and forgets by halves, so that a changed plan is learned anew', () => {
    const known = { short: { weighted: 100_000, percent: 38 } }
    expect(learnBurn(known, before, moved(24), { short: 10_000 })).toEqual({ short: { weighted: 55_000, percent: 21 } })
  })

  it.each<[string, Parameters<typeof learnBurn>[2], number]>([
    ['nothing was spent here', moved(23), 0],
    ['a figure stays', moved(20), 9_000],
    ['a figure goes down', moved(3), 9_000],
    ['a window is full: what was spent beyond it shows nowhere', moved(100), 9_000],
    ['a window began anew, also if it is fuller already', moved(23, { resetAtMs: nowMs + 6 * hourMs }), 9_000],
    ['a window is new', [aWindow('monthly', 9)], 9_000],
  ])('learns nothing when %s', (_when, windows, spent) => {
    expect(learnBurn(null, before, windows, { short: spent })).toBeNull()
  })
})
