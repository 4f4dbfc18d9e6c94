import { describe, expect, it } from 'vitest'
import { meteredStanding, standingOf } from '../../../src/balancer/standing.ts'
import type { Account } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { aMeter, anAccount, aWindow, nowMs, withSettings } from '../../support/accounts.ts'
import { figures } from '../../support/strategies.ts'

const settings = withSettings()
const over = { resetAtMs: nowMs - 1 }

describe('the tightest window', () => {
  it.each<[string, Account, number]>([
    ['is unused without figures', anAccount('a'), 0],
    ['is the fullest one', figures('a', 10, 60), 60],
    ['counts each request in flight, a hundredth of five hours', figures('a', 10, 0, { inFlight: 4 }), 14],
    ['counts less of it on a bigger plan', figures('a', 10, 0, { inFlight: 4, plan: 'prolite' }), 10.8],
    ['counts tokens that no figure shows', figures('a', 10, 0, { unseenTokens: 450_000 }), 20],
    ['is never full by what is not seen yet', figures('a', 99, 0, { inFlight: 40 }), 99.9],
    ['is full when its figures say so', figures('a', 100, 0), 100],
    ['is not one that has ended', anAccount('a', { windows: [aWindow('short', 90, over), aWindow('weekly', 5)] }), 5],
  ])('%s', (_rule, account, percent) => {
    expect(standingOf(account, settings, nowMs).tightestPercent).toBeCloseTo(percent)
  })
})

describe('how near its edge an account is', () => {
  it.each<[string, Account, 0 | 1 | 2]>([
    ['with room', figures('a', 94.9, 97.9), 0],
    ['near the end of five hours', figures('a', 95, 0), 1],
    ['near the end of the week', figures('a', 0, 98), 1],
    ['near it by its requests in flight', figures('a', 90, 0, { inFlight: 5 }), 1],
    ['used up', figures('a', 100, 0), 2],
    ['used up for the month', anAccount('a', { plan: 'free', windows: [aWindow('monthly', 100)] }), 2],
  ])('%s', (_how, account, edge) => expect(standingOf(account, settings, nowMs).edge).toBe(edge))

  it('goes by the edges that are set', () => {
    const tight = withSettings({ edgeShortPercent: 50, edgeLongPercent: 100 })
    expect(standingOf(figures('a', 50, 0), tight, nowMs).edge).toBe(1)
    expect(standingOf(figures('a', 49, 99.9), tight, nowMs).edge).toBe(0)
  })
})

describe('what is kept beside an account', () => {
  const account = figures('a', 60, 20)

  it('is worked out anew when a window has ended, or a setting is another', () => {
    expect(standingOf(account, settings, nowMs)).toBe(standingOf(account, settings, nowMs + hourMs - 1))
    expect(standingOf(account, settings, nowMs + hourMs)).toMatchObject({
      tightestPercent: 0,
      short: { resetAtMs: null },
    })
    expect(standingOf(account, withSettings({ edgeShortPercent: 10 }), nowMs).edge).toBe(1)
  })

  it('is not that of the same account as it is later', () => {
    expect(standingOf({ ...account, inFlight: 30 }, settings, nowMs).tightestPercent).toBe(90)
    expect(standingOf(account, settings, nowMs).tightestPercent).toBe(60)
  })
})

describe('a model with a meter of its own', () => {
  it('is judged by the meter alone', () => {
    const account = figures('a', 100, 100)
    expect(meteredStanding(account, aMeter('Spark', 30, 40), settings, nowMs)).toMatchObject({
      ...{ account, edge: 0, tightestPercent: 40, short: { usedPercent: 30 }, long: { usedPercent: 40 } },
    })
  })
})
