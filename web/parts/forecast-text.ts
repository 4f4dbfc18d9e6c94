import type { PoolForecastView, WindowForecastView } from '../../src/contract/forecast.ts'
import { duration, percent, when } from '../format.ts'
import { t } from '../messages/index.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** Further away than this only hours count. */
const farMs = 6 * hourMs

/** Until when the pool lasts, as the page's answer; null where nobody knows. */
export function roomSentence(pool: PoolForecastView, nowMs: number): string | null {
  const { runsOutAt, horizonEndsAt } = pool
  if (pool.unknown !== null || runsOutAt === null || horizonEndsAt === null) return null
  const { p10, p50 } = runsOutAt
  if (p50 !== null) return t('forecast.room', { wait: roughly(Date.parse(p50) - nowMs) })
  const time = when(horizonEndsAt, nowMs)
  return t(p10 === null ? 'forecast.lasts' : 'forecast.probably', { time })
}

/** The range in which four of five futures lie. */
export function rangeText(
  { p10, p90 }: NonNullable<PoolForecastView['runsOutAt']>,
  end: string,
  nowMs: number,
): string {
  if (p10 === null) return t('forecast.never', { time: end })
  const from = when(p10, nowMs)
  return p90 === null ? t('forecast.from', { from }) : t('forecast.between', { from, to: when(p90, nowMs) })
}

/** Whether one window of an account lasts until its reset; null where nobody knows. */
export function windowText(window: WindowForecastView, nowMs: number): string | null {
  const { runsOutAt, unknown, endsAtPercent, runsOutProbabilityPercent, resetAt } = window
  if (unknown !== null || runsOutAt === null) return null
  const range = rangeText(runsOutAt, resetAt === null ? '' : when(resetAt, nowMs), nowMs)
  if (runsOutAt.p50 !== null) return t('forecast.window.runsOut', { time: when(runsOutAt.p50, nowMs), range })
  if (runsOutAt.p10 !== null) {
    return t('forecast.window.maybe', { range, percent: percent(runsOutProbabilityPercent ?? 0) })
  }
  if (endsAtPercent === null) return t('forecast.window.lastsNoEnd')
  return t('forecast.window.lasts', { percent: percent(100 - endsAtPercent.p50) })
}

function roughly(ms: number): string {
  const step = ms > farMs ? hourMs : 5 * minuteMs
  return duration(Math.max(minuteMs, Math.round(ms / step) * step))
}
