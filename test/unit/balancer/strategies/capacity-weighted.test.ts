import { describe, expect, it } from 'vitest'
import type { Account } from '../../../../src/domain/account.ts'
import { anAccount, aWindow } from '../../../support/accounts.ts'
import { distance, figures, partsOf, shares } from '../../../support/strategies.ts'

describe('capacity_weighted', () => {
  const free = (id: string, used: number) => anAccount(id, { plan: 'free', windows: [aWindow('monthly', used)] })

  it.each<[string, Account[], number[]]>([
    ['equals get equal shares', [anAccount('a'), anAccount('b'), anAccount('c'), anAccount('d')], [1, 1, 1, 1]],
    ['what is left of the week counts', [figures('a', 0, 0), figures('b', 0, 50), figures('c', 0, 80)], [10, 5, 2]],
    ['a larger plan gets more', [anAccount('a', { plan: 'pro' }), anAccount('b', { plan: 'plus' })], [50_400, 7_560]],
    ['a monthly plan counts by its month', [free('a', 0), free('b', 75)], [4, 1]],
    ['a short window that is nearly used up fades out', [figures('a', 90, 0), figures('b', 50, 0)], [0.4, 1]],
    [
      'what no figure shows yet counts',
      // A quarter of the week, as long as nothing is learned of what a token takes.
      [figures('a', null, 50, { unseenTokens: 7_560 * 20_000 * 0.25 }), figures('b', null, 50)],
      [25 * 0.004, 50],
    ],
  ])('%s', (_rule, pool, weights) => {
    const seen = shares('capacity_weighted', pool)
    expect(distance(seen, weights), `${seen}`).toBeLessThan(0.02)
  })

  it('gives a used-up account nothing while another one has anything', () => {
    expect(shares('capacity_weighted', [figures('a', 0, 100), figures('b', 0, 94)])).toEqual([0, 1])
  })

  it('goes by the sizes that a person set', () => {
    const pool = [anAccount('a', { plan: 'pro' }), anAccount('b', { plan: 'plus' })]
    const planCapacities = { pro: { short: 1_500, weekly: 1_000, monthly: null } }
    const seen = shares('capacity_weighted', pool, { planCapacities })
    expect(distance(seen, [1_000, 7_560]), `${seen}`).toBeLessThan(0.02)
  })

  it('tells what is left, and how far the short window fades', () => {
    expect(partsOf('a', 'capacity_weighted', [figures('a', 90, 50)])).toEqual({
      leftCredits: 3_780,
      shortFade: expect.closeTo(0.4),
    })
  })
})
