import type { Admission } from '../accounts/admission.ts'
import type { Pool } from '../accounts/pool.ts'
import { isInPanic } from '../balancer/panic.ts'
import { Overview, OverviewQuery, type Timeframe, timeframes } from '../contract/overview.ts'
import { type Account, type Status, statusOf } from '../domain/account.ts'
import { hourMs, minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { Traffic } from '../reports/traffic.ts'
import type { RequestSums } from '../store/request-store.ts'
import { iso } from './account-views.ts'
import { poolWindowViews } from './pool-views.ts'
import { route } from './route.ts'

export type OverviewDeps = {
  traffic: Pick<Traffic, 'sums'>
  pool: Pool
  admission: Pick<Admission, 'waiting'>
  clock: Clock
  flush: () => Promise<void>
  demo: boolean
}

export function overviewRoutes(deps: OverviewDeps) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/dashboard/overview',
        access: 'viewer',
        summary: 'The pool and its use at a glance',
        query: OverviewQuery,
        answer: Overview,
      },
      ({ query }) => overviewOf(query.timeframe, deps),
    ),
  ]
}

/** What the pool has, and what was asked of it within a time. */
export async function overviewOf(
  timeframe: Timeframe,
  { traffic, pool, admission, clock, flush, demo }: OverviewDeps,
): Promise<Overview> {
  await flush()
  const nowMs = clock.now()
  const { hours, bucketMinutes } = timeframes[timeframe]
  const bucketMs = bucketMinutes * minuteMs
  // Whole buckets, the running one included: the first point is as full as the others.
  const untilMs = (Math.floor(nowMs / bucketMs) + 1) * bucketMs
  const sinceMs = untilMs - hours * hourMs
  const rows = await traffic.sums({ sinceMs, untilMs, bucketMs })
  const reads = pool.accounts().flatMap(({ windows }) => windows.map(({ readAtMs }) => readAtMs))
  return {
    timeframe,
    accountCounts: countsOf(pool.accounts(), nowMs),
    ...sumsOf(rows),
    windows: poolWindowViews(pool.accounts(), nowMs),
    series: seriesOf(rows, sinceMs, untilMs, bucketMs),
    lastSyncAt: reads.length === 0 ? null : iso(Math.max(...reads)),
    panic: isInPanic(pool.accounts(), nowMs),
    waiting: admission.waiting(),
    demo,
  }
}

function countsOf(accounts: readonly Account[], nowMs: number): Overview['accountCounts'] {
  const of = (status: Status) => accounts.filter(({ health }) => statusOf(health, nowMs) === status).length
  return {
    total: accounts.length,
    active: of('active'),
    paused: of('paused'),
    rateLimited: of('rate_limited'),
    quotaExceeded: of('quota_exceeded'),
    reauthRequired: of('reauth_required'),
    deactivated: of('deactivated'),
  }
}

function sumsOf(rows: readonly RequestSums[]) {
  const sum = (of: (row: RequestSums) => number) => rows.reduce((total, row) => total + of(row), 0)
  const requestCount = sum(({ requests }) => requests)
  const errorCount = sum(({ errors }) => errors)
  const inputTokens = sum((row) => row.inputTokens)
  const outputTokens = sum((row) => row.outputTokens)
  return {
    requestCount,
    errorCount,
    cancelledCount: sum(({ cancelled }) => cancelled),
    errorRate: requestCount === 0 ? 0 : (errorCount / requestCount) * 100,
    usageSummary: {
      totalTokens: inputTokens + outputTokens,
      inputTokens,
      cachedInputTokens: sum((row) => row.cachedTokens),
      outputTokens,
      totalCost: sum((row) => row.costMicroUsd) / 1e6,
    },
  }
}

function seriesOf(
  rows: readonly RequestSums[],
  sinceMs: number,
  untilMs: number,
  bucketMs: number,
): Overview['series'] {
  const byTime = new Map(rows.map((row) => [row.atMs, row]))
  const series: Overview['series'] = []
  for (let atMs = sinceMs; atMs < untilMs; atMs += bucketMs) {
    const row = byTime.get(atMs)
    series.push({
      t: iso(atMs),
      requests: row?.requests ?? 0,
      errors: row?.errors ?? 0,
      tokens: (row?.inputTokens ?? 0) + (row?.outputTokens ?? 0),
      costUsd: (row?.costMicroUsd ?? 0) / 1e6,
    })
  }
  return series
}
