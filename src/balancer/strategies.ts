import type { Account } from '../domain/account.ts'
import { capacityOf, usedNow, type WindowKind } from '../domain/quota.ts'
import type { StrategyName } from '../domain/settings.ts'
import { chanceOf } from './chance.ts'

/** A request in flight has not reached the usage figures yet; until it does it counts as this many percent. */
const pressurePercent = 2.5

/** What ranking may look at beside the account. `seed` makes chance repeatable. */
type RankContext = { nowMs: number; seed: string }

/** A way to rank accounts that may all serve. The higher rank wins; equal ranks fall to the longest unused. */
export type Strategy = { rank: (account: Account, context: RankContext) => number }

export const strategies: Record<StrategyName, Strategy> = {
  /** Spread by what is left: an account with ten times the quota gets ten times the requests. */
  capacity_weighted: {
    rank(account, { nowMs, seed }) {
      // Weighted sampling by keys (Efraimidis and Spirakis): the largest log(chance) / weight wins.
      return Math.log(chanceOf(seed, account.id)) / Math.max(leftCredits(account, nowMs), 1e-6)
    },
  },
  /** Take turns. */
  round_robin: { rank: () => 0 },
  /** Empty one account before touching the next: the fullest short window first, then the fullest long one. */
  fill_first: {
    rank: (account, { nowMs }) =>
      usedPercent(account, 'short', nowMs) + usedPercent(account, longWindow(account), nowMs) / 1_000,
  },
  /** The account whose tightest window has most room. */
  least_used: { rank: (account, { nowMs }) => -tightestPercent(account, nowMs) },
}

/** Used percent of the fullest window, with requests in flight counted in. */
export function tightestPercent(account: Account, nowMs: number): number {
  let fullest = 0
  for (const window of account.windows) fullest = Math.max(fullest, usedNow(window, nowMs))
  return Math.min(100, fullest + account.inFlight * pressurePercent)
}

function usedPercent(account: Account, kind: WindowKind, nowMs: number): number {
  const window = account.windows.find((one) => one.kind === kind)
  return window ? Math.min(100, usedNow(window, nowMs) + account.inFlight * pressurePercent) : 0
}

function longWindow({ windows }: Account): WindowKind {
  return windows.some((window) => window.kind === 'monthly') ? 'monthly' : 'weekly'
}

/** Credits left in the long window, fading out as the short window nears its end. */
function leftCredits(account: Account, nowMs: number): number {
  const capacity = capacityOf(account.plan)
  const long = longWindow(account)
  const size = capacity[long] ?? capacity.weekly ?? 1
  const longLeft = 1 - usedPercent(account, long, nowMs) / 100
  const shortLeft = 1 - usedPercent(account, 'short', nowMs) / 100
  return size * longLeft * Math.min(1, shortLeft * 4)
}
