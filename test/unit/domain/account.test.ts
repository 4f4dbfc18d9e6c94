import { describe, expect, it } from 'vitest'
import { activeBlock, type Health, healthy, type Status, statuses, statusOf } from '../../../src/domain/account.ts'
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
