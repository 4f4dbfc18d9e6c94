import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Pool } from '../accounts/pool.ts'
import { createUsageHistory } from '../accounts/usage-history.ts'
import type { Accuracies } from '../balancer/forecast/backtest.ts'
import { accuracyOf, type ForecastAccount, forecastAccounts, forecastPool } from '../balancer/forecast.ts'
import { Forecast } from '../contract/forecast.ts'
import type { Account } from '../domain/account.ts'
import { minuteMs, usedNow } from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import { hourOf } from '../domain/usage-hours.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { forecastView } from './forecast-views.ts'
import { route } from './route.ts'

export type ForecastDeps = { store: Store; pool: Pool; clock: Clock; settings: () => Settings }

export function forecastRoutes(deps: ForecastDeps) {
  const forecasts = createForecasts(deps)
  return [
    route(
      {
        method: 'GET',
        path: '/api/dashboard/forecast',
        access: 'viewer',
        summary: 'How fast the windows are used up, when they and the pool run out, and how well that was foretold',
        answer: Forecast,
      },
      () => forecasts.current(),
    ),
  ]
}

/** Answers are kept for a minute, unless the accounts or the sizes of plans change. */
const keptMs = minuteMs

type Kept = { key: string; untilMs: number; answer: Promise<Forecast> }

function createForecasts({ store, pool, clock, settings }: ForecastDeps): { current(): Promise<Forecast> } {
  const history = createUsageHistory(store)
  let kept: Kept | null = null
  /** Made anew when an hour is over, or more of the past has come to light. */
  let accuracy: { key: string; value: Accuracies } | null = null
  /** One after the other: they share the history. */
  let last: Promise<unknown> = Promise.resolve()

  const make = async (): Promise<Forecast> => {
    const nowMs = clock.now()
    const accounts = pool.accounts()
    const hours = await history.read(
      accounts.map(({ id }) => id),
      nowMs,
    )
    const given = accounts.map((account) => forecastAccount(account, hours.get(account.id) ?? {}, nowMs))
    // Streams go on in between.
    const windows = forecastAccounts(given, nowMs)
    await nextTurn()
    const ofPool = forecastPool(given, settings().planCapacities, nowMs)
    const known = given.map(({ id, rows }) => [id, ...Object.values(rows).map((ofKind) => ofKind.length)])
    const accuracyKey = `${hourOf(nowMs)} ${known.join()}`
    if (accuracy?.key !== accuracyKey) {
      await nextTurn()
      accuracy = { key: accuracyKey, value: accuracyOf(given, nowMs) }
    }
    return forecastView(ofPool, windows, accuracy.value, nowMs)
  }
  return {
    current() {
      const nowMs = clock.now()
      const key = keyOf(pool.accounts(), settings())
      if (kept !== null && kept.key === key && nowMs < kept.untilMs) return kept.answer
      const answer = last.then(make)
      const entry: Kept = { key, untilMs: nowMs + keptMs, answer }
      kept = entry
      last = answer.catch(() => {
        // Whoever asks next tries again.
        if (kept === entry) kept = null
      })
      return answer
    },
  }
}

/** What makes a kept answer wrong at once; figures that move on only make it older. */
function keyOf(accounts: readonly Account[], { planCapacities }: Settings): string {
  return JSON.stringify([accounts.map((account) => [account.id, account.plan, serves(account)]), planCapacities])
}

function serves({ health }: Account): boolean {
  return health.signIn === 'ok' && !health.paused
}

function forecastAccount(account: Account, rows: ForecastAccount['rows'], nowMs: number): ForecastAccount {
  const { id, plan, createdAtMs } = account
  const windows = account.windows.map((window) => ({
    kind: window.kind,
    usedPercent: usedNow(window, nowMs),
    lengthMs: window.lengthMs,
    resetAtMs: window.resetAtMs !== null && window.resetAtMs > nowMs ? window.resetAtMs : null,
  }))
  return { id, plan, createdAtMs, serves: serves(account), windows, rows }
}
