import type { Accuracies } from '../balancer/forecast/backtest.ts'
import type { Range } from '../balancer/forecast/range.ts'
import type { RunsOut } from '../balancer/forecast/window.ts'
import type { ForecastOfAccount, ForecastOfPool, ForecastOfWindow } from '../balancer/forecast.ts'
import type { Forecast, PoolForecastView, WindowForecastView } from '../contract/forecast.ts'
import { hourMs } from '../domain/quota.ts'
import { iso } from './account-views.ts'

/** A forecast as people see it. */
export function forecastView(
  pool: ForecastOfPool,
  accounts: readonly ForecastOfAccount[],
  accuracy: Accuracies,
  nowMs: number,
): Forecast {
  return {
    generatedAt: iso(nowMs),
    pool: poolView(pool),
    accounts: accounts.map(({ id, serves, windows }) => ({ accountId: id, serves, windows: windows.map(windowView) })),
    accuracy: { short: accuracyView(accuracy.short), long: accuracyView(accuracy.long) },
  }
}

function windowView(window: ForecastOfWindow): WindowForecastView {
  const { kind, usedPercent, resetAtMs, lengthMs, pace, basis, forecast, unknown } = window
  return {
    kind,
    usedPercent,
    resetAt: isoOrNull(resetAtMs),
    burnPercentPerHour: rounded(pace.perHour),
    latestBurnPercentPerHour: rounded(pace.latestPerHour),
    burnPercentPerWindow: rounded(pace.perHour === null ? null : (pace.perHour * lengthMs) / hourMs),
    runsOutAt: forecast && moments(forecast.runsOutAtMs),
    runsOutProbabilityPercent: forecast && hundredths(forecast.runsOutProbability * 100),
    endsAtPercent: forecast && percents(forecast.endsAtPercent),
    basis,
    unknown,
  }
}

function poolView({ accounts, withoutFigures, pace, basis, forecast, unknown }: ForecastOfPool): PoolForecastView {
  return {
    accounts,
    accountsWithoutFigures: withoutFigures,
    creditsPerHour: rounded(pace.perHour),
    latestCreditsPerHour: rounded(pace.latestPerHour),
    runsOutAt: forecast && moments(forecast.runsOutAtMs),
    runsOutProbabilityPercent: forecast && hundredths(forecast.runsOutProbability * 100),
    capacityReturnsAt: isoOrNull(forecast?.returnsAtMs ?? null),
    horizonEndsAt: isoOrNull(forecast?.horizonEndsAtMs ?? null),
    basis,
    unknown,
    series: (forecast?.series ?? []).map(({ atMs, short, long }) => ({
      t: iso(atMs),
      short: short && percents(short),
      long: long && percents(long),
    })),
  }
}

function accuracyView(accuracy: Accuracies['short']): Forecast['accuracy']['short'] {
  if (accuracy === null) return null
  const { meanErrorPercent, withinRangePercent } = accuracy
  return {
    ...accuracy,
    meanErrorPercent: hundredths(meanErrorPercent),
    withinRangePercent: hundredths(withinRangePercent),
  }
}

function moments({ p10, p50, p90 }: RunsOut) {
  return { p10: isoOrNull(p10), p50: isoOrNull(p50), p90: isoOrNull(p90) }
}

function percents({ p10, p50, p90 }: Range): Range {
  return { p10: hundredths(p10), p50: hundredths(p50), p90: hundredths(p90) }
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : iso(atMs)
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}

/** Paces may be small: a tenth of a percent an hour empties a week. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10_000) / 10_000
}
