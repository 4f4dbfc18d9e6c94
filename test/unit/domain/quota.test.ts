import { describe, expect, it } from 'vitest'
import {
  capacityOf,
  dayMs,
  hourMs,
  isNewWindow,
  kindOfLength,
  mergeReadings,
  minuteMs,
  type QuotaWindow,
  refusalReading,
  refusedWindow,
  usedNow,
} from '../../../src/domain/quota.ts'
import { aWindow, nowMs } from '../../support/accounts.ts'

describe('a window', () => {
  it.each([
    [5 * hourMs, 'short'],
    [hourMs, 'short'],
    [dayMs, 'short'],
    [dayMs + minuteMs, 'weekly'],
    [7 * dayMs, 'weekly'],
    [14 * dayMs, 'weekly'],
    [15 * dayMs, 'monthly'],
    [30 * dayMs, 'monthly'],
    [365 * dayMs, 'monthly'],
  ] as const)('of %d ms is %s', (lengthMs, kind) => expect(kindOfLength(lengthMs)).toBe(kind))

  it.each([
    ['before its reset', nowMs + 1, 80],
    ['at its reset', nowMs, 0],
    ['after its reset', nowMs - 1, 0],
    ['without a known reset', null, 80],
  ] as const)('counts as used %s: reset %s, %d %%', (_when, resetAtMs, used) => {
    expect(usedNow(aWindow('short', 80, { resetAtMs }), nowMs)).toBe(used)
  })

  it.each([
    [nowMs, nowMs + 4 * minuteMs, false],
    [nowMs, nowMs + 6 * minuteMs, true],
    [nowMs, nowMs - dayMs, false],
    [null, nowMs, false],
    [nowMs, null, false],
  ])('that reset at %s is another than one that resets at %s: %s', (before, after, isNew) => {
    expect(isNewWindow({ resetAtMs: before }, { resetAtMs: after })).toBe(isNew)
  })
})

describe('merging readings', () => {
  const known = aWindow('weekly', 40, { readAtMs: nowMs - 1_000 })
  const refusal = aWindow('weekly', 100, { source: 'refusal', readAtMs: nowMs - 1_000 })
  const poll = (given: Partial<QuotaWindow> = {}) => aWindow('weekly', 55, { readAtMs: nowMs, ...given })

  it.each<[string, QuotaWindow | null, QuotaWindow, number]>([
    ['the first figure is taken', null, poll(), 55],
    ['a newer figure replaces an older one', known, poll(), 55],
    ['an equally old one too', known, poll({ readAtMs: known.readAtMs }), 55],
    ['an older figure does not', known, poll({ readAtMs: known.readAtMs - 1 }), 40],
    ['a refusal replaces a poll', known, poll({ source: 'refusal', usedPercent: 100 }), 100],
    ['a poll does not lift a refusal', refusal, poll(), 100],
    ['nor does a header', refusal, poll({ source: 'header' }), 100],
    ['nor a poll with the same reset, seconds later', refusal, poll({ resetAtMs: nowMs + hourMs + 20_000 }), 100],
    ['nor one without a reset', refusal, poll({ resetAtMs: null }), 100],
    ['a poll of a later window does: it was reset early', refusal, poll({ resetAtMs: nowMs + 7 * dayMs }), 55],
    ['a poll after the reset does', { ...refusal, resetAtMs: nowMs }, poll(), 55],
    ['a refusal that named no reset outranks nothing', { ...refusal, resetAtMs: null }, poll(), 55],
    ['a second refusal replaces the first', refusal, poll({ source: 'refusal', usedPercent: 100 }), 100],
  ])('%s', (_rule, before, reading, used) => {
    const merged = mergeReadings(before ? [before] : [], [reading], nowMs)
    expect(merged.map(({ usedPercent }) => usedPercent)).toEqual([used])
  })

  it('keeps windows that were not read, in a fixed order', () => {
    const merged = mergeReadings([aWindow('monthly', 1), aWindow('short', 2)], [poll()], nowMs)
    expect(merged.map(({ kind, usedPercent }) => [kind, usedPercent])).toEqual([
      ['short', 2],
      ['weekly', 55],
      ['monthly', 1],
    ])
  })
})

describe('a window that is not mentioned any more', () => {
  const known = [aWindow('short', 80), aWindow('weekly', 40, { resetAtMs: nowMs + dayMs })]
  const poll = [aWindow('short', 5, { readAtMs: nowMs })]
  const isComplete = true

  it('goes stale at once, keeps its figure until its reset, and is gone then', () => {
    const [, stale] = mergeReadings(known, poll, nowMs, isComplete)
    expect(stale).toEqual({ ...known[1], staleSinceMs: nowMs })
    const [, later] = mergeReadings([...poll, stale as QuotaWindow], poll, nowMs + hourMs, isComplete)
    expect(later?.staleSinceMs).toBe(nowMs)
    expect(mergeReadings([...poll, stale as QuotaWindow], poll, nowMs + dayMs, isComplete)).toHaveLength(1)
  })

  it('is gone at once when nobody knows its reset', () => {
    expect(mergeReadings([aWindow('weekly', 40, { resetAtMs: null })], poll, nowMs, isComplete)).toEqual(poll)
  })

  it('is as it was when it is mentioned again', () => {
    const stale = aWindow('short', 80, { staleSinceMs: nowMs - 1 })
    expect(mergeReadings([stale], poll, nowMs, isComplete)).toEqual(poll)
  })

  it.each([
    ['a source that names only some', poll, false],
    ['a list of none at all', [], true],
  ] as const)('stays after %s', (_what, readings, complete) => {
    const [, weekly] = mergeReadings(known, readings, nowMs, complete)
    expect(weekly).toEqual(known[1])
  })

  it('of a refusal stands until its reset, too', () => {
    const refused = aWindow('weekly', 100, { source: 'refusal', resetAtMs: nowMs + dayMs })
    expect(mergeReadings([refused], poll, nowMs, isComplete)[1]).toMatchObject({ usedPercent: 100, source: 'refusal' })
  })
})

describe('a refusal', () => {
  const short = aWindow('short', 20, { resetAtMs: nowMs + hourMs })
  const weekly = aWindow('weekly', 60, { resetAtMs: nowMs + 3 * dayMs })
  const full = aWindow('weekly', 99.5, { resetAtMs: nowMs + 3 * dayMs })

  it.each<[string, QuotaWindow[], number | null, string | null]>([
    ['that names a known reset is about that window', [short, weekly], nowMs + 3 * dayMs + 30_000, 'weekly'],
    ['is about the window with that reset, however full another is', [short, full], nowMs + hourMs, 'short'],
    ['that fits two windows is about the fuller one', [short, aWindow('weekly', 99.5)], nowMs + hourMs, 'weekly'],
    ['without a reset is about the full window', [short, full], null, 'weekly'],
    ['that fits no known window is judged by its wait', [short, weekly], nowMs + 20 * dayMs, 'monthly'],
    ['of an unknown account is judged by its wait', [], nowMs + 4 * hourMs, 'short'],
    ['of an unknown account that waits two days is weekly', [], nowMs + 2 * dayMs, 'weekly'],
    ['without any hint is about nothing', [short, weekly], null, null],
    ['is not about a full window that has ended', [aWindow('short', 100, { resetAtMs: nowMs - 1 })], null, null],
  ])('%s', (_rule, windows, untilMs, kind) => expect(refusedWindow(windows, untilMs, nowMs)).toBe(kind))

  it.each([
    ['the reset it names', [weekly], nowMs + hourMs, nowMs + hourMs],
    ['the known reset when it names none', [weekly], null, weekly.resetAtMs],
    ['no reset when nobody knows one', [], null, null],
  ] as const)('fills its window until %s', (_until, windows, untilMs, resetAtMs) => {
    const reading = refusalReading(windows, 'weekly', untilMs, nowMs)
    const lengthMs = 7 * dayMs
    expect(reading).toEqual({
      kind: 'weekly',
      usedPercent: 100,
      lengthMs,
      resetAtMs,
      source: 'refusal',
      readAtMs: nowMs,
      staleSinceMs: null,
    })
  })
})

describe('the capacity of a plan', () => {
  it.each([
    ['plus', 225, 7_560, null],
    ['team', 225, 7_560, null],
    ['business', 225, 7_560, null],
    ['edu', 225, 7_560, null],
    ['prolite', 1_125, 37_800, null],
    ['pro', 1_500, 50_400, null],
    ['enterprise', 1_500, 50_400, null],
    ['free', null, 1_134, 1_134],
    ['something new', null, 1_134, 1_134],
    ['constructor', null, 1_134, 1_134],
  ])('%s has %s, %s and %s credits', (plan, short, weekly, monthly) => {
    expect(capacityOf(plan)).toEqual({ short, weekly, monthly })
  })

  it('is what a person has set, where one has', () => {
    const own = { plus: { short: 1, weekly: null, monthly: 2 } }
    expect(capacityOf('plus', own)).toEqual(own.plus)
    expect(capacityOf('pro', own).weekly).toBe(50_400)
    expect(capacityOf('constructor', own)).toEqual({ short: null, weekly: 1_134, monthly: 1_134 })
  })
})
