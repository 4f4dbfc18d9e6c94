import { describe, expect, it } from 'vitest'
import { type Evidence, next } from '../../../src/balancer/health.ts'
import { type Health, healthy } from '../../../src/domain/account.ts'
import { dayMs, hourMs, type QuotaWindow } from '../../../src/domain/quota.ts'
import { aBlock, aWindow, nowMs } from '../../support/accounts.ts'

const inMs = (ms: number) => nowMs + ms
const refused = (
  by: 'burst' | 'window' | 'plan',
  untilMs: number | null = null,
  given: Partial<Extract<Evidence, { kind: 'refused' }>> = {},
): Evidence => ({ kind: 'refused', by, code: 'said', untilMs, window: null, meter: null, ...given })
const failed: Evidence = { kind: 'failed', code: 'server_error' }
const served: Evidence = { kind: 'served' }
const figures = (...windows: QuotaWindow[]): Evidence => ({ kind: 'reading', windows, meter: null })
const now = (usedPercent: number, resetAtMs: number | null, given: Partial<QuotaWindow> = {}) =>
  aWindow('short', usedPercent, { readAtMs: nowMs, resetAtMs, ...given })

/** An account's health in words: each block with its end in seconds from now, with `~` before an end that is assumed and `×` for strikes. */
function words(health: Health): string {
  const blocks = health.blocks.map(({ by, window, meter, untilMs, endIsKnown, strikes }) => {
    const what = [by, window, meter].filter(Boolean).join('/')
    return `${what} ${endIsKnown ? '' : '~'}${(untilMs - nowMs) / 1_000}${strikes > 1 ? `×${strikes}` : ''}`
  })
  const { paused, signIn, signInReason, failures, concurrency } = health
  return [
    paused ? 'paused' : '',
    signIn === 'ok' ? '' : `${signIn} ${signInReason}`,
    ...blocks.toSorted(),
    failures > 0 ? `failures ${failures}` : '',
    concurrency ? `at most ${concurrency.limit} until ${(concurrency.untilMs - nowMs) / 1_000}` : '',
  ]
    .filter((word) => word !== '')
    .join(', ')
}

const states = {
  fit: healthy,
  tired: { ...healthy, failures: 2 },
  resting: { ...healthy, failures: 3, blocks: [aBlock('errors', { endIsKnown: false })] },
  rested: { ...healthy, failures: 3, blocks: [aBlock('errors', { endIsKnown: false, untilMs: nowMs })] },
  throttled: { ...healthy, blocks: [aBlock('burst')] },
  'throttled before': { ...healthy, blocks: [aBlock('burst', { untilMs: nowMs, endIsKnown: false })] },
  'taken to be full': { ...healthy, blocks: [aBlock('window', { endIsKnown: false })] },
  full: { ...healthy, blocks: [aBlock('window', { window: 'short' })] },
  'without the right': { ...healthy, blocks: [aBlock('plan', { endIsKnown: false })] },
  'full for one model': { ...healthy, blocks: [aBlock('window', { window: 'short', meter: 'spark' })] },
  crowded: { ...healthy, concurrency: { limit: 4, untilMs: inMs(100_000) } },
  'crowded before': { ...healthy, concurrency: { limit: 4, untilMs: nowMs } },
  paused: { ...healthy, paused: true },
  'signed out': { ...healthy, signIn: 'reauth_required', signInReason: 'token_expired' },
  closed: { ...healthy, signIn: 'deactivated', signInReason: 'account_deactivated' },
} satisfies Record<string, Health>

const evidence = {
  served,
  'named burst': refused('burst', inMs(2_000)),
  burst: refused('burst'),
  'used up': refused('window', inMs(hourMs), { window: 'short' }),
  'used up until later': refused('window', inMs(5 * dayMs), { window: 'weekly' }),
  'used up, no end': refused('window'),
  'not in the plan': refused('plan'),
  'used up for a model': refused('window', inMs(hourMs), { window: 'short', meter: 'spark' }),
  'too many at once': { kind: 'crowded', inFlight: 8 },
  failed,
  'lost sign-in': { kind: 'sign_in_lost', as: 'reauth_required', code: 'x' },
  closed: { kind: 'sign_in_lost', as: 'deactivated', code: 'y' },
  'signed in': { kind: 'signed_in' },
  'figures of the same window': figures(now(10, inMs(600_000))),
  'figures of a new window': figures(now(10, inMs(5 * hourMs))),
  'figures of a model': { kind: 'reading', windows: [now(10, inMs(5 * hourMs))], meter: 'spark' },
  'windows reset': { kind: 'windows_reset' },
  paused: { kind: 'paused' },
} satisfies Record<string, Evidence>

/** What each evidence makes of each state; what is not named changes nothing. */
const table: Record<keyof typeof states, Partial<Record<keyof typeof evidence, string>>> = {
  fit: {
    'named burst': 'burst 2',
    burst: 'burst ~30',
    'used up': 'window/short 3600',
    'used up until later': 'window/weekly 432000',
    'used up, no end': 'window ~300',
    'not in the plan': 'plan ~3600',
    'used up for a model': 'window/short/spark 3600',
    'too many at once': 'at most 7 until 300',
    failed: 'failures 1',
    'lost sign-in': 'reauth_required x',
    closed: 'deactivated y',
    paused: 'paused',
  },
  tired: {
    served: '',
    'named burst': 'burst 2, failures 2',
    burst: 'burst ~30, failures 2',
    'used up': 'window/short 3600, failures 2',
    'used up until later': 'window/weekly 432000, failures 2',
    'used up, no end': 'window ~300, failures 2',
    'not in the plan': 'plan ~3600, failures 2',
    'used up for a model': 'window/short/spark 3600, failures 2',
    'too many at once': 'failures 2, at most 7 until 300',
    failed: 'errors ~30, failures 3',
    'lost sign-in': 'reauth_required x, failures 2',
    closed: 'deactivated y, failures 2',
    'signed in': '',
    paused: 'paused, failures 2',
  },
  resting: {
    served: '',
    'named burst': 'burst 2, errors ~600, failures 3',
    burst: 'burst ~30, errors ~600, failures 3',
    'used up': 'errors ~600, window/short 3600, failures 3',
    'used up until later': 'errors ~600, window/weekly 432000, failures 3',
    'used up, no end': 'errors ~600, window ~300, failures 3',
    'not in the plan': 'errors ~600, plan ~3600, failures 3',
    'used up for a model': 'errors ~600, window/short/spark 3600, failures 3',
    'too many at once': 'errors ~600, failures 3, at most 7 until 300',
    'lost sign-in': 'reauth_required x, errors ~600, failures 3',
    closed: 'deactivated y, errors ~600, failures 3',
    'signed in': '',
    paused: 'paused, errors ~600, failures 3',
  },
  rested: {
    served: '',
    'named burst': 'burst 2, errors ~0, failures 3',
    burst: 'burst ~30, errors ~0, failures 3',
    'used up': 'errors ~0, window/short 3600, failures 3',
    'used up until later': 'errors ~0, window/weekly 432000, failures 3',
    'used up, no end': 'errors ~0, window ~300, failures 3',
    'not in the plan': 'errors ~0, plan ~3600, failures 3',
    'used up for a model': 'errors ~0, window/short/spark 3600, failures 3',
    'too many at once': 'errors ~0, failures 3, at most 7 until 300',
    failed: 'errors ~60×2, failures 4',
    'lost sign-in': 'reauth_required x, errors ~0, failures 3',
    closed: 'deactivated y, errors ~0, failures 3',
    'signed in': '',
    paused: 'paused, errors ~0, failures 3',
  },
  throttled: {
    'named burst': 'burst 600',
    burst: 'burst 600',
    'used up': 'burst 600, window/short 3600',
    'used up until later': 'burst 600, window/weekly 432000',
    'used up, no end': 'burst 600, window ~300',
    'not in the plan': 'burst 600, plan ~3600',
    'used up for a model': 'burst 600, window/short/spark 3600',
    'too many at once': 'burst 600, at most 7 until 300',
    failed: 'burst 600, failures 1',
    'lost sign-in': 'reauth_required x, burst 600',
    closed: 'deactivated y, burst 600',
    paused: 'paused, burst 600',
  },
  'throttled before': {
    served: '',
    'named burst': 'burst 2×2',
    burst: 'burst ~60×2',
    'used up': 'burst ~0, window/short 3600',
    'used up until later': 'burst ~0, window/weekly 432000',
    'used up, no end': 'burst ~0, window ~300',
    'not in the plan': 'burst ~0, plan ~3600',
    'used up for a model': 'burst ~0, window/short/spark 3600',
    'too many at once': 'burst ~0, at most 7 until 300',
    failed: 'burst ~0, failures 1',
    'lost sign-in': 'reauth_required x, burst ~0',
    closed: 'deactivated y, burst ~0',
    paused: 'paused, burst ~0',
  },
  'taken to be full': {
    'named burst': 'burst 2, window ~600',
    burst: 'burst ~30, window ~600',
    'used up': 'window ~600, window/short 3600',
    'used up until later': 'window ~600, window/weekly 432000',
    'used up, no end': 'window ~600',
    'not in the plan': 'plan ~3600, window ~600',
    'used up for a model': 'window ~600, window/short/spark 3600',
    'too many at once': 'window ~600, at most 7 until 300',
    failed: 'window ~600, failures 1',
    'lost sign-in': 'reauth_required x, window ~600',
    closed: 'deactivated y, window ~600',
    'figures of the same window': '',
    'figures of a new window': '',
    'windows reset': '',
    paused: 'paused, window ~600',
  },
  full: {
    'named burst': 'burst 2, window/short 600',
    burst: 'burst ~30, window/short 600',
    'used up': 'window/short 3600',
    'used up until later': 'window/short 600, window/weekly 432000',
    'used up, no end': 'window ~300, window/short 600',
    'not in the plan': 'plan ~3600, window/short 600',
    'used up for a model': 'window/short 600, window/short/spark 3600',
    'too many at once': 'window/short 600, at most 7 until 300',
    failed: 'window/short 600, failures 1',
    'lost sign-in': 'reauth_required x, window/short 600',
    closed: 'deactivated y, window/short 600',
    'figures of a new window': '',
    'windows reset': '',
    paused: 'paused, window/short 600',
  },
  'without the right': {
    'named burst': 'burst 2, plan ~600',
    burst: 'burst ~30, plan ~600',
    'used up': 'plan ~600, window/short 3600',
    'used up until later': 'plan ~600, window/weekly 432000',
    'used up, no end': 'plan ~600, window ~300',
    'not in the plan': 'plan ~3600',
    'used up for a model': 'plan ~600, window/short/spark 3600',
    'too many at once': 'plan ~600, at most 7 until 300',
    failed: 'plan ~600, failures 1',
    'lost sign-in': 'reauth_required x, plan ~600',
    closed: 'deactivated y, plan ~600',
    paused: 'paused, plan ~600',
  },
  'full for one model': {
    'named burst': 'burst 2, window/short/spark 600',
    burst: 'burst ~30, window/short/spark 600',
    'used up': 'window/short 3600, window/short/spark 600',
    'used up until later': 'window/short/spark 600, window/weekly 432000',
    'used up, no end': 'window ~300, window/short/spark 600',
    'not in the plan': 'plan ~3600, window/short/spark 600',
    'used up for a model': 'window/short/spark 3600',
    'too many at once': 'window/short/spark 600, at most 7 until 300',
    failed: 'window/short/spark 600, failures 1',
    'lost sign-in': 'reauth_required x, window/short/spark 600',
    closed: 'deactivated y, window/short/spark 600',
    'figures of a model': '',
    'windows reset': '',
    paused: 'paused, window/short/spark 600',
  },
  crowded: {
    'named burst': 'burst 2, at most 4 until 100',
    burst: 'burst ~30, at most 4 until 100',
    'used up': 'window/short 3600, at most 4 until 100',
    'used up until later': 'window/weekly 432000, at most 4 until 100',
    'used up, no end': 'window ~300, at most 4 until 100',
    'not in the plan': 'plan ~3600, at most 4 until 100',
    'used up for a model': 'window/short/spark 3600, at most 4 until 100',
    'too many at once': 'at most 4 until 300',
    failed: 'failures 1, at most 4 until 100',
    'lost sign-in': 'reauth_required x, at most 4 until 100',
    closed: 'deactivated y, at most 4 until 100',
    paused: 'paused, at most 4 until 100',
  },
  'crowded before': {
    served: '',
    'named burst': 'burst 2, at most 4 until 0',
    burst: 'burst ~30, at most 4 until 0',
    'used up': 'window/short 3600, at most 4 until 0',
    'used up until later': 'window/weekly 432000, at most 4 until 0',
    'used up, no end': 'window ~300, at most 4 until 0',
    'not in the plan': 'plan ~3600, at most 4 until 0',
    'used up for a model': 'window/short/spark 3600, at most 4 until 0',
    'too many at once': 'at most 7 until 300',
    failed: 'failures 1, at most 4 until 0',
    'lost sign-in': 'reauth_required x, at most 4 until 0',
    closed: 'deactivated y, at most 4 until 0',
    paused: 'paused, at most 4 until 0',
  },
  paused: {
    'named burst': 'paused, burst 2',
    burst: 'paused, burst ~30',
    'used up': 'paused, window/short 3600',
    'used up until later': 'paused, window/weekly 432000',
    'used up, no end': 'paused, window ~300',
    'not in the plan': 'paused, plan ~3600',
    'used up for a model': 'paused, window/short/spark 3600',
    'too many at once': 'paused, at most 7 until 300',
    failed: 'paused, failures 1',
    'lost sign-in': 'paused, reauth_required x',
    closed: 'paused, deactivated y',
  },
  'signed out': {
    'named burst': 'reauth_required token_expired, burst 2',
    burst: 'reauth_required token_expired, burst ~30',
    'used up': 'reauth_required token_expired, window/short 3600',
    'used up until later': 'reauth_required token_expired, window/weekly 432000',
    'used up, no end': 'reauth_required token_expired, window ~300',
    'not in the plan': 'reauth_required token_expired, plan ~3600',
    'used up for a model': 'reauth_required token_expired, window/short/spark 3600',
    'too many at once': 'reauth_required token_expired, at most 7 until 300',
    failed: 'reauth_required token_expired, failures 1',
    'lost sign-in': 'reauth_required x',
    closed: 'deactivated y',
    'signed in': '',
    paused: 'paused, reauth_required token_expired',
  },
  closed: {
    'named burst': 'deactivated account_deactivated, burst 2',
    burst: 'deactivated account_deactivated, burst ~30',
    'used up': 'deactivated account_deactivated, window/short 3600',
    'used up until later': 'deactivated account_deactivated, window/weekly 432000',
    'used up, no end': 'deactivated account_deactivated, window ~300',
    'not in the plan': 'deactivated account_deactivated, plan ~3600',
    'used up for a model': 'deactivated account_deactivated, window/short/spark 3600',
    'too many at once': 'deactivated account_deactivated, at most 7 until 300',
    failed: 'deactivated account_deactivated, failures 1',
    closed: 'deactivated y',
    'signed in': '',
    paused: 'paused, deactivated account_deactivated',
  },
}

const cells = Object.entries(table).flatMap(([state, row]) =>
  Object.keys(evidence).map((event) => [state, event, row[event as keyof typeof evidence]] as const),
)

describe('the health of an account', () => {
  it.each(cells)('that is %s, after: %s', (state, event, expected) => {
    const before: Health = states[state as keyof typeof states]
    const after = next(before, evidence[event as keyof typeof evidence], nowMs)
    if (expected === undefined) expect(after).toBe(before)
    else expect(words(after)).toBe(expected)
  })

  it.each(Object.entries(states))('that is %s is wholly restored when a person puts it back', (_name, before) => {
    expect(next(before, { kind: 'reactivated' }, nowMs)).toEqual({ ...healthy, fitSinceMs: nowMs })
  })

  it.each(Object.entries(states))('that is %s is not changed by figures that say nothing', (_name, before) => {
    expect(next(before, figures(), nowMs)).toBe(before)
  })
})
