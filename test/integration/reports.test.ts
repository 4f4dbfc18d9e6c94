import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reportRoutes } from '../../src/admin/reports.ts'
import { addRoutes } from '../../src/admin/route.ts'
import { Report } from '../../src/contract/reports.ts'
import { clientFamily } from '../../src/domain/client-family.ts'
import type { RequestRecord } from '../../src/domain/request.ts'
import { createTally } from '../../src/lib/tally.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import { createServer } from '../../src/server.ts'
import type { Store } from '../../src/store/store.ts'
import { createManualClock } from '../support/clock.ts'
import { letIn, noAudit, openToClients } from '../support/principal.ts'
import { recordsOf, someRequests } from '../support/requests.ts'
import { engines, type TestDatabase } from '../support/stores.ts'
import type { Untyped } from '../support/untyped.ts'
import { ask } from '../support/visitor.ts'

const hour = 3_600_000
const day = 24 * hour
// Clocks in Berlin are put back on the 25th of October.
const startMs = Date.UTC(2026, 9, 20)
const nowMs = Date.UTC(2026, 9, 30, 12)

let database: TestDatabase
let store: Store
let app: FastifyInstance
let url: string
let records: RequestRecord[]

beforeAll(async () => {
  const [sqlite] = engines()
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  store = await database.open()
  const clock = createManualClock(nowMs)
  app = createServer({
    gate: { trustedProxies: [], hosts: new Set(), origins: new Set() },
    ...{ clock, log: pino({ level: 'silent' }), version: '0', isOpen: () => true, underWay: createTally() },
    checkSession: letIn,
    clientGate: openToClients,
  })
  const names = {
    account: (id: string) => `Name of ${id}`,
    key: (id: string) => (id === 'key_1' ? 'Ada, "laptop"' : null),
  }
  addRoutes(app, reportRoutes({ traffic: createTraffic(store), names, clock, flush: async () => {} }), noAudit)
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const [some = []] = fc.sample(someRequests(startMs, 10 * day, 500, 400), { numRuns: 1, seed: 11 })
  const steady = Array.from({ length: 960 }, (_, n) => ({
    atMs: startMs + n * 900_000,
    model: 'steady',
    keyId: 'key_1',
  }))
  records = recordsOf([...some, ...steady])
  await store.requests.add(records)
  // Some of it is folded, the newest is not.
  await (async () => {
    while (await store.requestSums.fold({ beforeMs: startMs + 6 * day, minRows: 99 }));
  })()
})
afterAll(async () => {
  await app.close()
  await database.dispose()
})

const reportOf = async (query: string): Promise<Untyped> => (await ask(url, 'GET', `/api/reports?${query}`)).body
const sum = (of: (one: RequestRecord) => number, which: (one: RequestRecord) => boolean) =>
  records.filter(which).reduce((total, one) => total + of(one), 0)
const dimensionOf: Record<string, (one: RequestRecord) => string | null> = {
  account: ({ accountId }) => accountId,
  key: ({ keyId }) => keyId,
  model: ({ model }) => model,
  client: ({ client }) => clientFamily(client),
  effort: ({ effort }) => effort,
  tier: ({ serviceTier }) => serviceTier,
}
const groupOf = (group: Untyped, name: string): string | null => {
  if (name === 'account') return group.account.accountId
  return name === 'key' ? group.key.keyId : group[name]
}

describe('a report', { timeout: 60_000 }, () => {
  it('is what the log adds up to, by every bucket and group, whatever is asked', async () => {
    const dimension = fc.constantFrom(...Object.keys(dimensionOf))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/New_York', 'Pacific/Kiritimati'),
        fc.constantFrom('hour', 'day'),
        fc.uniqueArray(dimension, { maxLength: 3 }),
        fc.integer({ min: 1, max: 50 }),
        fc.subarray(['acc_1', 'acc_2', '']),
        fc.integer({ min: -90, max: 900 }),
        fc.integer({ min: 1, max: 400 }),
        async (timeZone, bucket, groupBy, top, accounts, from, quarters) => {
          const sinceMs = startMs + from * 900_000
          const untilMs = sinceMs + quarters * 900_000
          const query = new URLSearchParams({ timeZone, bucket, top: String(top) })
          query.set('from', new Date(sinceMs).toISOString())
          query.set('to', new Date(untilMs).toISOString())
          for (const name of groupBy) query.append('groupBy', name)
          for (const id of accounts) query.append('accountId', id)
          const seen = await reportOf(String(query))
          expect(Report.parse(seen)).toEqual(seen)
          const isIn = (one: RequestRecord) =>
            one.atMs >= sinceMs &&
            one.atMs < untilMs &&
            (accounts.length === 0 || accounts.includes(one.accountId ?? ''))
          const begins: number[] = seen.buckets.map((begin: string) => Date.parse(begin))
          expect(begins[0]).toBe(sinceMs)
          expect(seen.totals).toMatchObject({
            requests: sum(() => 1, isIn),
            errors: sum(
              () => 1,
              (one) => isIn(one) && one.status === 'error' && !one.moved,
            ),
            moved: sum(
              () => 1,
              (one) => isIn(one) && one.status === 'error' && one.moved,
            ),
            inputTokens: sum(({ usage }) => usage?.input ?? 0, isIn),
            reasoningTokens: sum(({ usage }) => usage?.reasoning ?? 0, isIn),
          })
          const named = seen.series.filter(({ group }: Untyped) => group !== null)
          expect(named.length).toBeLessThanOrEqual(top)
          for (const { group, points, totals } of named) {
            const isGroup = (one: RequestRecord) =>
              isIn(one) && groupBy.every((name) => dimensionOf[name]?.(one) === groupOf(group, name))
            expect(totals.outputTokens).toBe(sum(({ usage }) => usage?.output ?? 0, isGroup))
            const perBucket = begins.map((begin, at) => {
              const end = begins[at + 1] ?? untilMs
              return sum(
                () => 1,
                (one) => isGroup(one) && one.atMs >= begin && one.atMs < end,
              )
            })
            expect(points.requests).toEqual(perBucket)
          }
          const all = (of: string) =>
            seen.series.reduce(
              (total: number, { points }: Untyped) => total + points[of].reduce((a: number, b: number) => a + b, 0),
              0,
            )
          expect(all('requests')).toBe(seen.totals.requests)
          expect(all('costUsd')).toBeCloseTo(seen.totals.costUsd, 6)
          const before = (one: RequestRecord) =>
            one.atMs >= Date.parse(seen.before.from) && one.atMs < Date.parse(seen.before.to)
          const isOfAccount = (one: RequestRecord) => accounts.length === 0 || accounts.includes(one.accountId ?? '')
          expect(seen.before.totals.requests).toBe(
            sum(
              () => 1,
              (one) => before(one) && isOfAccount(one),
            ),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('has the last seven days of the place unless it is asked for others, empty ones included', async () => {
    const seen = await reportOf('timeZone=Asia/Kathmandu')
    expect(seen).toMatchObject({
      from: '2026-10-23T18:15:00.000Z',
      to: '2026-10-30T18:15:00.000Z',
      bucket: 'day',
      before: { from: '2026-10-16T18:15:00.000Z', to: '2026-10-23T18:15:00.000Z' },
    })
    expect(seen.buckets).toHaveLength(7)
    // A request each quarter of an hour until the 30th begins.
    const steady = await reportOf('timeZone=Asia/Kathmandu&model=steady')
    expect(steady.series[0].points.requests).toEqual([96, 96, 96, 96, 96, 96, 23])
  })

  it('gives days with another number of hours as many', async () => {
    const days = await reportOf('timeZone=Europe/Berlin&from=2026-10-24&to=2026-10-26&model=steady')
    expect(days.series[0].points.requests).toEqual([96, 100, 96])
    expect(days.before).toMatchObject({ from: '2026-10-20T22:00:00.000Z', to: '2026-10-23T22:00:00.000Z' })
    const hours = await reportOf('timeZone=Europe/Berlin&from=2026-10-25&to=2026-10-25&bucket=hour&model=steady')
    expect(hours.series[0].points.requests).toEqual(Array.from({ length: 25 }, () => 4))
    const spring = await reportOf('timeZone=Europe/Berlin&from=2026-03-29&to=2026-03-29&bucket=hour')
    expect(spring.buckets).toHaveLength(23)
  })

  it('names accounts and keys, and puts together what is beyond the first groups', async () => {
    const seen = await reportOf('from=2026-10-20&groupBy=account&groupBy=key&top=2&rankBy=requests')
    expect(seen.groupBy).toEqual(['account', 'key'])
    expect(seen.series).toHaveLength(3)
    expect(seen.series[0]).toMatchObject({
      group: {
        account: { accountId: 'acc_1', displayName: 'Name of acc_1' },
        key: { keyId: 'key_1', name: 'Ada, "laptop"' },
      },
      groups: 1,
    })
    expect(seen.series[2].group).toBeNull()
    expect(seen.series[2].groups).toBeGreaterThan(2)
    const shares = seen.series.map(({ sharePercent }: Untyped) => sharePercent.requests)
    expect(shares.reduce((a: number, b: number) => a + b)).toBeCloseTo(100, 6)
    expect(shares[0]).toBeGreaterThan(shares[1])
  })

  it('compares with as much time before, of which there may be nothing', async () => {
    const seen = await reportOf('from=2026-10-20&to=2026-10-22&model=steady')
    expect(seen.before.changePercent).toEqual({ requests: null, totalTokens: null, costUsd: null })
    const later = await reportOf('from=2026-10-29&to=2026-10-30&model=steady')
    expect(later.before.totals.requests).toBe(192)
    expect(later.before.changePercent.requests).toBeCloseTo(-50, 6)
  })

  it.each([
    ['timeZone=Mars/Olympus', 'timeZone'],
    ['from=2026-10-20&to=2026-10-19', 'to'],
    ['from=2026-10-20T10:00:00Z&to=2026-10-20T10:00:00Z', 'to'],
    ['from=1999-12-31', 'from'],
    ['from=2026-13-01', 'from'],
    ['to=yesterday', 'to'],
    ['from=2020-01-01', 'from'],
    ['from=2026-08-01&bucket=hour', 'from'],
    ['bucket=week', 'bucket'],
    ['groupBy=colour', 'groupBy.0'],
    ['top=0', 'top'],
    ['top=51', 'top'],
  ])('refuses ?%s and names %s', async (query, path) => {
    for (const where of ['/api/reports', '/api/reports.csv']) {
      const { status, body } = await ask(url, 'GET', `${where}?${query}`)
      expect([status, body.error.code]).toEqual([400, 'invalid_request'])
      expect(body.error.details.map((detail: Untyped) => detail.path)).toContain(path)
    }
  })

  it('is a table for whoever wants one', async () => {
    const query = 'from=2026-10-20&to=2026-10-21&groupBy=key&groupBy=model&model=steady&model=gpt-5.5'
    const csv = await fetch(`${url}/api/reports.csv?${query}`)
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    const text = await csv.text()
    const [header, ...lines] = text.trimEnd().split('\r\n')
    expect(header).toMatch(/^from,to,keyId,keyName,model,requests,errors,/)
    expect(lines.filter((line) => line.includes(',key_1,"Ada, ""laptop""",steady,96,'))).toHaveLength(2)
    const accepted = await fetch(`${url}/api/reports?${query}`, { headers: { accept: 'text/csv' } })
    expect(await accepted.text()).toBe(text)
    const others = await (
      await fetch(`${url}/api/reports.csv?from=2026-10-20&to=2026-10-20&groupBy=account&top=1`)
    ).text()
    expect(others).toContain('(3 others)')
  })
})
