import { describe, expect, it } from 'vitest'
import { choose } from '../../../../src/balancer/choose.ts'
import type { Account } from '../../../../src/domain/account.ts'
import { anAccount, anAsk, aWindow, nowMs, withSettings } from '../../../support/accounts.ts'
import { figures, order, partsOf } from '../../../support/strategies.ts'

describe('fill_first', () => {
  const monthly = (id: string, used: number) => anAccount(id, { plan: 'free', windows: [aWindow('monthly', used)] })
  it.each<[string, Account[], string]>([
    ['takes the fullest short window', [figures('a', 10, 80), figures('b', 60, 10), figures('c', 30, 90)], 'b c a'],
    ['then the fullest long one', [figures('a', 10, 20), figures('b', 10, 80)], 'b a'],
    [
      'stays where a request is on its way',
      [figures('a', 10, 0), figures('b', 10, 0, { inFlight: 1, lastChosenAtMs: 9 })],
      'b a',
    ],
    ['moves on before the account is empty', [figures('a', 96, 0), figures('b', 10, 0)], 'b a'],
    ['and comes back to it when the others are emptier still', [figures('a', 96, 0), figures('b', 100, 0)], 'a b'],
    ['knows accounts with a monthly window only', [monthly('a', 10), monthly('b', 40), monthly('c', 20)], 'b c a'],
  ])('%s', (_rule, pool, expected) => expect(order('fill_first', pool)).toBe(expected))

  it('empties one account before it touches the next', () => {
    let pool = [figures('a', 0, 0), figures('b', 0.5, 0), figures('c', 0, 0)]
    const served: string[] = []
    for (let turn = 0; turn < 60; turn++) {
      const { accountId } = choose(pool, anAsk(), withSettings({ strategy: 'fill_first' }), nowMs)
      served.push(accountId ?? '')
      pool = pool.map((account) => {
        if (account.id !== accountId) return account
        return figures(account.id, (account.windows[0]?.usedPercent ?? 0) + 5, 0, { lastChosenAtMs: turn + 1 })
      })
    }
    const runs = served.filter((id, at) => id !== served[at - 1])
    expect(runs.slice(0, 3).toSorted()).toEqual(['a', 'b', 'c'])
    expect(runs[0]).toBe('b')
    expect(served.slice(0, 19)).toEqual(Array(19).fill('b'))
  })

  it('tells both figures', () => {
    expect(partsOf('a', 'fill_first', [figures('a', 50, 10)])).toEqual({ shortPercent: 50, longPercent: 10 })
  })
})
