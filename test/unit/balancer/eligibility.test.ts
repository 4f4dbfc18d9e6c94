import { describe, expect, it } from 'vitest'
import { type Exclusion, exclusionOf, lacksModel } from '../../../src/balancer/eligibility.ts'
import { type Health, healthy } from '../../../src/domain/account.ts'
import { aBlock, anAccount, aWindow, nowMs } from '../../support/accounts.ts'

const burst = aBlock('burst')
const blocked: Exclusion = { reason: 'blocked', by: 'burst', code: 'a_code', untilMs: burst.untilMs }

describe('an account may serve', () => {
  it.each<[string, Partial<Health>]>([
    ['when nothing speaks against it', {}],
    ['after failures that are not enough for a rest', { failures: 2 }],
    ['as soon as its block is over', { blocked: aBlock('window', { untilMs: nowMs }) }],
  ])('%s', (_when, health) => {
    expect(exclusionOf(anAccount('a', { health: { ...healthy, ...health } }), nowMs)).toBeNull()
  })

  it('however full its figures say it is: only the upstream itself can turn it away', () => {
    expect(exclusionOf(anAccount('a', { windows: [aWindow('short', 100)], inFlight: 99 }), nowMs)).toBeNull()
  })

  it.each<[string, Partial<Health>, Exclusion]>([
    ['is paused', { paused: true }, { reason: 'paused' }],
    ['is blocked', { blocked: burst }, blocked],
    ['must sign in', { signIn: 'reauth_required', signInReason: 'x' }, { reason: 'reauth_required', code: 'x' }],
    ['is closed', { signIn: 'deactivated' }, { reason: 'deactivated', code: null }],
    ['is paused and blocked: what a person did comes first', { paused: true, blocked: burst }, { reason: 'paused' }],
    [
      'must sign in and is paused: what a person must do comes first',
      { signIn: 'reauth_required', signInReason: 'x', paused: true, blocked: burst },
      { reason: 'reauth_required', code: 'x' },
    ],
  ])('not while it %s', (_why, health, exclusion) => {
    expect(exclusionOf(anAccount('a', { health: { ...healthy, ...health } }), nowMs)).toEqual(exclusion)
  })
})

describe('an account lacks a model', () => {
  const unknown = anAccount('unknown')
  const old = anAccount('old', { models: new Set(['gpt-5']) })
  const recent = anAccount('recent', { models: new Set(['gpt-5', 'gpt-6']) })
  it.each([
    ['when its list has it not and another one has', old, 'gpt-6', [old, recent], true],
    ['not when nobody lists it', old, 'gpt-7', [old, recent], false],
    ['not when it lists it', recent, 'gpt-6', [old, recent], false],
    ['not while its list is unknown', unknown, 'gpt-6', [unknown, recent], false],
    ['not when only unknown lists might have it', old, 'gpt-6', [old, unknown], false],
  ])('%s', (_rule, account, model, pool, lacks) => expect(lacksModel(account, model, pool)).toBe(lacks))
})
