import { choose } from '../../src/balancer/choose.ts'
import type { Account } from '../../src/domain/account.ts'
import type { Settings, StrategyName } from '../../src/domain/settings.ts'
import { anAccount, anAsk, aWindow, nowMs, withSettings } from './accounts.ts'

/** An account with figures: percent used of the short and the weekly window; null: no such window is known. */
export function figures(
  id: string,
  short: number | null,
  weekly: number | null,
  given: Partial<Account> = {},
): Account {
  const windows = [
    ...(short === null ? [] : [aWindow('short', short)]),
    ...(weekly === null ? [] : [aWindow('weekly', weekly)]),
  ]
  return anAccount(id, { windows, ...given })
}

/** The ids of those who may serve, the best first. */
export function order(strategy: StrategyName, pool: readonly Account[], given: Partial<Settings> = {}): string {
  const { ranked } = choose(pool, anAsk(), withSettings({ strategy, ...given }), nowMs)
  return ranked.map(({ accountId }) => accountId).join(' ')
}

/** The parts that the rank of one account was made of. */
export function partsOf(id: string, strategy: StrategyName, pool: readonly Account[], given: Partial<Settings> = {}) {
  const { ranked } = choose(pool, anAsk(), withSettings({ strategy, ...given }), nowMs)
  return ranked.find(({ accountId }) => accountId === id)?.parts
}

/** Which share of many requests each account gets, in the pool's order. Every request has its own seed, the same each run. */
export function shares(strategy: StrategyName, pool: readonly Account[], given: Partial<Settings> = {}): number[] {
  const draws = 10_000
  const settings = withSettings({ strategy, ...given })
  const counts = new Map<string | null, number>()
  for (let draw = 0; draw < draws; draw++) {
    const { accountId } = choose(pool, anAsk({ seed: `req_${draw}:0` }), settings, nowMs)
    counts.set(accountId, (counts.get(accountId) ?? 0) + 1)
  }
  return pool.map(({ id }) => (counts.get(id) ?? 0) / draws)
}

/** How far shares are from what the weights ask for, at most. */
export function distance(seen: readonly number[], weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return Math.max(...weights.map((weight, at) => Math.abs((seen[at] ?? 0) - weight / total)))
}
