import { describe, expect, it } from 'vitest'
import { crowdingOf, type Exclusion, exclusionOf, meterExclusion, restOf } from '../../../src/balancer/eligibility.ts'
import { sift } from '../../../src/balancer/sift.ts'
import type { Account, Health } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import {
  aBlock,
  aMeter,
  anAccount,
  anAilingAccount,
  anAsk,
  aWindow,
  nowMs,
  withSettings,
} from '../../support/accounts.ts'

const burst = aBlock('burst')
const blocked: Exclusion = { reason: 'blocked', by: 'burst', code: 'a_code', untilMs: burst.untilMs, endIsKnown: true }
const week = aBlock('window', { window: 'weekly', untilMs: nowMs + hourMs })
const rest = aBlock('errors', { endIsKnown: false })

describe('an account may serve', () => {
  it.each<[string, Partial<Health>]>([
    ['when nothing speaks against it', {}],
    ['after failures that are not enough for a rest', { failures: 2 }],
    ['as soon as its block is over', { blocks: [aBlock('window', { untilMs: nowMs })] }],
    ['when only a model is used up', { blocks: [aBlock('window', { meter: 'spark' })] }],
  ])('%s', (_when, health) => expect(exclusionOf(anAilingAccount('a', health), nowMs)).toBeNull())

  it('however full its figures say it is: only the upstream itself can turn it away', () => {
    expect(exclusionOf(anAccount('a', { windows: [aWindow('short', 100)], inFlight: 99 }), nowMs)).toBeNull()
  })

  it.each<[string, Partial<Health>, Exclusion]>([
    ['is paused', { paused: true }, { reason: 'paused' }],
    ['is blocked', { blocks: [burst] }, blocked],
    [
      'is blocked twice: the later end counts',
      { blocks: [burst, week] },
      { ...blocked, by: 'window', untilMs: week.untilMs },
    ],
    ['must sign in', { signIn: 'reauth_required', signInReason: 'x' }, { reason: 'reauth_required', code: 'x' }],
    ['is closed', { signIn: 'deactivated' }, { reason: 'deactivated', code: null }],
    ['is paused and blocked: what a person did comes first', { paused: true, blocks: [burst] }, { reason: 'paused' }],
    [
      'must sign in and is paused: what a person must do comes first',
      { signIn: 'reauth_required', signInReason: 'x', paused: true, blocks: [burst] },
      { reason: 'reauth_required', code: 'x' },
    ],
  ])('not while it %s', (_why, health, exclusion) => {
    expect(exclusionOf(anAilingAccount('a', health), nowMs)).toEqual(exclusion)
  })
})

describe('a model with a meter of its own', () => {
  const health = (given: Partial<Health>) => anAilingAccount('a', given)

  it('is not kept back by the account’s windows, but by all the rest', () => {
    expect(exclusionOf(health({ blocks: [week] }), nowMs, false)).toBeNull()
    expect(exclusionOf(health({ blocks: [week, burst] }), nowMs, false)).toEqual(blocked)
    expect(exclusionOf(health({ paused: true }), nowMs, false)).toEqual({ reason: 'paused' })
  })

  it.each<[string, Account, number | null | undefined]>([
    ['has room', anAccount('a'), undefined],
    ['was refused', health({ blocks: [aBlock('window', { meter: 'spark', untilMs: nowMs + 5 })] }), nowMs + 5],
    ['is free again', health({ blocks: [aBlock('window', { meter: 'spark', untilMs: nowMs })] }), undefined],
    ['another one is refused', health({ blocks: [aBlock('window', { meter: 'other' })] }), undefined],
  ])('by its block: %s', (_what, account, untilMs) => {
    const exclusion = meterExclusion(account, aMeter('Spark', 40), nowMs)
    expect(exclusion).toEqual(untilMs === undefined ? null : { reason: 'meter_used_up', meter: 'Spark', untilMs })
  })

  it('is used up by its figures', () => {
    expect(meterExclusion(anAccount('a'), aMeter('Spark', 100), nowMs)).toEqual({
      ...{ reason: 'meter_used_up', meter: 'Spark', untilMs: nowMs + hourMs },
    })
    expect(meterExclusion(anAccount('a'), aMeter('Spark', 100), nowMs + hourMs)).toBeNull()
  })
})

describe('a rest after failures', () => {
  it.each<[string, Partial<Health>, boolean]>([
    ['alone keeps the account', { blocks: [rest] }, true],
    ['is over', { blocks: [{ ...rest, untilMs: nowMs }] }, false],
    ['is not all: a limit ends sooner', { blocks: [rest, aBlock('window', { untilMs: nowMs + 1 })] }, false],
    ['is all: a limit is over', { blocks: [rest, aBlock('window', { untilMs: nowMs })] }, true],
    ['is all: the limit is of another model', { blocks: [rest, aBlock('window', { meter: 'spark' })] }, true],
  ])('%s', (_what, health, isAll) => {
    expect(restOf(anAilingAccount('a', health), nowMs)).toBe(isAll ? health.blocks?.[0] : null)
  })

  it('is all for a model with a meter, whatever the windows', () => {
    expect(restOf(anAilingAccount('a', { blocks: [rest, week] }), nowMs, false)).toBe(rest)
    expect(restOf(anAilingAccount('a', { blocks: [rest, burst] }), nowMs, false)).toBeNull()
  })
})

describe('a fit account has no place free', () => {
  const caps = { maxStreams: 4, maxTurnStarts: 2 }
  const learned = { concurrency: { limit: 2, untilMs: nowMs + 1 } }
  it.each<[string, Partial<Account>, Exclusion | null]>([
    ['not while nothing is in flight', {}, null],
    ['not below its bounds', { inFlight: 3, starting: 1 }, null],
    ['with as many answers as it may', { inFlight: 4 }, { reason: 'busy', cap: 'streams', inFlight: 4, limit: 4 }],
    [
      'with as many turn starts as it may',
      { inFlight: 3, starting: 2 },
      { reason: 'busy', cap: 'turn_starts', inFlight: 2, limit: 2 },
    ],
    [
      'with as many as the upstream bears',
      { ...anAilingAccount('a', learned), inFlight: 2 },
      { reason: 'busy', cap: 'upstream', inFlight: 2, limit: 2 },
    ],
    [
      'not when that is not believed any more',
      { ...anAilingAccount('a', { concurrency: { limit: 2, untilMs: nowMs } }), inFlight: 2 },
      null,
    ],
    [
      'while one request tries it after a rest',
      { ...anAilingAccount('a', { failures: 3 }), inFlight: 1, starting: 1 },
      { reason: 'probing' },
    ],
    ['not before that one', anAilingAccount('a', { failures: 3 }), null],
    ['not while answers from before the rest go on', { ...anAilingAccount('a', { failures: 3 }), inFlight: 3 }, null],
  ])('%s', (_when, given, exclusion) => expect(crowdingOf(anAccount('a', given), caps, nowMs)).toEqual(exclusion))
})

describe('an account lacks a model', () => {
  const unknown = anAccount('unknown')
  const old = anAccount('old', { models: new Set(['gpt-5']) })
  const recent = anAccount('recent', { models: new Set(['gpt-5', 'gpt-6']) })
  it.each([
    ['when its list has it not and another one has', old, 'gpt-6', [old, recent], true],
    ['also when it is asked after the other', old, 'gpt-6', [recent, old], true],
    ['not when nobody lists it', old, 'gpt-7', [old, recent], false],
    ['not when it lists it', recent, 'gpt-6', [old, recent], false],
    ['not while its list is unknown', unknown, 'gpt-6', [unknown, recent], false],
    ['not when only unknown lists might have it', old, 'gpt-6', [old, unknown], false],
    ['not while its list is unknown, between two that lack it', unknown, 'gpt-6', [old, unknown, recent], false],
  ])('%s', (_rule, account, model, pool, lacks) => {
    const { excluded } = sift(pool, anAsk({ model }), withSettings(), nowMs)
    const found = excluded.find(({ accountId }) => accountId === account.id)
    expect(found?.exclusion).toEqual(lacks ? { reason: 'model_unavailable', model } : undefined)
  })
})
