import { describe, expect, it } from 'vitest'
import { choose } from '../../../../src/balancer/choose.ts'
import { anAsk, nowMs, withSettings } from '../../../support/accounts.ts'
import { figures, order, partsOf } from '../../../support/strategies.ts'

describe('round_robin', () => {
  it('takes turns, whatever is used', () => {
    let pool = [figures('a', 90, 0), figures('b', 0, 0), figures('c', 40, 40)]
    const served: string[] = []
    for (let turn = 1; turn <= 9; turn++) {
      const { accountId } = choose(pool, anAsk(), withSettings({ strategy: 'round_robin' }), nowMs)
      served.push(accountId ?? '')
      pool = pool.map((account) => (account.id === accountId ? { ...account, lastChosenAtMs: turn } : account))
    }
    expect(served.join('')).toBe('abcabcabc')
  })

  it('passes by those near their edge while others have room', () => {
    expect(order('round_robin', [figures('a', 96, 0), figures('b', 0, 99), figures('c', 0, 0)])).toBe('c a b')
  })

  it('tells when each had its turn', () => {
    expect(partsOf('a', 'round_robin', [figures('a', 0, 0, { lastChosenAtMs: 7.001 })])).toEqual({ lastChosenAtMs: 7 })
  })
})
