import { type ReplayReport, replay } from '../../src/balancer/replay.ts'
import { defaultSettings, type StrategyName } from '../../src/domain/settings.ts'
import { blipShare, faultsOf, poolOf } from './pools.ts'
import { trafficOf } from './traffic.ts'

/** What every strategy made of the same traffic on the same pool; sums over several months with other seeds. */
export type Months = {
  size: number
  days: number
  seeds: number
  turns: number
  rows: { strategy: StrategyName; report: ReplayReport }[]
}

/**
 * Small pools see few people, and one of them may decide the month: several months are played. The load is a share of
 * what the long windows hold; one or two accounts have to bear a person's whole peak.
 */
const plans: Record<number, { seeds: number; load: number }> = {
  2: { seeds: 12, load: 0.5 },
  5: { seeds: 8, load: 0.65 },
  20: { seeds: 3, load: 0.78 },
  200: { seeds: 1, load: 0.8 },
}
export const monthsSizes = Object.keys(plans).map(Number)

export type MonthsAsk = {
  size: number
  strategies: readonly StrategyName[]
  seed: number
  days: number
  most: number | null
}

export function measureMonths({ size, strategies, seed, days, most }: MonthsAsk): Months {
  const { seeds: planned, load } = plans[size] ?? { seeds: 1, load: 0.7 }
  const seeds = Math.min(planned, most ?? planned)
  const months = Array.from({ length: seeds }, (_, at) => {
    const pool = poolOf(size)
    const wanted = ((pool.longTokensPerWeek * days) / 7) * load
    return {
      ...{ accounts: pool.accounts, upstream: pool.upstream },
      arrivals: trafficOf(seed + at, days, wanted).arrivals,
      faults: faultsOf(seed + at, pool, days),
    }
  })
  const rows = strategies.map((strategy) => {
    const settings = { ...defaultSettings, strategy, singleAccountId: months[0]?.accounts[0]?.id ?? null }
    const reports = months.map((month) => replay({ ...month, settings, rules: { blipShare } }))
    return { strategy, report: summed(reports) }
  })
  return { size, days, seeds, turns: months.reduce((sum, { arrivals }) => sum + arrivals.length, 0), rows }
}

/** Counts are added up; shares are averaged, and of longest times the longest is kept. */
function summed(reports: readonly ReplayReport[]): ReplayReport {
  const [first, ...others] = reports
  if (first === undefined) throw new Error('There is nothing to sum up.')
  const total = { ...first }
  for (const report of others) {
    for (const key of Object.keys(total) as (keyof ReplayReport)[]) {
      if (key === 'faults') total.faults = [...total.faults, ...report.faults]
      else total[key] = key === 'longestFailoverMs' ? Math.max(total[key], report[key]) : total[key] + report[key]
    }
  }
  total.expiredUnusedPercent /= reports.length
  total.spreadPercent /= reports.length
  return total
}
