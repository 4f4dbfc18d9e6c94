import { describe, expect, it } from 'vitest'
import {
  activeBlock,
  type Health,
  healthy,
  limitingBlock,
  meterBlock,
  nonWindowBlock,
  type Status,
  statuses,
  statusOf,
} from '../../../src/domain/account.ts'
import { aBlock, nowMs } from '../../support/accounts.ts'

const over = { untilMs: nowMs }

describe('the status of an account', () => {
  const table: [string, Partial<Health>, Status][] = [
    ['nothing', {}, 'active'],
    ['failures that are not enough for a rest', { failures: 2 }, 'active'],
    ['a rest after failures', { blocks: [aBlock('errors')] }, 'active'],
    ['a burst', { blocks: [aBlock('burst')] }, 'rate_limited'],
    ['a used-up short window', { blocks: [aBlock('window', { window: 'short' })] }, 'rate_limited'],
    ['a used-up window that nobody named', { blocks: [aBlock('window')] }, 'rate_limited'],
    ['a used-up weekly window', { blocks: [aBlock('window', { window: 'weekly' })] }, 'quota_exceeded'],
    ['a used-up monthly window', { blocks: [aBlock('window', { window: 'monthly' })] }, 'quota_exceeded'],
    ['a plan without the right', { blocks: [aBlock('plan')] }, 'quota_exceeded'],
    [
      'a burst in a week that is used up',
      { blocks: [aBlock('burst'), aBlock('window', { window: 'weekly', untilMs: nowMs + 700_000 })] },
      'quota_exceeded',
    ],
    ['a limit of a model only', { blocks: [aBlock('window', { window: 'weekly', meter: 'spark' })] }, 'active'],
    [
      'a limit that ends before a rest does',
      { blocks: [aBlock('errors'), aBlock('window', { untilMs: nowMs + 5 })] },
      'rate_limited',
    ],
    ['a block that is over', { blocks: [aBlock('window', over)] }, 'active'],
    ['a pause', { paused: true }, 'paused'],
    ['a pause during a block', { paused: true, blocks: [aBlock('burst')] }, 'paused'],
    ['a lost sign-in', { signIn: 'reauth_required' }, 'reauth_required'],
    ['a lost sign-in during a pause', { signIn: 'reauth_required', paused: true }, 'reauth_required'],
    ['a closed account', { signIn: 'deactivated', blocks: [aBlock('plan')] }, 'deactivated'],
  ]
  it.each(table)('with %s is as people expect', (_what, given, status) => {
    expect(statusOf({ ...healthy, ...given }, nowMs)).toBe(status)
  })

  it('has a case here for every word there is', () => {
    expect(new Set(table.map(([, , status]) => status))).toEqual(new Set(statuses))
  })

  it('stops being blocked at the very end of its block', () => {
    const block = aBlock('burst', { untilMs: nowMs + 1 })
    expect(activeBlock({ ...healthy, blocks: [block] }, nowMs)).toBe(block)
    expect(activeBlock({ ...healthy, blocks: [block] }, nowMs + 1)).toBeNull()
    expect(activeBlock(healthy, nowMs)).toBeNull()
  })
})

describe('of several blocks', () => {
  const at = (ms: number) => ({ untilMs: nowMs + ms })
  const [burst, week, rest] = [aBlock('burst', at(5)), aBlock('window', at(9)), aBlock('errors', at(12))]
  const spark = aBlock('window', { ...at(20), meter: 'spark' })
  const health = { ...healthy, blocks: [spark, burst, rest, week] }

  it('the one that ends last counts, and those of a model for that model only', () => {
    expect(activeBlock(health, nowMs)).toBe(rest)
    expect(limitingBlock(health, nowMs)).toBe(week)
    expect(nonWindowBlock({ ...health, blocks: [burst, week, spark] }, nowMs)).toBe(burst)
    expect(meterBlock(health, 'spark', nowMs)).toBe(spark)
    expect(meterBlock(health, 'other', nowMs)).toBeNull()
  })

  it('none counts beyond its end', () => {
    expect(activeBlock(health, nowMs + 12)).toBeNull()
    expect(limitingBlock(health, nowMs + 9)).toBeNull()
    expect(nonWindowBlock(health, nowMs + 12)).toBeNull()
    expect(meterBlock(health, 'spark', nowMs + 20)).toBeNull()
  })
})
