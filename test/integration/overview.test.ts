import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../src/accounts/pool.ts'
import { overviewOf } from '../../src/admin/overview.ts'
import { Overview } from '../../src/contract/overview.ts'
import { type Account, healthy } from '../../src/domain/account.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import type { Store } from '../../src/store/store.ts'
import { aBlock, anAccount, aWindow, nowMs } from '../support/accounts.ts'
import { createManualClock } from '../support/clock.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { engines, requestRecord, type TestDatabase } from '../support/stores.ts'
import { ask } from '../support/visitor.ts'

const hour = 3_600_000

describe('the overview after some turns', { timeout: 30_000 }, () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus' }] })
  })
  afterAll(() => rig.close())

  const turn = (signal = AbortSignal.timeout(10_000)) =>
    fetch(`${rig.url}/backend-api/codex/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(turnBody('FAKE_TEXT: hello')),
      signal,
    })
  const overview = async (query = '') => (await ask(rig.url, 'GET', `/api/dashboard/overview${query}`)).body

  it('counts every turn once, by its outcome, with its tokens', async () => {
    for (let n = 0; n < 2; n++) await (await turn()).text()
    rig.simulator.script('a@example.com', { kind: 'invalid_request' })
    expect((await turn()).status).toBe(400)
    rig.simulator.script('a@example.com', { kind: 'stall_after_output' })
    const leaving = new AbortController()
    const cut = await turn(leaving.signal)
    await cut.body?.getReader().read()
    leaving.abort()
    await expect.poll(async () => (await overview()).requestCount, { timeout: 10_000 }).toBe(4)

    const seen = await overview()
    expect(Overview.parse(seen)).toEqual(seen)
    expect(seen).toMatchObject({
      timeframe: '1d',
      accountCounts: {
        total: 1,
        active: 1,
        paused: 0,
        rateLimited: 0,
        quotaExceeded: 0,
        reauthRequired: 0,
        deactivated: 0,
      },
      requestCount: 4,
      errorCount: 1,
      cancelledCount: 1,
      errorRate: 25,
      demo: false,
    })
    const records = await rig.requests()
    const sum = (of: 'input' | 'output') => records.reduce((total, record) => total + (record.usage?.[of] ?? 0), 0)
    const cost = records.reduce((total, record) => total + (record.costUsd ?? 0), 0)
    expect(seen.usageSummary.inputTokens).toBe(sum('input'))
    expect(seen.usageSummary.totalTokens).toBe(sum('input') + sum('output'))
    expect(seen.usageSummary.totalCost).toBeCloseTo(cost, 9)
    expect(seen.usageSummary.totalTokens).toBeGreaterThan(0)
    const point = seen.series.at(-1)
    expect(seen.series.reduce((total: number, { requests }: typeof point) => total + requests, 0)).toBe(4)
  })

  it('counts accounts as they are now', async () => {
    const { accountId } = await rig.account('a@example.com')
    await ask(rig.url, 'POST', `/api/accounts/${accountId}/pause`)
    expect((await overview()).accountCounts).toMatchObject({ total: 1, active: 0, paused: 1 })
    await ask(rig.url, 'POST', `/api/accounts/${accountId}/reactivate`)
    expect((await overview()).accountCounts).toMatchObject({ active: 1, paused: 0 })
  })

  it('is of a day unless another time is asked for, and of no other time', async () => {
    for (const [query, points] of [
      ['', 24],
      ['?timeframe=1d', 24],
      ['?timeframe=7d', 28],
      ['?timeframe=30d', 30],
    ] as const) {
      const seen = await overview(query)
      expect([seen.timeframe, seen.series.length]).toEqual([query.split('=')[1] ?? '1d', points])
    }
    const { status, body } = await ask(rig.url, 'GET', '/api/dashboard/overview?timeframe=2d')
    expect([status, body.error.code, body.error.details[0].path]).toEqual([400, 'invalid_request', 'timeframe'])
  })

  it('goes with a list of the models that the pool offers', async () => {
    const { status, body } = await ask(rig.url, 'GET', '/api/models')
    expect(status).toBe(200)
    expect(body.models.length).toBeGreaterThan(0)
    for (const model of body.models) {
      expect(model).toEqual({
        id: expect.any(String),
        name: expect.any(String),
        supportedReasoningEfforts: expect.any(Array),
        defaultReasoningEffort: model.defaultReasoningEffort === null ? null : expect.any(String),
        contextWindow: model.contextWindow === null ? null : expect.any(Number),
        plans: expect.any(Array),
        accounts: expect.any(Number),
      })
    }
    const ids = body.models.map(({ id }: { id: string }) => id)
    expect(ids).toContain('gpt-5.5')
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('an overview', { timeout: 30_000 }, () => {
  let database: TestDatabase
  let store: Store
  beforeEach(async () => {
    const [sqlite] = engines()
    if (!sqlite) throw new Error('There is no engine.')
    database = await sqlite.create()
    store = await database.open()
  })
  afterEach(() => database.dispose())

  const of = (timeframe: '1d' | '7d' | '30d', accounts: Account[] = [], atMs = nowMs) => {
    // Only this one method is asked.
    const pool = { accounts: () => accounts } as unknown as Pool
    const admission = { waiting: () => 3 }
    const clock = createManualClock(atMs)
    return overviewOf(timeframe, {
      traffic: createTraffic(store),
      pool,
      admission,
      clock,
      flush: async () => {},
      demo: true,
    })
  }

  it('of an empty pool is all zeros, and still whole', async () => {
    const seen = await of('7d')
    expect(Overview.parse(seen)).toEqual(seen)
    expect(seen).toMatchObject({ requestCount: 0, errorRate: 0, lastSyncAt: null, windows: [], demo: true })
    expect(seen.accountCounts.total).toBe(0)
    expect(seen.series.every(({ requests, tokens }) => requests === 0 && tokens === 0)).toBe(true)
  })

  it.each([
    ['1d', 24, hour],
    ['7d', 28, 6 * hour],
    ['30d', 30, 24 * hour],
  ] as const)('of %s has %i points, evenly spaced, the last of them running', async (timeframe, count, bucketMs) => {
    const atMs = nowMs + 17 * 60_000
    const { series } = await of(timeframe, [], atMs)
    const times = series.map(({ t }) => Date.parse(t))
    expect(times).toHaveLength(count)
    const [first = 0] = times
    expect(times).toEqual(times.map((_, n) => first + n * bucketMs))
    expect(first % bucketMs).toBe(0)
    const last = times.at(-1) ?? 0
    expect(last <= atMs && atMs < last + bucketMs).toBe(true)
  })

  it('puts each request into its point and leaves out what is older', async () => {
    const at = (hoursAgo: number) => nowMs - hoursAgo * hour
    await store.requests.add([
      requestRecord('now', { atMs: nowMs }),
      requestRecord('error', { atMs: at(2), status: 'error', usage: null, costMicroUsd: null }),
      requestRecord('also', { atMs: at(2) + 59 * 60_000 }),
      requestRecord('first', { atMs: at(23) }),
      requestRecord('yesterday', { atMs: at(23) - 1 }),
      requestRecord('last week', { atMs: at(6 * 24) }),
      requestRecord('last month', { atMs: at(29 * 24) }),
    ])
    const day = await of('1d')
    expect(day.series.map(({ requests }) => requests).join('')).toBe('100000000000000000000201')
    expect(day.series.at(-3)).toEqual({
      t: new Date(at(2)).toISOString(),
      requests: 2,
      errors: 1,
      tokens: 130,
      costUsd: 0.001234,
    })
    expect(day).toMatchObject({ requestCount: 4, errorCount: 1, errorRate: 25 })
    expect(day.usageSummary).toEqual({
      totalTokens: 390,
      inputTokens: 300,
      cachedInputTokens: 60,
      outputTokens: 90,
      totalCost: 0.003702,
    })
    expect((await of('7d')).requestCount).toBe(6)
    expect((await of('30d')).requestCount).toBe(7)
  })

  it('counts each account under the one status that it shows', async () => {
    const accounts = [
      anAccount('fit', { windows: [aWindow('short', 40), aWindow('weekly', 10)] }),
      anAccount('paused', { health: { ...healthy, paused: true } }),
      anAccount('short', { health: { ...healthy, blocks: [aBlock('window', { window: 'short' })] } }),
      anAccount('weekly', { health: { ...healthy, blocks: [aBlock('window', { window: 'weekly' })] } }),
      anAccount('lost', { health: { ...healthy, signIn: 'reauth_required' } }),
      anAccount('dead', { health: { ...healthy, signIn: 'deactivated' } }),
    ]
    const { accountCounts, lastSyncAt } = await of('1d', accounts)
    const { total, ...kinds } = accountCounts
    expect(total).toBe(6)
    expect(Object.values(kinds)).toEqual([1, 1, 1, 1, 1, 1])
    expect(lastSyncAt).toBe(new Date(nowMs - 60_000).toISOString())
  })
})
