import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { requestRoutes } from '../../src/admin/requests.ts'
import { addRoutes } from '../../src/admin/route.ts'
import { RequestFacets } from '../../src/contract/requests.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createTally } from '../../src/lib/tally.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import { createServer } from '../../src/server.ts'
import type { Store } from '../../src/store/store.ts'
import { createManualClock } from '../support/clock.ts'
import { letIn, noAudit, openToClients } from '../support/principal.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { engines, requestRecord, type TestDatabase } from '../support/stores.ts'
import type { Untyped } from '../support/untyped.ts'
import { ask } from '../support/visitor.ts'

const startMs = Date.UTC(2026, 0, 15)
const minute = 60_000

let database: TestDatabase
let store: Store
let app: FastifyInstance
let url: string
let flushed = 0

beforeAll(async () => {
  const [sqlite] = engines()
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  store = await database.open()
  app = createServer({
    gate: { trustedProxies: [], hosts: new Set(), origins: new Set() },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0',
    isOpen: () => true,
    underWay: createTally(),
    checkSession: letIn,
    clientGate: openToClients,
  })
  const names = { account: (id: string) => `Name of ${id}`, key: () => null }
  const clock = createManualClock(startMs + 3 * 60 * minute)
  const flush = async () => {
    flushed++
  }
  addRoutes(app, requestRoutes({ store, traffic: createTraffic(store), names, clock, flush }), noAudit)
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  await store.requests.add(
    Array.from({ length: 120 }, (_, n) =>
      requestRecord(`req_${String(n).padStart(3, '0')}`, {
        atMs: startMs + n * minute,
        accountId: `acc_${n % 3}`,
        model: n % 2 === 0 ? 'gpt-5.5' : 'gpt-5.5-mini',
        status: (['success', 'error', 'cancelled', 'success'] as const)[n % 4] ?? 'success',
        keyId: n % 5 < 2 ? 'key_1' : n % 5 === 2 ? 'key_2' : null,
        effort: ['none', 'high', 'none', null][n % 4] ?? null,
        client: ['OpenAI/Python 2.8', 'codex-tui/0.1 (x)', null][n % 3] ?? null,
        errorCode: n % 4 === 1 ? 'server_error' : null,
        route: n % 2 === 0 ? '/v1/responses' : '/v1/messages',
        transport: n % 4 === 0 ? 'ws' : 'sse',
        sourceId: n === 33 ? 'src_1' : null,
        threadId: n === 7 ? 't/7' : null,
        sessionId: n === 8 ? 's_8' : n === 7 ? 's_7' : null,
        totalMs: n > 100 ? 1_001 : 1_000,
        moved: n === 9,
        errorMessage: n === 7 ? `100% "full" & it's_over` : null,
      }),
    ),
  )
})
afterAll(async () => {
  await app.close()
  await database.dispose()
})

const log = async (query: string) => (await ask(url, 'GET', `/api/request-logs?${query}`)).body
const ids = (page: Untyped): string[] => page.items.map((item: { id: string }) => item.id)
const numbers = async (query: string) => ids(await log(`limit=200&${query}`)).map((id) => Number(id.slice(4)))

describe('the request log', { timeout: 30_000 }, () => {
  it('gives the newest fifty, each as people see it, and writes what is queued first', async () => {
    const before = flushed
    const page = await log('')
    expect(flushed).toBe(before + 1)
    expect(page.items).toHaveLength(50)
    expect(page.items[0]).toMatchObject({
      id: 'req_119',
      requestId: 'req_119',
      at: '2026-01-15T01:59:00.000Z',
      model: 'gpt-5.5-mini',
      status: 'success',
      usage: { input: 100, cached: 20, output: 30, reasoning: 5 },
      costUsd: 0.001234,
      attempts: [{ accountId: 'acc_1', verdict: 'relay', at: '1970-01-01T00:00:01.000Z' }],
      decision: { because: 'ranked_first' },
    })
    expect(page.items[0]).not.toHaveProperty('atMs')
    expect(page.nextCursor).toBeTypeOf('string')
  })

  it.each<[string, (n: number) => boolean]>([
    ['accountId=acc_1', (n) => n % 3 === 1],
    ['accountId=acc_1&accountId=acc_2', (n) => n % 3 !== 0],
    ['accountId=nobody', () => false],
    ['model=gpt-5.5', (n) => n % 2 === 0],
    ['status=error', (n) => n % 4 === 1],
    ['status=error&status=cancelled', (n) => n % 4 === 1 || n % 4 === 2],
    ['since=2026-01-15T01:50:00Z', (n) => n >= 110],
    ['until=2026-01-15T00:10:00.000Z', (n) => n < 10],
    ['since=2026-01-15T02:30:00%2B01:00&until=2026-01-15T01:32:00Z', (n) => n === 90 || n === 91],
    ['accountId=acc_0&model=gpt-5.5&status=success&since=2026-01-15T01:00:00Z', (n) => n % 12 === 0 && n >= 60],
    ['search=REQ_01', (n) => n >= 10 && n < 20],
    ['search=100%25', (n) => n === 7],
    ["search=it's_over", (n) => n === 7],
    ['search=%22full%22%20%26', (n) => n === 7],
    ['search=%20%20', () => true],
    ['search=req%25119', () => false],
    ['search=%00', () => true],
    ['keyId=key_1&keyId=', (n) => n % 5 !== 2],
    ['keyId=', (n) => n % 5 > 2],
    ['effort=none&model=gpt-5.5', (n) => n % 2 === 0],
    ['effort=', (n) => n % 4 === 3],
    ['serviceTier=', () => true],
    ['client=codex-tui', (n) => n % 3 === 1],
    ['client=codex&client=', (n) => n % 3 === 2],
    ['client=OpenAI%2FPython&client=codex-tui', (n) => n % 3 !== 2],
    ['errorCode=server_error', (n) => n % 4 === 1],
    ['errorCode=', (n) => n % 4 !== 1],
    ['route=/v1/messages', (n) => n % 2 === 1],
    ['transport=ws&status=success', (n) => n % 4 === 0],
    ['sourceId=src_1', (n) => n === 33],
    ['thread_id=t/7', (n) => n === 7],
    ['conversationId=t/7&conversationId=s_8', (n) => n === 7 || n === 8],
    ['sessionId=s_8', (n) => n === 8],
    ['slowerThanMs=1000', (n) => n > 100],
    ['moved=true', (n) => n === 9],
    ['moved=false&status=error', (n) => n % 4 === 1 && n !== 9],
    ['search=T/7', (n) => n === 7],
  ])('is narrowed by ?%s', async (query, fits) => {
    const expected = Array.from({ length: 120 }, (_, n) => n).filter(fits)
    expect(await numbers(query)).toEqual(expected.toReversed())
  })

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['status=ok', 'status.0'],
    ['status=error&status=', 'status.1'],
    ['since=yesterday', 'since'],
    ['since=2026-01-15', 'since'],
    ['until=2026-13-01T00:00:00Z', 'until'],
    ['until=', 'until'],
    ['search=a&search=b', 'search'],
    [`search=${'x'.repeat(201)}`, 'search'],
    [Array.from({ length: 51 }, () => 'accountId=a').join('&'), 'accountId'],
    ['cursor=x', 'cursor'],
    ['moved=yes', 'moved'],
    ['transport=tcp', 'transport.0'],
    ['slowerThanMs=-1', 'slowerThanMs'],
    ['slowerThanMs=soon', 'slowerThanMs'],
    [`cursor=${Buffer.from('["1","r"]').toString('base64url')}`, 'cursor'],
    [`cursor=${Buffer.from('[1,"a\\u0000"]').toString('base64url')}`, 'cursor'],
    [`cursor=${'x'.repeat(501)}`, 'cursor'],
  ])('refuses ?%s and names %s', async (query, path) => {
    const { status, body } = await ask(url, 'GET', `/api/request-logs?${query}`)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'invalid_request', requestId: expect.any(String) })
    expect(body.error.details.map((detail: { path: string }) => detail.path)).toEqual([path])
    expect(body.error.details[0].message).toMatch(/\S/)
  })

  it('is read page by page without a gap or a repetition while new requests come in', async () => {
    const seen: string[] = []
    let cursor = ''
    let more = 0
    do {
      const page = await log(`limit=17&accountId=acc_0&accountId=acc_1&accountId=acc_2${cursor && `&cursor=${cursor}`}`)
      seen.push(...ids(page))
      cursor = page.nextCursor ?? ''
      await store.requests.add([
        requestRecord(`new_${more++}`, { atMs: startMs + 1_000 * minute, accountId: 'acc_new' }),
      ])
    } while (cursor !== '')
    expect(seen).toEqual(Array.from({ length: 120 }, (_, n) => `req_${String(119 - n).padStart(3, '0')}`))
    expect((await log('accountId=acc_new')).items).toHaveLength(more)
  })

  it('says what there is to filter by, with names and numbers, over the quarters of an hour that a time touches', async () => {
    const facets = async (query: string) => (await ask(url, 'GET', `/api/request-logs/facets?${query}`)).body
    const all = await facets('since=2026-01-15T00:00:01Z&until=2026-01-15T00:44:01Z')
    expect(RequestFacets.parse(all)).toEqual(all)
    expect(all).toMatchObject({ since: '2026-01-15T00:00:00.000Z', until: '2026-01-15T00:45:00.000Z' })
    expect(all.accounts).toEqual(
      ['acc_0', 'acc_1', 'acc_2'].map((id) => ({ accountId: id, displayName: `Name of ${id}`, requests: 15 })),
    )
    expect(all.keys).toEqual([
      { keyId: 'key_1', name: null, requests: 18 },
      { keyId: null, name: null, requests: 18 },
      { keyId: 'key_2', name: null, requests: 9 },
    ])
    expect(all.models).toEqual([
      { model: 'gpt-5.5', requests: 23 },
      { model: 'gpt-5.5-mini', requests: 22 },
    ])
    expect(all.clients.map(({ client }: Untyped) => client).toSorted()).toEqual(['OpenAI/Python', 'codex-tui', null])
    expect(all.efforts.map(({ effort }: Untyped) => effort)).toEqual(['none', 'high', null])
    expect(all.serviceTiers).toEqual([{ serviceTier: null, requests: 45 }])
    expect(all.statuses).toEqual([
      { status: 'success', requests: 23 },
      { status: 'error', requests: 11 },
      { status: 'cancelled', requests: 11 },
    ])
    expect(all.errorCodes).toEqual([{ code: 'server_error', requests: 11 }])
    const none = await facets('since=2027-01-15T00:00:00Z')
    expect([none.accounts, none.errorCodes, none.statuses[0].requests]).toEqual([[], [], 0])
  })

  it('can be had as a table, with the same filters', async () => {
    const answer = await fetch(
      `${url}/api/request-logs/export.csv?accountId=acc_1&status=error&until=2026-01-15T00:20:00Z`,
    )
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toContain('attachment')
    const [header, ...lines] = (await answer.text()).trimEnd().split('\r\n')
    expect(header?.split(',').slice(0, 3)).toEqual(['id', 'requestId', 'at'])
    expect(lines.map((line) => line.split(',')[0])).toEqual(['req_013', 'req_001'])
    expect(lines[0]).toContain(',Name of acc_1,')
    const all = (await (await fetch(`${url}/api/request-logs/export.csv`)).text()).trimEnd().split('\r\n')
    expect(all.length).toBeGreaterThan(120)
    expect((await ask(url, 'GET', '/api/request-logs/export.csv?status=ok')).status).toBe(400)
  })

  it('gives one request by its id', async () => {
    expect((await ask(url, 'GET', '/api/request-logs/req_007')).body).toMatchObject({
      id: 'req_007',
      model: 'gpt-5.5-mini',
    })
    for (const id of ['nothing', '%00', "'%20or%201=1"]) {
      const { status, body } = await ask(url, 'GET', `/api/request-logs/${id}`)
      expect([status, body.error.code], id).toEqual([404, 'request_not_found'])
    }
  })
})

describe('a turn', { timeout: 30_000 }, () => {
  let rig: Rig
  afterEach(() => rig.close())

  it('is found in the log by its own id, account and thread as soon as it has ended', async () => {
    rig = await startRig()
    const answer = await fetch(`${rig.url}/backend-api/codex/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'my-own-id', session_id: 'thread-77' },
      body: JSON.stringify(turnBody('FAKE_TEXT: hello')),
    })
    await answer.text()
    const found = async (query: string) => (await ask(rig.url, 'GET', `/api/request-logs?${query}`)).body.items
    const [one, ...others] = await found('search=MY-OWN')
    expect(others).toEqual([])
    expect(one).toMatchObject({
      requestId: 'my-own-id',
      status: 'success',
      model: 'gpt-5.5',
      accountId: expect.any(String),
    })
    expect(await found(`accountId=${one.accountId}&model=gpt-5.5&status=success`)).toEqual([one])
    expect((await ask(rig.url, 'GET', `/api/request-logs/${one.id}`)).body).toEqual(one)
    expect(JSON.stringify(one)).not.toContain('hello')
  })
})
