import { describe, expect, it } from 'vitest'
import { chanceOf } from '../../../src/balancer/chance.ts'
import { choose, type RoutingAsk } from '../../../src/balancer/choose.ts'
import { tightestPercent } from '../../../src/balancer/strategies.ts'
import type { Account } from '../../../src/domain/account.ts'
import type { StrategyName } from '../../../src/domain/settings.ts'
import { anAccount, aWindow, nowMs } from '../../support/accounts.ts'

const ask: RoutingAsk = {
  model: 'gpt-5',
  ownerId: null,
  preferredId: null,
  tried: new Set(),
  lacking: new Set(),
  seed: 'seed',
}
const over = { resetAtMs: nowMs - 1 }

function order(strategy: StrategyName, pool: Account[], seed = 'seed'): string {
  const { ranked } = choose(pool, { ...ask, seed }, { strategy }, nowMs)
  return ranked.map(({ accountId }) => accountId).join(' ')
}

/** Figures of an account: short window, weekly window. */
const figures = (id: string, short: number | null, weekly: number | null, given: Partial<Account> = {}) =>
  anAccount(id, {
    windows: [
      ...(short === null ? [] : [aWindow('short', short)]),
      ...(weekly === null ? [] : [aWindow('weekly', weekly)]),
    ],
    ...given,
  })

describe('the tightest window', () => {
  it.each<[string, Account, number]>([
    ['is unused without figures', anAccount('a'), 0],
    ['is the fullest one', figures('a', 10, 60), 60],
    ['counts each request in flight', figures('a', 10, 60, { inFlight: 4 }), 70],
    ['is never fuller than full', figures('a', 99, 0, { inFlight: 40 }), 100],
    ['is not one that has ended', anAccount('a', { windows: [aWindow('short', 90, over), aWindow('weekly', 5)] }), 5],
  ])('%s', (_rule, account, percent) => expect(tightestPercent(account, nowMs)).toBe(percent))
})

describe('least_used', () => {
  it.each<[string, Account[], string]>([
    [
      'prefers most room in the tightest window',
      [figures('a', 50, 10), figures('b', 20, 40), figures('c', 0, 60)],
      'b a c',
    ],
    ['sees an account without figures as empty', [figures('a', 1, 1), anAccount('b')], 'b a'],
    ['counts requests in flight', [figures('a', 10, 0, { inFlight: 3 }), figures('b', 15, 0)], 'b a'],
    [
      'lets equals take turns',
      [figures('a', 5, 5, { lastChosenAtMs: 2 }), figures('b', 5, 5, { lastChosenAtMs: 1 })],
      'b a',
    ],
    [
      'sees an ended window as empty',
      [anAccount('a', { windows: [aWindow('short', 90, over)] }), figures('b', 2, 2)],
      'a b',
    ],
  ])('%s', (_rule, pool, expected) => expect(order('least_used', pool)).toBe(expected))
})

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
      const { accountId } = choose(pool, ask, { strategy: 'fill_first' }, nowMs)
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
})

describe('round_robin', () => {
  it('takes turns, whatever is used', () => {
    let pool = [figures('a', 90, 0), figures('b', 0, 0), figures('c', 40, 40)]
    const served: string[] = []
    for (let turn = 1; turn <= 9; turn++) {
      const { accountId } = choose(pool, ask, { strategy: 'round_robin' }, nowMs)
      served.push(accountId ?? '')
      pool = pool.map((account) => (account.id === accountId ? { ...account, lastChosenAtMs: turn } : account))
    }
    expect(served.join('')).toBe('abcabcabc')
  })
})

describe('capacity_weighted', () => {
  const draws = 10_000
  const shares = (pool: Account[]) => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < draws; seed++) {
      const first = order('capacity_weighted', pool, `req_${seed}`).split(' ')[0] ?? ''
      counts.set(first, (counts.get(first) ?? 0) + 1)
    }
    return pool.map(({ id }) => (counts.get(id) ?? 0) / draws)
  }
  const free = (id: string, used: number) => anAccount(id, { plan: 'free', windows: [aWindow('monthly', used)] })

  it.each<[string, Account[], number[]]>([
    ['equals get equal shares', [anAccount('a'), anAccount('b'), anAccount('c'), anAccount('d')], [1, 1, 1, 1]],
    ['what is left of the week counts', [figures('a', 0, 0), figures('b', 0, 50), figures('c', 0, 80)], [10, 5, 2]],
    ['a larger plan gets more', [anAccount('a', { plan: 'pro' }), anAccount('b', { plan: 'plus' })], [50_400, 7_560]],
    ['a monthly plan counts by its month', [free('a', 0), free('b', 75)], [4, 1]],
    ['a short window that is nearly used up fades out', [figures('a', 90, 0), figures('b', 50, 0)], [0.4, 1]],
    ['requests in flight count', [figures('a', 0, 50, { inFlight: 10 }), figures('b', 0, 50)], [25, 50]],
  ])('%s', (_rule, pool, weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const seen = shares(pool)
    for (const [at, weight] of weights.entries()) {
      expect(Math.abs((seen[at] ?? 0) - weight / total), `share of account ${at}: ${seen}`).toBeLessThan(0.02)
    }
  })

  it('gives a used-up account nothing while another one has anything', () => {
    expect(shares([figures('a', 0, 100), figures('b', 0, 94)])).toEqual([0, 1])
  })
})

describe('chance', () => {
  it('is the same for the same texts, and another for others', () => {
    expect(chanceOf('seed', 'a')).toBe(chanceOf('seed', 'a'))
    const pairs = [
      ['seed', 'a'],
      ['seed', 'b'],
      ['seeda', ''],
      ['see', 'da'],
      ['', 'seeda'],
    ] as const
    expect(new Set(pairs.map(([seed, id]) => chanceOf(seed, id))).size).toBe(pairs.length)
  })

  it.each<[string, (n: number) => [string, string]]>([
    ['request ids that count up', (n) => [`req_${n}:0`, 'acc_1']],
    ['account ids that count up', (n) => ['req_1:0', `acc_${n}`]],
  ])('is even over %s', (_kind, textsOf) => {
    const cells = new Array<number>(20).fill(0)
    for (let n = 0; n < 20_000; n++) {
      const chance = chanceOf(...textsOf(n))
      expect(chance > 0 && chance < 1).toBe(true)
      const cell = Math.floor(chance * 20)
      cells[cell] = (cells[cell] ?? 0) + 1
    }
    // Chi-squared with 19 degrees of freedom: above 50 about once in 10,000 honest series.
    expect(cells.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0)).toBeLessThan(50)
  })

  it('of one account says nothing about that of another', () => {
    let both = 0
    for (let n = 0; n < 10_000; n++) if (chanceOf(`r${n}`, 'a') < 0.5 && chanceOf(`r${n}`, 'b') < 0.5) both++
    expect(Math.abs(both - 2_500)).toBeLessThan(200)
  })
})
