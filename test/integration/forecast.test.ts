import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPool, type Pool } from '../../src/accounts/pool.ts'
import { forecastRoutes } from '../../src/admin/forecast.ts'
import { addRoutes } from '../../src/admin/route.ts'
import { trendRoutes } from '../../src/admin/trend-routes.ts'
import { AccountTrends } from '../../src/contract/accounts.ts'
import { Forecast } from '../../src/contract/forecast.ts'
import { dayMs, hourMs } from '../../src/domain/quota.ts'
import { defaultSettings } from '../../src/domain/settings.ts'
import { createRollup } from '../../src/jobs/rollup.ts'
import { createTally } from '../../src/lib/tally.ts'
import { createServer } from '../../src/server.ts'
import type { Store, UsageSample } from '../../src/store/store.ts'
import { aWindow, nowMs } from '../support/accounts.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { letIn, noAudit, openToClients } from '../support/principal.ts'
import { engines, imported, type TestDatabase } from '../support/stores.ts'
import { ask } from '../support/visitor.ts'

let database: TestDatabase
let store: Store
let pool: Pool
let clock: ManualClock
let app: FastifyInstance
let url: string
let a: string
let b: string
let historyReads: number

beforeEach(async () => {
  const [sqlite] = engines()
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  store = await database.open()
  clock = createManualClock(nowMs)
  historyReads = 0
  a = (await imported(store, 'a')).id
  b = (await imported(store, 'b')).id
  const onError = (error: unknown) => {
    throw error
  }
  pool = createPool({ store, clock, settings: () => defaultSettings, onError })
  await pool.load()
  app = createServer({
    gate: { trustedProxies: [], hosts: new Set(), origins: new Set() },
    ...{ clock, log: pino({ level: 'silent' }), version: '0' },
    isOpen: () => true,
    underWay: createTally(),
    checkSession: letIn,
    clientGate: openToClients,
  })
  const usage: Store['usage'] = {
    ...store.usage,
    hours: (...of) => {
      historyReads++
      return store.usage.hours(...of)
    },
  }
  const deps = { store: { ...store, usage }, pool, clock }
  addRoutes(app, [...forecastRoutes({ ...deps, settings: () => defaultSettings }), ...trendRoutes(deps)], noAudit)
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await app.close()
  await database.dispose()
})

const forecast = async () => {
  const { status, body } = await ask(url, 'GET', '/api/dashboard/forecast')
  expect(status).toBe(200)
  return Forecast.parse(body)
}
const figures = (id: string, shortPercent: number, weeklyPercent: number) =>
  pool.read(id, {
    plan: null,
    credits: null,
    meters: null,
    isComplete: true,
    windows: [
      aWindow('short', shortPercent, { readAtMs: clock.now(), resetAtMs: clock.now() + 3 * hourMs }),
      aWindow('weekly', weeklyPercent, { readAtMs: clock.now(), resetAtMs: clock.now() + 2 * dayMs }),
    ],
  })

/** Figures of so many days, four per hour: a weekly window that takes half a percent per hour. */
async function addPast(accountId: string, days: number): Promise<void> {
  const samples: UsageSample[] = []
  for (let atMs = nowMs - days * dayMs; atMs < nowMs; atMs += hourMs / 4) {
    const intoMs = atMs % (7 * dayMs)
    const usedPercent = (intoMs / hourMs) * 0.5
    samples.push({ accountId, kind: 'weekly', atMs, usedPercent, resetAtMs: atMs - intoMs + 7 * dayMs, source: 'poll' })
  }
  await store.usage.add(samples)
}

async function foldAll(): Promise<void> {
  const rollup = createRollup({ usage: store.usage, clock })
  while (rollup.isBehind()) await rollup.run()
  await rollup.run()
}

describe('the forecast', { timeout: 30_000 }, () => {
  it('of a new pool says what it does not know', async () => {
    const empty = await forecast()
    expect(empty.pool).toMatchObject({ accounts: 2, accountsWithoutFigures: 2, unknown: 'no_figures', series: [] })
    expect(empty.accuracy).toEqual({ short: null, long: null })
    figures(a, 20, 30)
    clock.advance(61_000)
    const seen = await forecast()
    expect(seen.pool).toMatchObject({ accountsWithoutFigures: 1, unknown: 'no_history', runsOutAt: null })
    const windows = seen.accounts.find(({ accountId }) => accountId === a)?.windows
    expect(windows).toMatchObject([
      {
        kind: 'short',
        usedPercent: 20,
        burnPercentPerHour: null,
        runsOutAt: null,
        basis: 'none',
        unknown: 'no_history',
      },
      { kind: 'weekly', usedPercent: 30, resetAt: new Date(nowMs + 2 * dayMs).toISOString() },
    ])
  })

  it('follows from the samples: pace, when each window and the pool run out, and how forecasts did', async () => {
    await addPast(a, 20)
    await foldAll()
    figures(a, 0, 90)
    const seen = await forecast()
    const weekly = seen.accounts.find(({ accountId }) => accountId === a)?.windows.find(({ kind }) => kind === 'weekly')
    expect(weekly).toMatchObject({ basis: 'daily_pattern', unknown: null, runsOutProbabilityPercent: 100 })
    // A quarter of an hour per week falls between the last figure before a reset and the reset.
    expect(weekly?.burnPercentPerHour).toBeCloseTo(0.5, 2)
    expect(weekly?.burnPercentPerWindow).toBeCloseTo(84, 0)
    const hoursFromNow = (moment: string | null | undefined) => (Date.parse(moment ?? '') - nowMs) / hourMs
    expect(hoursFromNow(weekly?.runsOutAt?.p50)).toBeCloseTo(20, 0)
    expect(hoursFromNow(seen.pool.runsOutAt?.p50)).toBeCloseTo(20, 0)
    expect(seen.pool.capacityReturnsAt).toBe(new Date(nowMs + 2 * dayMs).toISOString())
    expect(seen.pool.series[0]).toEqual({
      t: new Date(nowMs).toISOString(),
      short: { p10: 100, p50: 100, p90: 100 },
      long: { p10: 10, p50: 10, p90: 10 },
    })
    expect(seen.accuracy.short).toBeNull()
    expect(seen.accuracy.long?.checks).toBeGreaterThan(50)
    expect(seen.accuracy.long?.meanErrorPercent).toBeLessThan(1)
  })

  it('is kept for a minute, and made anew at once when an account is taken out', async () => {
    await addPast(a, 2)
    await foldAll()
    figures(a, 10, 50)
    const [first, second] = await Promise.all([forecast(), forecast()])
    const reads = historyReads
    expect(second).toEqual(first)
    clock.advance(59_000)
    figures(a, 30, 60)
    expect(await forecast()).toEqual(first)
    expect(historyReads).toBe(reads)
    pool.report(a, { kind: 'paused' })
    const paused = await forecast()
    expect(paused.accounts.find(({ accountId }) => accountId === a)).toMatchObject({
      serves: false,
      windows: [
        { usedPercent: 30, runsOutAt: null, unknown: 'not_serving' },
        { usedPercent: 60, unknown: 'not_serving' },
      ],
    })
    clock.advance(61_000)
    expect((await forecast()).generatedAt).not.toBe(paused.generatedAt)
  })

  it('reads only what is new of the history, also what was folded late', async () => {
    await addPast(a, 3)
    figures(a, 10, 50)
    const pace = async () => {
      clock.advance(61_000)
      const { accounts } = await forecast()
      return accounts.find(({ accountId }) => accountId === a)?.windows.find(({ kind }) => kind === 'weekly')
    }
    expect((await pace())?.basis).toBe('none')
    const rollup = createRollup({ usage: store.usage, clock })
    await rollup.run()
    expect((await pace())?.basis).toBe('recent')
    while (rollup.isBehind()) await rollup.run()
    await rollup.run()
    expect((await pace())?.burnPercentPerHour).toBeCloseTo(0.5, 1)
    expect((await forecast()).pool.creditsPerHour).toBeCloseTo(0.5 * 75.6, 0)
  })

  it('goes on without a deleted account', async () => {
    figures(a, 10, 50)
    await forecast()
    await store.accounts.remove(a)
    await pool.load()
    expect((await forecast()).accounts.map(({ accountId }) => accountId)).toEqual([b])
  })
})

describe('the trend of an account', { timeout: 30_000 }, () => {
  const trend = async (query = '') => {
    const { status, body } = await ask(url, 'GET', `/api/accounts/${a}/trends${query}`)
    expect(status).toBe(200)
    return AccountTrends.parse(body).secondary
  }

  it('reaches back over rollups when samples are gone, in wider steps', async () => {
    await addPast(a, 44)
    await foldAll()
    const before = await trend('?days=40')
    clock.advance(33 * dayMs)
    await createRollup({ usage: store.usage, clock }).run()
    const rollup = createRollup({ usage: store.usage, clock })
    while (rollup.isBehind()) await rollup.run()
    await rollup.prune()
    expect((await store.usage.since(0))[0]?.atMs).toBeGreaterThanOrEqual(nowMs - 12 * dayMs)
    const after = await trend('?days=73')
    const times = new Map(after.map(({ t, v }) => [t, v]))
    const shared = before.filter(({ t }) => Date.parse(t) < nowMs - 8 * dayMs)
    expect(shared.length).toBeGreaterThan(100)
    for (const { t, v } of shared) expect(times.get(t)).toBe(v)
  })

  it.each([
    ['', 168],
    ['?days=1', 24],
    ['?days=14', 336],
    ['?days=40', 160],
  ])('over %s has a point per step', async (query, steps) => {
    await addPast(a, 44)
    await foldAll()
    const points = await trend(query)
    expect(Math.abs(points.length - steps)).toBeLessThanOrEqual(1)
  })

  it.each(['?days=0', '?days=366', '?days=x', '?days=1.5'])('refuses %s and names the field', async (query) => {
    const { status, body } = await ask(url, 'GET', `/api/accounts/${a}/trends${query}`)
    expect([status, body.error.code, body.error.details[0].path]).toEqual([400, 'invalid_request', 'days'])
  })

  it('of an unknown account is a 404', async () => {
    const { status, body } = await ask(url, 'GET', '/api/accounts/nobody/trends')
    expect([status, body.error.code]).toEqual([404, 'account_not_found'])
  })
})
