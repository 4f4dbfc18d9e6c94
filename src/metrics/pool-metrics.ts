import { Gauge, type Registry } from 'prom-client'
import { type Account, statuses, statusOf } from '../domain/account.ts'
import { poolWindows } from '../domain/pool-windows.ts'
import { usedNow } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'

export type PoolMetricsDeps = {
  pool: { accounts(): readonly Account[] }
  admission: { waiting(): number }
  running: { entries(): readonly unknown[] }
  clock: Clock
}

/** What is true of the pool when somebody asks. Accounts go by their ids: metrics are read by many. */
export function addPoolMetrics(registers: Registry[], { pool, admission, running, clock }: PoolMetricsDeps): void {
  const gauge = <const Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    set: (gauge: Gauge<Label>) => void,
  ) => {
    new Gauge({
      ...{ registers, name, help, labelNames: [...labelNames] },
      collect() {
        this.reset()
        set(this)
      },
    })
  }
  const eachWindow = (use: (account: Account, window: Account['windows'][number]) => void) => {
    for (const account of pool.accounts()) for (const window of account.windows) use(account, window)
  }
  gauge('codex_lb_account_info', 'One for each account, with its plan.', ['account', 'plan'], (one) => {
    for (const { id, plan } of pool.accounts()) one.set({ account: id, plan }, 1)
  })
  gauge('codex_lb_accounts', 'Accounts by status.', ['status'], (one) => {
    const nowMs = clock.now()
    for (const status of statuses) one.set({ status }, 0)
    for (const { health } of pool.accounts()) one.inc({ status: statusOf(health, nowMs) })
  })
  gauge('codex_lb_account_up', '1 for an account that may serve now, else 0.', ['account'], (one) => {
    for (const { id, health } of pool.accounts())
      one.set({ account: id }, statusOf(health, clock.now()) === 'active' ? 1 : 0)
  })
  gauge('codex_lb_account_requests', 'Requests on an account that have not ended.', ['account'], (one) => {
    for (const { id, inFlight } of pool.accounts()) one.set({ account: id }, inFlight)
  })
  gauge('codex_lb_account_window_used_percent', 'Used percent of a usage window.', ['account', 'window'], (one) => {
    eachWindow(({ id }, window) => one.set({ account: id, window: window.kind }, usedNow(window, clock.now())))
  })
  gauge(
    'codex_lb_account_window_reset_timestamp_seconds',
    'When a usage window resets.',
    ['account', 'window'],
    (one) => {
      eachWindow(({ id }, { kind, resetAtMs }) => {
        if (resetAtMs !== null) one.set({ account: id, window: kind }, resetAtMs / 1000)
      })
    },
  )
  gauge(
    'codex_lb_account_window_age_seconds',
    'How old the figure of a usage window is.',
    ['account', 'window'],
    (one) => {
      eachWindow(({ id }, { kind, readAtMs }) =>
        one.set({ account: id, window: kind }, (clock.now() - readAtMs) / 1000),
      )
    },
  )
  gauge(
    'codex_lb_pool_window_used_percent',
    'Used percent of a window over the whole pool, by capacity.',
    ['window'],
    (one) => {
      for (const { kind, usedPercent } of poolWindows(pool.accounts(), clock.now()))
        one.set({ window: kind }, usedPercent)
    },
  )
  gauge('codex_lb_requests_running', 'Turns that are under way.', [], (one) => one.set(running.entries().length))
  gauge('codex_lb_requests_waiting', 'Requests that wait for a place on an account.', [], (one) =>
    one.set(admission.waiting()),
  )
}
