import { describe, expect, it } from 'vitest'
import { healthy } from '../../../../src/domain/account.ts'
import { type Facts, observe } from '../../../../src/domain/notifications/observe.ts'
import type { RuleCondition } from '../../../../src/domain/notifications/rule.ts'
import type { PoolWindow } from '../../../../src/domain/pool-windows.ts'
import { hourMs } from '../../../../src/domain/quota.ts'
import { aBlock, anAccount, nowMs } from '../../../support/accounts.ts'

const nothing: Facts = {
  ...{ accounts: [], windows: [], keyLimits: null, egress: null, running: '1.0.0' },
  requests: () => ({ requests: 0, failed: 0, isWhole: true }),
  latestVersion: () => null,
}
const phases = (rule: RuleCondition, facts: Partial<Facts>) =>
  observe(rule, { ...nothing, ...facts }, nowMs)?.map(({ subject, phase }) => `${subject} ${phase}`) ?? null

describe('the pool', () => {
  const left = (leftPercent: number): PoolWindow[] => [
    { kind: 'weekly', usedPercent: 100 - leftPercent, lengthMs: 1, resetAtMs: null, accounts: 1 },
  ]
  const below = (percent: number) => ({ kind: 'pool_below', parameters: { window: 'weekly', percent } }) as const

  it.each([
    [14.9, 'on'],
    [15, 'between'],
    [17.9, 'between'],
    [18, 'off'],
    [100, 'off'],
  ])('with %d %% left is %s for a rule of 15 %%', (leftPercent, phase) => {
    expect(phases(below(15), { windows: left(leftPercent) })).toEqual([`weekly ${phase}`])
  })

  it('can come back whatever the bound', () => {
    for (const percent of [1, 50, 98, 99])
      expect(phases(below(percent), { windows: left(100) })).toEqual(['weekly off'])
  })

  it('of which nothing is known is neither', () => {
    expect(phases(below(15), {})).toBeNull()
    expect(phases({ kind: 'pool_out', parameters: {} }, {})).toBeNull()
  })

  it('is out when each account that is not paused is used up or signed out, and not while one only rests', () => {
    const out = (...accounts: Facts['accounts']) => phases({ kind: 'pool_out', parameters: {} }, { accounts })
    const fit = anAccount('a')
    const used = anAccount('b', { health: { ...healthy, blocks: [aBlock('window')] } })
    const gone = anAccount('c', { health: { ...healthy, signIn: 'reauth_required' } })
    const resting = anAccount('d', { health: { ...healthy, blocks: [aBlock('errors'), aBlock('burst')] } })
    const paused = anAccount('e', { health: { ...healthy, paused: true } })
    const over = anAccount('f', { health: { ...healthy, blocks: [aBlock('window', { untilMs: nowMs })] } })
    const ofMeter = anAccount('g', { health: { ...healthy, blocks: [aBlock('window', { meter: 'spark' })] } })
    expect(out(used, gone, paused)).toEqual(['pool on'])
    for (const one of [fit, resting, over, ofMeter]) expect(out(used, gone, paused, one)).toEqual(['pool off'])
    expect(out(paused)).toBeNull()
    const [seen] = observe({ kind: 'pool_out', parameters: {} }, { ...nothing, accounts: [used, gone] }, nowMs) ?? []
    expect(seen?.about).toMatchObject({
      accounts: 2,
      serving: 0,
      usedUp: 1,
      signedOut: 1,
      nextAtMs: nowMs + 10 * 60_000,
    })
  })
})

it('accounts are told apart by what became of their sign-in', () => {
  const accounts = [
    anAccount('a'),
    anAccount('b', { health: { ...healthy, signIn: 'reauth_required' } }),
    anAccount('c', { health: { ...healthy, signIn: 'deactivated', paused: true } }),
  ]
  expect(phases({ kind: 'account_reauth', parameters: {} }, { accounts })).toEqual(['a off', 'b on', 'c off'])
  expect(phases({ kind: 'account_closed', parameters: {} }, { accounts })).toEqual(['a off', 'b off', 'c on'])
})

it('requests count only when there are enough, and enough time was watched', () => {
  const rule = { kind: 'error_rate', parameters: { percent: 20, minutes: 5, leastRequests: 10 } } as const
  const seen = (requests: number, failed: number, isWhole = true) =>
    phases(rule, { requests: (minutes) => ({ requests: minutes === 5 ? requests : 0, failed, isWhole }) })
  expect(seen(10, 2)).toEqual(['pool between'])
  expect(seen(10, 3)).toEqual(['pool on'])
  expect(seen(20, 3)).toEqual(['pool off'])
  expect(seen(9, 9)).toEqual(['pool off'])
  expect(seen(0, 0)).toEqual(['pool off'])
  expect(seen(9, 9, false)).toBeNull()
  expect(seen(10, 3, false)).toEqual(['pool on'])
})

it('limits of keys are on from their share, and off some way below it', () => {
  const fact = (limitId: string, usedPercent: number) => ({
    ...{ keyId: 'k', keyName: 'Ann', limitId, limit: '4 requests per day', usedPercent, resetAtMs: nowMs + hourMs },
  })
  const keyLimits = [fact('1', 80), fact('2', 79.9), fact('3', 76.9), fact('4', 140)]
  const rule = { kind: 'key_limit', parameters: { percent: 80 } } as const
  expect(phases(rule, { keyLimits })).toEqual(['k:1 on', 'k:2 between', 'k:3 off', 'k:4 on'])
  expect(phases(rule, {})).toBeNull()
})

it('ways out are down when they are known to be', () => {
  const egress = [true, false, null].map((isUp) => ({ id: String(isUp), name: 'x', isUp, reason: null }))
  expect(phases({ kind: 'egress_down', parameters: {} }, { egress })).toEqual(['true off', 'false on', 'null between'])
  expect(phases({ kind: 'egress_down', parameters: {} }, {})).toBeNull()
})

it('a version is news when it is later than this one', () => {
  const rule = { kind: 'new_version', parameters: { url: 'https://x.example', allowPrivateAddress: false } } as const
  const of = (version: string | null) => phases(rule, { latestVersion: () => version })
  expect([of('1.0.1'), of('1.0.0'), of('0.9.9'), of(null)]).toEqual([['1.0.1 on'], ['1.0.0 off'], ['0.9.9 off'], null])
})
