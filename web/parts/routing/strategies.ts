import type { SettingsView } from '../../../src/contract/settings.ts'

type Strategy = SettingsView['strategy']

/** In the order in which they are offered, the default first. */
export const strategies: readonly Strategy[] = [
  'cache_value',
  'capacity_weighted',
  'relative_availability',
  'usage_weighted',
  'round_robin',
  'fill_first',
  'sequential_drain',
  'reset_drain',
  'single_account',
]

const plainStrategies: readonly Strategy[] = ['sequential_drain', 'reset_drain', 'single_account']

/** False: the strategy asks for its own order alone, not for policies, priorities and the like. */
export function hasTiers(strategy: Strategy): boolean {
  return !plainStrategies.includes(strategy)
}
