import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../../../src/domain/quota.ts'
import type { Reading } from '../../../src/domain/reading.ts'
import { readHeaders, readRateLimitsEvent, readUsage } from '../../../src/upstream/readings.ts'
import { nowMs } from '../../support/accounts.ts'

const epoch = (ms: number) => (nowMs + ms) / 1000
const credits = (given: object = {}) => ({ has: false, unlimited: false, balance: null, readAtMs: nowMs, ...given })

/** Windows in short: kind, used percent, length in hours, hours until the reset. */
function brief(reading: Reading | null): unknown[] | undefined {
  return reading?.windows.map(({ kind, usedPercent, lengthMs, resetAtMs }) => [
    kind,
    usedPercent,
    lengthMs / hourMs,
    resetAtMs === null ? null : (resetAtMs - nowMs) / hourMs,
  ])
}

describe('the answer of the usage call', () => {
  const slot = (usedPercent: unknown, seconds: unknown, given: object = {}) => ({
    used_percent: usedPercent,
    limit_window_seconds: seconds,
    ...given,
  })
  const inTwoHours = { reset_at: epoch(2 * hourMs) }
  const weekly = slot(40, 604_800, { reset_at: epoch(48 * hourMs) })
  it.each<[string, unknown, unknown, unknown[]]>([
    [
      'both usual windows',
      slot(12.5, 18_000, inTwoHours),
      weekly,
      [
        ['short', 12.5, 5, 2],
        ['weekly', 40, 168, 48],
      ],
    ],
    ['a weekly plan, in the first slot', weekly, null, [['weekly', 40, 168, 48]]],
    ['a weekly plan beside an empty slot', weekly, slot(0, 0), [['weekly', 40, 168, 48]]],
    ['a weekly plan beside a placeholder of the same length', weekly, slot(0, 604_800), [['weekly', 40, 168, 48]]],
    ['the same the other way round', slot(0, 604_800), weekly, [['weekly', 40, 168, 48]]],
    ['two windows of one kind: the fuller one counts', weekly, slot(70, 604_800, inTwoHours), [['weekly', 70, 168, 2]]],
    ['the same window twice', weekly, weekly, [['weekly', 40, 168, 48]]],
    ['a monthly plan', slot(3, 2_592_000, { reset_at: epoch(20 * dayMs) }), undefined, [['monthly', 3, 720, 480]]],
    [
      'windows in the wrong slots',
      weekly,
      slot(1, 18_000),
      [
        ['weekly', 40, 168, 48],
        ['short', 1, 5, null],
      ],
    ],
    ['a wait instead of a time', slot(1, 18_000, { reset_after_seconds: 3_600 }), null, [['short', 1, 5, 1]]],
    [
      'a time before a wait',
      slot(1, 18_000, { ...inTwoHours, reset_after_seconds: 3_600 }),
      null,
      [['short', 1, 5, 2]],
    ],
    ['numbers as text', slot('12.5', '18000', { reset_at: String(epoch(hourMs)) }), null, [['short', 12.5, 5, 1]]],
    ['a reset that is past', slot(1, 18_000, { reset_at: epoch(-hourMs) }), null, [['short', 1, 5, null]]],
    ['a reset that is years ahead', slot(1, 18_000, { reset_at: epoch(800 * dayMs) }), null, [['short', 1, 5, null]]],
    ['a length that is no whole minute', slot(1, 17_999), null, [['short', 1, 5, null]]],
    [
      'more than everything',
      slot(130, 18_000),
      slot(-5, 604_800),
      [
        ['short', 100, 5, null],
        ['weekly', 0, 168, null],
      ],
    ],
    ['no figure', slot(null, 18_000), slot('much', 604_800), []],
    ['no length', slot(5, null), slot(5, 'long'), []],
    ['a length of nothing', slot(5, 0), slot(5, -60), []],
    ['slots that are no objects', 'x', [1], []],
  ])('with %s', (_what, primary_window, secondary_window, expected) => {
    const reading = readUsage({ plan_type: 'Plus', rate_limit: { primary_window, secondary_window } }, nowMs)
    expect(brief(reading)).toEqual(expected)
    expect(reading).toMatchObject({ plan: 'plus', credits: null })
    for (const window of reading?.windows ?? []) expect(window).toMatchObject({ source: 'poll', readAtMs: nowMs })
  })

  it.each<[string, unknown, Reading['credits']]>([
    [
      'with a balance in text',
      { has_credits: true, unlimited: false, balance: '12.50' },
      credits({ has: true, balance: 12.5 }),
    ],
    ['without limits', { has_credits: true, unlimited: true, balance: null }, credits({ has: true, unlimited: true })],
    ['of nobody', null, null],
    ['with nothing said', {}, credits()],
    ['of a wrong type', 'none', null],
    ['with a balance that is no number', { has_credits: true, balance: 'NaN' }, credits({ has: true })],
  ])('has credits %s', (_what, given, expected) =>
    expect(readUsage({ credits: given }, nowMs)?.credits).toEqual(expected),
  )

  it.each([{}, { rate_limit: null, credits: null, plan_type: null }, { rate_limit: 'none', plan_type: 7 }])(
    'may hold nothing: %j',
    (body) =>
      expect(readUsage(body, nowMs)).toEqual({
        plan: null,
        windows: [],
        meters: null,
        credits: null,
        limitReached: null,
        isComplete: true,
      }),
  )

  it.each([null, 'OK', 7, [], undefined])('is not %j', (body) => expect(readUsage(body, nowMs)).toBeNull())
})

describe('what the usage call says beside the windows', () => {
  const limit = (given: object) => ({
    rate_limit: { primary_window: { used_percent: 20, limit_window_seconds: 18_000 }, secondary_window: null },
    ...given,
  })

  it.each<[string, unknown, unknown]>([
    [
      'a meter, by its feature and its name',
      [limit({ limit_name: 'House Limit', metered_feature: 'house' })],
      [{ key: 'house', name: 'House Limit', feature: 'house', windows: [{ kind: 'short', usedPercent: 20 }] }],
    ],
    ['a meter that is known', [limit({ limit_name: 'GPT-5.3-Codex-Spark' })], [{ key: 'codex_spark', feature: null }]],
    ['none without a name', [limit({}), limit({ limit_name: '' })], []],
    ['none of a wrong shape, and the others', [7, null, limit({ limit_name: 'x' })], [{ key: 'x' }]],
    ['an empty list', [], []],
  ])('meters: %s', (_what, additional_rate_limits, expected) => {
    const reading = readUsage({ additional_rate_limits }, nowMs)
    expect(reading?.meters).toHaveLength((expected as unknown[]).length)
    expect(reading?.meters).toMatchObject(expected as object[])
  })

  it.each([null, 'none', {}])('no list of meters with %j', (additional_rate_limits) => {
    expect(readUsage({ additional_rate_limits }, nowMs)?.meters).toBeNull()
  })

  it.each([
    ['workspace_member_usage_limit_reached', 'workspace_member_usage_limit_reached'],
    [{ type: 'rate_limit_reached' }, 'rate_limit_reached'],
    [null, null],
    [7, null],
    [undefined, null],
  ])('the limit that is reached: %j', (rate_limit_reached_type, expected) => {
    expect(readUsage({ rate_limit_reached_type }, nowMs)?.limitReached).toBe(expected)
  })
})

describe('the headers of an answer', () => {
  const headers = (given: Record<string, string>) =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [`x-codex-${name}`, value]))
  const primary = (used: string, minutes = '300') => ({
    'primary-used-percent': used,
    'primary-window-minutes': minutes,
  })

  it('give both windows', () => {
    const both = {
      ...primary('61.5'),
      'primary-reset-at': String(epoch(hourMs)),
      'secondary-used-percent': '7',
      'secondary-window-minutes': '10080',
    }
    const reading = readHeaders(headers(both), nowMs)
    expect(brief(reading)).toEqual([
      ['short', 61.5, 5, 1],
      ['weekly', 7, 168, null],
    ])
    expect(reading.windows.map(({ source }) => source)).toEqual(['header', 'header'])
    expect(reading).toMatchObject({ plan: null, credits: null })
  })

  it.each(['NaN', 'Infinity', '-Infinity', '', ' ', 'full', '1,5', '12%'])(
    'are ignored with the figure "%s"',
    (used) => {
      expect(readHeaders(headers(primary(used)), nowMs).windows).toEqual([])
    },
  )

  it.each(['NaN', 'Infinity', '', '0', '-300'])('are ignored with the length "%s"', (minutes) => {
    expect(readHeaders(headers(primary('5', minutes)), nowMs).windows).toEqual([])
  })

  it.each(['NaN', 'Infinity', 'soon', '0', '-1', '1e300'])('have no reset with "%s"', (reset) => {
    const reading = readHeaders(headers({ ...primary('5'), 'primary-reset-at': reset }), nowMs)
    expect(brief(reading)).toEqual([['short', 5, 5, null]])
  })

  it.each<[Record<string, string>, Reading['credits']]>([
    [
      { 'credits-has-credits': 'True', 'credits-unlimited': 'false', 'credits-balance': '3.5' },
      credits({ has: true, balance: 3.5 }),
    ],
    [{ 'credits-has-credits': 'true', 'credits-unlimited': 'TRUE' }, credits({ has: true, unlimited: true })],
    [{ 'credits-has-credits': 'false', 'credits-balance': 'NaN' }, credits()],
    [{ 'credits-balance': '9' }, null],
  ])('%j mean these credits', (given, expected) => expect(readHeaders(headers(given), nowMs).credits).toEqual(expected))

  it('of another limit are a meter’s, and not the account’s', () => {
    const other = {
      'x-codex-other-primary-used-percent': '5',
      'x-codex-other-primary-window-minutes': '300',
      'x-codex-other-secondary-used-percent': '7',
      'x-codex-other-secondary-window-minutes': '10080',
    }
    const { windows, meters } = readHeaders({ ...other, ...headers(primary('61')) }, nowMs)
    expect(windows.map(({ usedPercent }) => usedPercent)).toEqual([61])
    expect(meters).toMatchObject([
      {
        key: 'codex_spark',
        windows: [
          { kind: 'short', usedPercent: 5 },
          { kind: 'weekly', usedPercent: 7 },
        ],
      },
    ])
  })

  it('of no limit say nothing', () => {
    expect(readHeaders({ 'content-type': 'text/html' }, nowMs)).toEqual({
      plan: null,
      windows: [],
      meters: null,
      credits: null,
      isComplete: false,
    })
  })
})

describe('a rate limit event', () => {
  const limits = {
    primary: { used_percent: 61, window_minutes: 300, reset_at: epoch(hourMs) },
    secondary: { used_percent: 12.5, window_minutes: 10_080, resets_at: epoch(48 * hourMs) },
  }
  const some = { has_credits: true, unlimited: false, balance: '5' }

  it('gives both windows, whichever way their resets are called', () => {
    const reading = readRateLimitsEvent({ type: 'codex.rate_limits', rate_limits: limits }, nowMs)
    expect(brief(reading)).toEqual([
      ['short', 61, 5, 1],
      ['weekly', 12.5, 168, 48],
    ])
    expect(reading?.windows[0]?.source).toBe('event')
  })

  it.each([
    ['beside the limits', { rate_limits: limits, credits: some }],
    ['among the limits', { rate_limits: { ...limits, credits: some } }],
  ])('may hold credits %s', (_where, event) => {
    expect(readRateLimitsEvent(event, nowMs)?.credits).toEqual(credits({ has: true, balance: 5 }))
  })

  it.each([
    ['is ours when it says so', { limit_id: 'codex', rate_limits: { ...limits, limit_name: 'codex' } }, true],
    ['is ours when it says nothing', { limit_id: null, rate_limits: limits }, true],
    ['is a meter’s by its id', { limit_id: 'codex_other', rate_limits: limits }, false],
    ['is a meter’s by its name', { limit_name: 'GPT-5.3-Codex-Spark', rate_limits: limits }, false],
    ['is a meter’s by its meter', { metered_limit_name: 'codex_bengalfox', rate_limits: limits }, false],
    ['is a meter’s by an id among the limits', { rate_limits: { ...limits, limit_id: 'codex_other' } }, false],
    [
      'is a meter’s when only one of its names is ours',
      { limit_id: 'codex', limit_name: 'spark', rate_limits: limits },
      false,
    ],
  ])('%s', (_whose, event, isOurs) => {
    const reading = readRateLimitsEvent(event, nowMs)
    expect(reading?.windows.length).toBe(isOurs ? 2 : 0)
    expect(reading?.meters?.map(({ windows }) => windows.length)).toEqual(isOurs ? undefined : [2])
  })

  it.each([
    ['by its id', { limit_id: 'house_limit' }, 'house_limit', 'house_limit'],
    ['by its name too', { limit_id: 'house_limit', limit_name: 'House Limit' }, 'house_limit', 'House Limit'],
    ['by what is known of it', { metered_limit_name: 'codex_bengalfox' }, 'codex_spark', 'codex_bengalfox'],
  ])('tells the meter %s', (_how, names, key, name) => {
    expect(readRateLimitsEvent({ ...names, rate_limits: limits }, nowMs)?.meters).toMatchObject([{ key, name }])
  })

  it.each([
    ['without limits', { limit_id: 'codex', rate_limits: null }],
    ['with an id that is no text', { limit_id: 7, rate_limits: limits }],
    ['that is null', null],
    ['that is text', 'codex.rate_limits'],
  ])('%s says nothing', (_what, event) => expect(readRateLimitsEvent(event, nowMs)).toBeNull())
})
