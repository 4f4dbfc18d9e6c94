import { hourMs, type PlanCapacities, type WindowKind, windowKinds } from '../domain/quota.ts'
import { hourOf } from '../domain/usage-hours.ts'
import { hashOf } from './chance.ts'
import { type Accuracies, backtest, type Past } from './forecast/backtest.ts'
import {
  type Basis,
  basisOf,
  type History,
  historyOf,
  hoursOut,
  latestPerHour,
  meanPerHour,
  type RowsByKind,
} from './forecast/history.ts'
import { type PoolForecast, playPool, type Tank } from './forecast/pool.ts'
import { forecastWindow, type OpenWindow, type WindowForecast } from './forecast/window.ts'
import { creditsOf, percentPerCredit, poolWork } from './forecast/work.ts'

/** An account as forecasting sees it. */
export type ForecastAccount = {
  id: string
  plan: string
  createdAtMs: number
  /** False: a person took it out, or it is not signed in. It serves nobody, but what it did was wanted of the pool. */
  serves: boolean
  /** As they stand now; a reset that has passed is none. */
  windows: readonly (OpenWindow & { kind: WindowKind })[]
  /** Hourly rollups of the last four weeks, oldest first. */
  rows: RowsByKind
}

/** Why there is no forecast. */
type Unknown = 'not_serving' | 'no_history' | 'no_figures' | 'no_account'

/** How fast something is used up, per hour: in the long run, newer hours counting more, and over the last three hours. */
type Pace = { perHour: number | null; latestPerHour: number | null }

export type ForecastOfWindow = OpenWindow & {
  kind: WindowKind
  /** In percent points. */
  pace: Pace
  basis: Basis
  /** Null: it cannot be told, `unknown` says why. */
  forecast: WindowForecast | null
  unknown: Unknown | null
}
export type ForecastOfPool = {
  /** How many accounts may serve, and of how many of them no figures are known, so that they are left out. */
  accounts: number
  withoutFigures: number
  /** In credits. */
  pace: Pace
  basis: Basis
  forecast: PoolForecast | null
  unknown: Unknown | null
}
export type ForecastOfAccount = { id: string; serves: boolean; windows: ForecastOfWindow[] }

const latestHours = 3
/** Bounds the work where there are many windows. */
const mostPaths = 200
const fewestPaths = 60
const mostPathsInAll = 16_000

/** When each window runs out, if things go on as they did. The same input gives the same answer. */
export function forecastAccounts(accounts: readonly ForecastAccount[], nowMs: number): ForecastOfAccount[] {
  const untilMs = hourOf(nowMs)
  const windowCount = accounts.reduce((sum, { windows }) => sum + windows.length, 0)
  const paths = Math.min(mostPaths, Math.max(fewestPaths, Math.floor(mostPathsInAll / Math.max(1, windowCount))))
  return accounts.map((account) => {
    const unknown = hoursOut(account.rows)
    const windows = account.windows.map((window) => {
      const history = historyOfWindow(account, window.kind, untilMs, unknown)
      return windowOf(window, history, account, { paths, nowMs })
    })
    return { id: account.id, serves: account.serves, windows }
  })
}

/** How the forecasts of the last two weeks did. Changes with each finished hour only. */
export function accuracyOf(accounts: readonly ForecastAccount[], nowMs: number): Accuracies {
  const untilMs = hourOf(nowMs)
  return backtest(
    accounts.flatMap((account): Past[] => {
      const unknown = hoursOut(account.rows)
      return windowKinds.flatMap((kind) => {
        const rows = account.rows[kind] ?? []
        if (rows.length === 0) return []
        const lengthMs = account.windows.find((window) => window.kind === kind)?.lengthMs ?? usualLengthMs[kind]
        const history = historyOfWindow(account, kind, untilMs, unknown)
        return [{ kind, lengthMs, rows, history, seed: seedOf(account.id, kind) }]
      })
    }),
  )
}

const usualLengthMs: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 168 * hourMs, monthly: 720 * hourMs }

function historyOfWindow(
  { rows, createdAtMs }: ForecastAccount,
  kind: WindowKind,
  untilMs: number,
  unknown: ReadonlySet<number>,
): History {
  return historyOf(rows[kind] ?? [], { createdAtMs, untilMs, unknown })
}

function windowOf(
  { kind, usedPercent, resetAtMs, lengthMs }: ForecastAccount['windows'][number],
  history: History,
  { id, serves }: ForecastAccount,
  { paths, nowMs }: { paths: number; nowMs: number },
): ForecastOfWindow {
  const window = { usedPercent, resetAtMs, lengthMs }
  const forecast = serves ? forecastWindow(window, history, { paths, seed: seedOf(id, kind), nowMs }) : null
  const unknown = serves ? 'no_history' : 'not_serving'
  return { ...window, kind, ...paceOf(history), forecast, unknown: forecast === null ? unknown : null }
}

/** When all accounts together run out, if things go on as they did. The same input gives the same answer. */
export function forecastPool(
  accounts: readonly ForecastAccount[],
  capacities: PlanCapacities,
  nowMs: number,
): ForecastOfPool {
  const untilMs = hourOf(nowMs)
  const work = poolWork(accounts, capacities, untilMs)
  const serving = accounts.filter(({ serves }) => serves)
  const tanks = serving.flatMap((account) =>
    account.windows.map(({ kind, usedPercent, resetAtMs, lengthMs }): Tank => {
      const percent = percentPerCredit(account, kind, capacities, untilMs)
      const credits = creditsOf(account.plan, kind, capacities)
      return {
        ...{ accountId: account.id, kind, usedPercent, resetAtMs, lengthMs, credits },
        percentPerCredit: percent,
      }
    }),
  )
  const forecast = playPool(tanks, work, nowMs)
  const missing = serving.length === 0 ? 'no_account' : tanks.length === 0 ? 'no_figures' : 'no_history'
  return {
    accounts: serving.length,
    withoutFigures: serving.filter(({ windows }) => windows.length === 0).length,
    ...paceOf(work),
    forecast,
    unknown: forecast === null ? missing : null,
  }
}

function paceOf(history: History): { pace: Pace; basis: Basis } {
  const pace = { perHour: meanPerHour(history), latestPerHour: latestPerHour(history, latestHours) }
  return { pace, basis: basisOf(history) }
}

/** Does not change with time: a forecast made a minute later differs by what has happened, not by chance. */
function seedOf(accountId: string, kind: WindowKind): number {
  return hashOf(`${accountId} ${kind}`)
}
