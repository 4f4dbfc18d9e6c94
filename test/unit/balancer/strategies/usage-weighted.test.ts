import { describe, expect, it } from 'vitest'
import type { Account } from '../../../../src/domain/account.ts'
import { anAccount, aWindow, nowMs } from '../../../support/accounts.ts'
import { figures, order, partsOf } from '../../../support/strategies.ts'

describe('usage_weighted', () => {
  it.each<[string, Account[], string]>([
    [
      'prefers most room in the tightest window',
      [figures('a', 50, 10), figures('b', 20, 40), figures('c', 0, 60)],
      'b a c',
    ],
    ['then most room in the long window', [figures('a', 40, 30), figures('b', 40, 10)], 'b a'],
    ['sees an account without figures as empty', [figures('a', 1, 1), anAccount('b')], 'b a'],
    ['counts requests in flight', [figures('a', 10, 0, { inFlight: 9 }), figures('b', 15, 0)], 'b a'],
    ['counts what no figure shows yet', [figures('a', 10, 0, { unseenTokens: 500_000 }), figures('b', 15, 0)], 'b a'],
    [
      'lets equals take turns',
      [figures('a', 5, 5, { lastChosenAtMs: 2 }), figures('b', 5, 5, { lastChosenAtMs: 1 })],
      'b a',
    ],
    [
      'sees an ended window as empty',
      [anAccount('a', { windows: [aWindow('short', 90, { resetAtMs: nowMs - 1 })] }), figures('b', 2, 2)],
      'a b',
    ],
    ['takes what has least room before nobody', [figures('a', 100, 0)], 'a'],
  ])('%s', (_rule, pool, expected) => expect(order('usage_weighted', pool)).toBe(expected))

  it('tells both figures', () => {
    expect(partsOf('a', 'usage_weighted', [figures('a', 50, 10)])).toEqual({ tightestPercent: 50, longPercent: 10 })
  })
})
