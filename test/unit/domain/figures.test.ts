import { describe, expect, it } from 'vitest'
import { isSameCredits } from '../../../src/accounts/sampler.ts'
import { foldReading, nothingSpent, type Spending } from '../../../src/domain/figures.ts'
import type { Meter } from '../../../src/domain/meter.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { aMeter, anAccount, aWindow, nowMs } from '../../support/accounts.ts'
import { reading } from '../../support/pool-rig.ts'

const read = (short: number, given = {}) =>
  reading({ windows: [aWindow('short', short, { readAtMs: nowMs, ...given })] })
const spent = (given: Partial<Spending> = {}): Spending => ({
  ...{ inFlightTokens: 500, settledTokens: 9_000, sinceMove: { short: 9_000, weekly: 9_000 } },
  ...given,
})
const credits = { has: true, unlimited: false, balance: 3, readAtMs: 1 }

describe('a reading', () => {
  const account = anAccount('a', { windows: [aWindow('short', 20)], credits, limitReached: 'x' })

  it('shows what was spent before it: only what is in flight is still unseen', () => {
    const { spending } = foldReading(account, read(23), spent(), nowMs)
    expect(spending).toMatchObject({ inFlightTokens: 500, settledTokens: 0 })
  })

  it('teaches what a token takes, when the figure has moved', () => {
    const { figures, spending } = foldReading(account, read(23), spent(), nowMs)
    expect(figures.burn).toEqual({ short: { weighted: 9_000, percent: 3 } })
    expect(spending.sinceMove).toEqual({ short: 0, weekly: 9_000 })
  })

  it('with the same figure teaches nothing yet, and what was spent is kept for the next', () => {
    const { figures, spending } = foldReading(account, read(20), spent(), nowMs)
    expect(figures.burn).toBeNull()
    expect(spending.sinceMove.short).toBe(9_000)
  })

  it('of a new window begins to count anew', () => {
    const { spending } = foldReading(account, read(20, { resetAtMs: nowMs + 6 * hourMs }), spent(), nowMs)
    expect(spending.sinceMove.short).toBe(0)
  })

  it('without windows changes nothing of what is spent', () => {
    const before = spent()
    expect(foldReading(account, reading({ credits }), before, nowMs).spending).toBe(before)
  })

  it('keeps what it does not speak of', () => {
    const { figures } = foldReading(account, read(20), nothingSpent, nowMs)
    expect(figures).toMatchObject({ credits, limitReached: 'x' })
    expect(foldReading(account, reading({ limitReached: null }), nothingSpent, nowMs).figures.limitReached).toBeNull()
  })
})

describe('meters', () => {
  const known = { ...aMeter('House Limit', 30), key: 'house', feature: 'house' }
  const account = anAccount('a', { meters: [known, aMeter('Other', 5)] })
  const fresh = (given: Partial<Meter> = {}): Meter => ({
    ...{ key: 'house', name: 'house', feature: null, windows: [aWindow('short', 60, { readAtMs: nowMs })] },
    ...given,
  })
  const fold = (given: Parameters<typeof reading>[0]) =>
    foldReading(account, reading(given), nothingSpent, nowMs).figures

  it('of which one is told stand beside the others, and keep the name that says which models they govern', () => {
    const { meters } = fold({ meters: [fresh()] })
    expect(meters.map(({ key, name, feature }) => [key, name, feature])).toEqual([
      ['other', 'Other', null],
      ['house', 'House Limit', 'house'],
    ])
    expect(meters[1]?.windows.map(({ usedPercent }) => usedPercent)).toEqual([60, 0])
  })

  it('that a full list leaves out are gone', () => {
    const { meters } = fold({ meters: [fresh({ name: 'House', feature: 'house' })], isComplete: true })
    expect(meters.map(({ name }) => name)).toEqual(['House'])
    expect(fold({ meters: [], isComplete: true }).meters).toEqual([])
  })

  it('stay as they are when nothing is said of them', () => {
    expect(fold({ windows: [aWindow('short', 1)] }).meters).toBe(account.meters)
  })

  it('leave the account’s own windows and what is spent alone', () => {
    const before = spent()
    const { figures, spending } = foldReading(account, reading({ meters: [fresh()] }), before, nowMs)
    expect([figures.windows, spending]).toEqual([[], before])
  })

  it('that were refused stand until their reset', () => {
    const full = { ...known, windows: [aWindow('short', 100, { source: 'refusal' })] }
    const pool = anAccount('a', { meters: [full] })
    const { figures } = foldReading(pool, reading({ meters: [fresh()] }), nothingSpent, nowMs)
    expect(figures.meters[0]?.windows[0]?.usedPercent).toBe(100)
  })
})

it.each([
  ['the same, whenever they were read', credits, { ...credits, readAtMs: 9 }, true],
  ['others by their balance', credits, { ...credits, balance: 2 }, false],
  ['others by their bound', credits, { ...credits, unlimited: true }, false],
  ['news where none were known', null, credits, false],
  ['the same when there are none', null, null, true],
])('credits are %s', (_what, before, now, same) => expect(isSameCredits(before, now)).toBe(same))
