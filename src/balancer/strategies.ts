import type { StrategyName } from '../domain/settings.ts'
import { cacheValue } from './strategies/cache-value.ts'
import { capacityWeighted } from './strategies/capacity-weighted.ts'
import { fillFirst } from './strategies/fill-first.ts'
import { relativeAvailability } from './strategies/relative-availability.ts'
import { resetDrain } from './strategies/reset-drain.ts'
import { roundRobin } from './strategies/round-robin.ts'
import { sequentialDrain } from './strategies/sequential-drain.ts'
import { singleAccount } from './strategies/single-account.ts'
import type { Strategy } from './strategies/strategy.ts'
import { usageWeighted } from './strategies/usage-weighted.ts'

/** Every way to rank accounts, by the name that settings give it. */
export const strategies: Record<StrategyName, Strategy> = {
  cache_value: cacheValue,
  capacity_weighted: capacityWeighted,
  relative_availability: relativeAvailability,
  usage_weighted: usageWeighted,
  round_robin: roundRobin,
  fill_first: fillFirst,
  sequential_drain: sequentialDrain,
  reset_drain: resetDrain,
  single_account: singleAccount,
}
