import { z } from 'zod'
import { windowKinds } from '../domain/quota.ts'
import { id, moment, percent } from './common.ts'

/** The middle, and the ends of the range in which four of five futures lie. */
const PercentRange = z.object({ p10: percent, p50: percent, p90: percent })
/** The earliest first; null: by then it has not run out before its reset (for the pool: within the horizon). */
const RunsOutAt = z.object({ p10: moment.nullable(), p50: moment.nullable(), p90: moment.nullable() })

/**
 * What a forecast rests on: a week or more of history, so that each hour of the day counts by itself; at least six hours;
 * less, so that the range is wide; or nothing.
 */
const basis = z.enum(['daily_pattern', 'recent', 'little', 'none'])
/** Why there is no forecast: the account does not serve, nothing is known of its past, of its present, or there is no account. */
const unknown = z.enum(['not_serving', 'no_history', 'no_figures', 'no_account']).nullable()

const WindowForecastView = z.object({
  kind: z.enum(windowKinds),
  usedPercent: percent,
  /** Null: not known, or the window begins with its next use. */
  resetAt: moment.nullable(),
  /** Percent points per hour over the last four weeks, newer hours counting more. */
  burnPercentPerHour: z.number().min(0).nullable(),
  /** The same over the last three finished hours. */
  latestBurnPercentPerHour: z.number().min(0).nullable(),
  /** Percent points per length of the window at the long-run pace; above 100 it does not last. */
  burnPercentPerWindow: z.number().min(0).nullable(),
  runsOutAt: RunsOutAt.nullable(),
  /** The chance in percent that it runs out before its reset; where that is not known, within its length from now. */
  runsOutProbabilityPercent: percent.nullable(),
  /** How much will be used at the reset. */
  endsAtPercent: PercentRange.nullable(),
  basis,
  unknown,
})
export type WindowForecastView = z.infer<typeof WindowForecastView>

const PoolForecastView = z.object({
  /** Accounts that may serve; those without any figures are left out of the forecast. */
  accounts: z.int(),
  accountsWithoutFigures: z.int(),
  /** Nominal credits of the plans. */
  creditsPerHour: z.number().min(0).nullable(),
  latestCreditsPerHour: z.number().min(0).nullable(),
  /** When no account can serve. */
  runsOutAt: RunsOutAt.nullable(),
  runsOutProbabilityPercent: percent.nullable(),
  /** When the first account can serve again after that; null: the pool does not run out, or nobody knows. */
  capacityReturnsAt: moment.nullable(),
  horizonEndsAt: moment.nullable(),
  basis,
  unknown,
  /** Left of all five-hour windows and of all weekly or monthly ones, in percent of their size; hourly, after two days every six hours. */
  series: z.array(z.object({ t: moment, short: PercentRange.nullable(), long: PercentRange.nullable() })),
})
export type PoolForecastView = z.infer<typeof PoolForecastView>

/** How forecasts of used percent, made so many hours before, did in the last two weeks. */
const AccuracyView = z.object({
  horizonHours: z.int(),
  checks: z.int(),
  /** How far the middle was off on average, in percent points. */
  meanErrorPercent: z.number().min(0),
  /** How many true figures lay within the range: near 80 when the range is honest. */
  withinRangePercent: percent,
})

export const Forecast = z.object({
  generatedAt: moment,
  pool: PoolForecastView,
  accounts: z.array(z.object({ accountId: id, serves: z.boolean(), windows: z.array(WindowForecastView) })),
  /** Null: too few checks yet. */
  accuracy: z.object({ short: AccuracyView.nullable(), long: AccuracyView.nullable() }),
})
export type Forecast = z.infer<typeof Forecast>
