import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { createManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import {
  noName,
  startHttpProxy,
  startSocksProxy,
  startWatchman,
  type TestProxy,
  type Watchman,
} from '../support/proxies.ts'
import { signInsOf } from '../support/sign-ins.ts'
import { turnBody, until } from '../support/simulator-client.ts'
import { openSocket } from '../support/socket-client.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { ask } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

const login = { username: 'ada', password: 'p@ss:wörd' }
const a = 'a@example.com'
const b = 'b@example.com'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Setup = { rig: Rig; watchman: Watchman }

/** The product in front of a simulator that notes where connections come from; nothing is imported yet. */
async function setUp(options: RigOptions = {}): Promise<Setup> {
  const watchman = await startWatchman()
  closers.push(() => watchman.close())
  const env = {
    CODEX_LB_UPSTREAM_BASE_URL: `${watchman.url}/backend-api`,
    CODEX_LB_AUTH_BASE_URL: watchman.url,
    CODEX_LB_REALTIME_BASE_URL: watchman.url,
    ...options.env,
  }
  const accounts = options.accounts ?? [{ email: a, plan: 'plus' }]
  const rig = await startRig({ ...options, accounts, env, importAll: false })
  closers.push(() => rig.close())
  watchman.guard(rig.simulator.url)
  return { rig, watchman }
}

async function call(rig: Rig, method: string, path: string, body?: object): Promise<{ status: number; json: Untyped }> {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(rig.url + path, { method, ...sent })
  const text = await answer.text()
  return { status: answer.status, json: text === '' ? null : JSON.parse(text) }
}
async function make<T>(promise: Promise<T & { close(): Promise<void> }>) {
  const made = await promise
  closers.push(() => made.close())
  return made
}
async function addProxy(rig: Rig, name: string, proxy: { port: number }, more: object = {}): Promise<string> {
  const body = { name, scheme: 'http', host: '127.0.0.1', port: proxy.port, ...more }
  const { status, json } = await call(rig, 'POST', '/api/egress-proxies', body)
  expect(status, JSON.stringify(json)).toBe(201)
  return json.id
}
const bind = async (rig: Rig, email: string, egress: object) => {
  const { accountId } = await rig.account(email)
  const answer = await call(rig, 'PATCH', `/api/accounts/${accountId}`, { egress })
  expect(answer.status, JSON.stringify(answer.json)).toBe(200)
  return accountId as string
}
const byDefault = (rig: Rig, egress: object | null) =>
  call(rig, 'PATCH', '/api/settings', { defaultEgress: egress }).then(({ status }) => expect(status).toBe(200))
const newest = async (rig: Rig) => {
  await eventually('it came about', async () => (await rig.requests()).length > 0)
  return (await rig.requests())[0] as Untyped
}
const health = async (rig: Rig, id: string) => (await call(rig, 'GET', `/api/egress-proxies/${id}`)).json.health
/** Every connection that the upstream has seen came out of one of these. */
const onlyThrough = ({ from }: Watchman, ...proxies: TestProxy[]) => {
  const ports = new Set(proxies.flatMap(({ localPorts }) => [...localPorts]))
  expect(from.length).toBeGreaterThan(0)
  expect(from.filter((port) => !ports.has(port))).toEqual([])
}

const kinds = [
  ['an HTTP proxy', 'http', () => startHttpProxy(), {}],
  ['an HTTP proxy with a login', 'http', () => startHttpProxy({ login }), login],
  ['a SOCKS5 proxy', 'socks5', () => startSocksProxy(), {}],
  ['a SOCKS5 proxy with a login', 'socks5h', () => startSocksProxy({ login }), login],
] as const

describe('calls of accounts', { timeout: 60_000 }, () => {
  it.each(kinds)('all go through %s, and nothing goes past it', async (_name, scheme, start, credentials) => {
    const { rig, watchman } = await setUp()
    const proxy = await make(start())
    const id = await addProxy(rig, 'office', proxy, { scheme, ...credentials })
    await byDefault(rig, { kind: 'proxy', id })
    await rig.importAccounts()

    // Usage and model lists are asked for after an import, by themselves.
    await eventually('it came about', async () => (await rig.account(a)).windows.length > 0)
    await until(() => rig.simulator.requests.some(({ path }) => path.includes('/models')))
    // A turn, whose token has to be renewed on the way.
    rig.simulator.script(a, { kind: 'unauthorized', code: 'token_expired', times: 1 })
    expect((await ask(rig)).status).toBe(200)
    expect(rig.simulator.refreshes.length).toBe(1)
    expect(await newest(rig)).toMatchObject({ status: 'success', egressId: id })
    // The turns of a socket.
    const socket = await openSocket(`${rig.url}/backend-api/codex/responses`, { 'user-agent': 'codex_exec/0.169.0' })
    expect((await socket.turn(turnBody('hi'))).at(-1)?.type).toBe('response.completed')
    await socket.close()
    // Files, audio, reset credits, and a call with its side socket.
    const { accountId } = await rig.account(a)
    const file = { file_name: 'a.txt', file_size: 3, use_case: 'codex' }
    expect((await call(rig, 'POST', '/backend-api/files', file)).status).toBe(200)
    const form = new FormData()
    form.append('file', new Blob(['RIFF']), 'a.wav')
    expect((await fetch(`${rig.url}/backend-api/transcribe`, { method: 'POST', body: form })).status).toBe(200)
    expect((await call(rig, 'GET', `/api/accounts/${accountId}/reset-credits`)).status).toBe(200)
    const headers = { 'content-type': 'application/sdp' }
    const calls = `${rig.url}/backend-api/codex/realtime/calls`
    const begun = await fetch(calls, { method: 'POST', headers, body: 'v=0' })
    expect(begun.status).toBe(201)
    const callId = begun.headers.get('location')?.split('/').at(-1)
    const side = new WebSocket(`${rig.url.replace('http', 'ws')}/v1/realtime?call_id=${callId}`)
    await once(side, 'open')
    side.terminate()

    onlyThrough(watchman, proxy)
    expect((await health(rig, id)).status).toBe('ok')
    // Connections are kept: far fewer than calls.
    expect(proxy.tunnels).toBeLessThan(rig.simulator.requests.length)
  })

  it('of each account go its own way, and those without one directly', async () => {
    const { rig, watchman } = await setUp({
      accounts: [
        { email: a, plan: 'plus' },
        { email: b, plan: 'plus' },
      ],
    })
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy)
    await rig.importAccounts()
    const accountId = await bind(rig, a, { kind: 'proxy', id })
    expect(await rig.account(a)).toMatchObject({ egress: { kind: 'proxy', id } })
    expect(await rig.account(b)).toMatchObject({ egress: { kind: 'default' } })
    await call(rig, 'PATCH', '/api/settings', { strategy: 'single_account', singleAccountId: accountId })
    const before = watchman.from.length
    expect((await ask(rig)).status).toBe(200)
    expect(await newest(rig)).toMatchObject({ accountId, egressId: id })
    expect(watchman.from.slice(before).every((port) => proxy.localPorts.has(port))).toBe(true)
    const { accountId: other } = await rig.account(b)
    await call(rig, 'PATCH', '/api/settings', { singleAccountId: other })
    const tunnels = proxy.tunnels
    expect((await ask(rig)).status).toBe(200)
    expect(await newest(rig)).toMatchObject({ accountId: other, egressId: null })
    expect(proxy.tunnels).toBe(tunnels)
    // Directly is a choice too, whatever all others do.
    await byDefault(rig, { kind: 'proxy', id })
    await bind(rig, b, { kind: 'direct' })
    expect((await ask(rig)).status).toBe(200)
    expect(await newest(rig)).toMatchObject({ accountId: other, egressId: null })
  })

  it('and the sign-in that renews one go its way, also where all others go directly', async () => {
    const { rig, watchman } = await setUp()
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy)
    await rig.importAccounts()
    await eventually('its figures were read', async () => (await rig.account(a)).windows.length > 0)
    const accountId = await bind(rig, a, { kind: 'proxy', id })
    const people = signInsOf(rig)
    const flow = await people.begin({ method: 'browser', accountId })
    const { searchParams } = new URL(flow.authorizationUrl)
    searchParams.set('login_hint', a)
    const callbackUrl = await people.browse({
      authorizationUrl: `${rig.simulator.authUrl}/oauth/authorize?${searchParams}`,
    })
    const before = watchman.from.length
    expect((await people.paste(flow.id, callbackUrl)).status).toBe(200)
    expect(await people.until(flow.id, 'succeeded')).toMatchObject({ result: { email: a, outcome: 'updated' } })
    expect(watchman.from.length).toBeGreaterThan(before)
    expect(watchman.from.slice(before).every((port) => proxy.localPorts.has(port))).toBe(true)
  })

  it('leave a socket that was opened on another way', async () => {
    const { rig, watchman } = await setUp()
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy)
    await rig.importAccounts()
    const socket = await openSocket(`${rig.url}/backend-api/codex/responses`, { 'user-agent': 'codex_exec/0.169.0' })
    const turn = async () => expect((await socket.turn(turnBody('hi'))).at(-1)?.type).toBe('response.completed')
    await turn()
    expect(proxy.tunnels).toBe(0)
    await bind(rig, a, { kind: 'proxy', id })
    const before = watchman.from.length
    await turn()
    expect(proxy.tunnels).toBeGreaterThan(0)
    expect(watchman.from.slice(before).every((port) => proxy.localPorts.has(port))).toBe(true)
    await socket.close()
  })

  it('have names looked up by a socks5h proxy, so that they work where this machine knows none', async () => {
    const { rig, watchman } = await setUp({ env: {} })
    const names = { [noName]: { host: '127.0.0.1', port: watchman.port } }
    const proxy = await make(startSocksProxy({ names }))
    const other = await setUp({ env: { CODEX_LB_UPSTREAM_BASE_URL: `http://${noName}/backend-api` } })
    watchman.guard(other.rig.simulator.url)
    const far = await addProxy(other.rig, 'far', proxy, { scheme: 'socks5h' })
    const near = await addProxy(other.rig, 'near', proxy, { scheme: 'socks5' })
    expect((await call(other.rig, 'POST', `/api/egress-proxies/${far}/test`)).json).toMatchObject({ ok: true })
    expect(proxy.targets).toEqual([`${noName}:80`])
    expect((await call(other.rig, 'POST', `/api/egress-proxies/${near}/test`)).json).toMatchObject({
      ok: false,
      error: { code: 'egress_dns' },
    })
    expect(rig.url).not.toBe(other.rig.url)
  })
})

describe('a way out that is closed', { timeout: 60_000 }, () => {
  it('is told as such, is no reason to go directly, and is no fault of the account', async () => {
    const { rig, watchman } = await setUp()
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy)
    await byDefault(rig, { kind: 'proxy', id })
    await rig.importAccounts()
    await eventually('it came about', async () => (await rig.account(a)).windows.length > 0)
    await call(rig, 'PATCH', '/api/settings', { waitSeconds: 0 })
    await proxy.close()
    const seen = watchman.from.length
    const first = await ask(rig)
    expect(first.status).toBe(503)
    expect(first.error).toMatchObject({ code: 'egress_unavailable' })
    const second = await ask(rig)
    expect(second.status).toBe(503)
    expect(second.error.message).toMatch(/its way out, proxy office, is down since .* \(egress_\w+\)/)
    expect(watchman.from.length).toBe(seen)
    const [last, before] = (await rig.requests()) as [Untyped, Untyped]
    // The first may still have met a connection that was kept, and that ended with the proxy.
    for (const attempt of before.attempts)
      expect(attempt).toMatchObject({ scope: 'egress', status: null, egressId: id })
    expect(before.attempts.length).toBeGreaterThan(0)
    expect(last.attempts).toEqual([])
    const { json: decision } = await call(rig, 'GET', `/api/request-logs/${last.id}`)
    expect(decision.decision.excluded[0].exclusion).toMatchObject({
      ...{ reason: 'egress_down', kind: 'proxy', name: 'office' },
    })
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocks: [] })
    expect(await health(rig, id)).toMatchObject({
      status: 'resting',
      lastError: { code: expect.stringMatching(/^egress_/) },
    })
    expect((await health(rig, id)).failures).toBeGreaterThan(0)
  })

  it('rests longer each time, is tried by one request, and opens again', async () => {
    const clock = createManualClock()
    const { rig } = await setUp({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy)
    await rig.importAccounts()
    await eventually('it came about', async () => (await rig.account(a)).windows.length > 0)
    await call(rig, 'PATCH', '/api/settings', { waitSeconds: 0 })
    await bind(rig, a, { kind: 'proxy', id })
    proxy.mode = 'refuse'
    const restOf = async () => {
      const { restingUntil } = await health(rig, id)
      return Date.parse(restingUntil) - clock.now()
    }
    const rests: number[] = []
    for (let failures = 1; failures <= 9; failures++) {
      expect((await ask(rig)).status).toBe(503)
      expect((await health(rig, id)).failures).toBe(failures)
      rests.push(await restOf())
      clock.advance(rests.at(-1) ?? 0)
    }
    expect(rests).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120].map((seconds) => seconds * 1_000))
    // Ten come at once after the rest: one of them tries it.
    const targets = proxy.targets.length
    proxy.mode = 'hang'
    const many = Array.from({ length: 10 }, () => ask(rig))
    const told = await Promise.all(many.slice(1))
    expect(told.map(({ status }) => status)).toEqual(Array(9).fill(503))
    expect(told[0]?.error.message).toMatch(/is being tried by one request/)
    expect(proxy.targets.length - targets).toBeLessThanOrEqual(1)
    await proxy.close()
    await many[0]
    await proxy.open()
    proxy.mode = null
    // A poll of our own may be the one that tries it.
    await eventually('it was open again', async () => {
      clock.advance(120_000)
      return (await ask(rig)).status === 200
    })
    expect(await health(rig, id)).toMatchObject({ status: 'ok', failures: 0, downSince: null, restingUntil: null })
  })

  it('is waited for, as long as the settings say', async () => {
    const { rig } = await setUp()
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy)
    await rig.importAccounts()
    await bind(rig, a, { kind: 'proxy', id })
    proxy.mode = 'refuse'
    const asked = ask(rig)
    await eventually('it came about', async () => (await health(rig, id)).failures === 1)
    proxy.mode = null
    expect((await asked).status).toBe(200)
    expect((await newest(rig)).waitedMs).toBeGreaterThan(0)
  })

  it('of one account leaves the others, and a proxy that is switched off is closed too', async () => {
    const { rig } = await setUp({
      accounts: [
        { email: a, plan: 'plus' },
        { email: b, plan: 'plus' },
      ],
    })
    const proxy = await make(startHttpProxy())
    const id = await addProxy(rig, 'office', proxy, { isActive: false })
    await rig.importAccounts()
    const bound = await bind(rig, a, { kind: 'proxy', id })
    for (let turn = 0; turn < 3; turn++) expect((await ask(rig)).status).toBe(200)
    const { accountId: other } = await rig.account(b)
    expect((await rig.requests()).map(({ accountId }) => accountId)).toEqual([other, other, other])
    const { json } = await call(rig, 'GET', `/api/request-logs/${(await newest(rig)).id}`)
    expect(json.decision.excluded).toContainEqual({
      accountId: bound,
      exclusion: { reason: 'egress_down', kind: 'proxy', name: 'office', code: 'off', sinceMs: null, untilMs: null },
    })
    expect(proxy.tunnels).toBe(0)
  })

  it.each([
    ['drop', 'egress_protocol'],
    ['refuse', 'egress_refused'],
  ] as const)('because the proxy does %s moves no token and no account', async (mode, code) => {
    const { rig } = await setUp()
    const proxy = await make(startSocksProxy())
    const id = await addProxy(rig, 'office', proxy, { scheme: 'socks5' })
    await rig.importAccounts()
    await bind(rig, a, { kind: 'proxy', id })
    await call(rig, 'PATCH', '/api/settings', { waitSeconds: 0 })
    proxy.mode = mode
    expect((await ask(rig)).status).toBe(503)
    expect((await newest(rig)).attempts.at(-1)).toMatchObject({ scope: 'egress', code })
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocks: [], statusReason: null })
  })
})

describe('a pool of proxies', { timeout: 60_000 }, () => {
  it('goes on to its next member within the request, and the client notices nothing', async () => {
    const { rig, watchman } = await setUp()
    const dead = await make(startHttpProxy())
    const locked = await make(startSocksProxy({ login }))
    const good = await make(startSocksProxy())
    await dead.close()
    const ids = [
      await addProxy(rig, 'dead', dead),
      await addProxy(rig, 'locked', locked, { scheme: 'socks5', username: 'ada', password: 'wrong' }),
      await addProxy(rig, 'good', good, { scheme: 'socks5' }),
    ]
    const pool = await call(rig, 'POST', '/api/egress-pools', { name: 'all', memberIds: ids })
    expect(pool.status).toBe(201)
    await byDefault(rig, { kind: 'pool', id: pool.json.id })
    await rig.importAccounts()
    await eventually('it came about', async () => (await rig.account(a)).windows.length > 0)
    // Usage polls have found that out already; a test forgets nothing, so the rests are let pass.
    const rested = async () => {
      const now = Date.now()
      const all = await Promise.all(ids.map((id) => health(rig, id)))
      return all.every(({ restingUntil }) => restingUntil === null || Date.parse(restingUntil) <= now)
    }
    await eventually('all rests were over', rested)
    const told = await ask(rig)
    expect(told.status).toBe(200)
    const { egressId, attempts, status } = await newest(rig)
    expect({ egressId, status }).toEqual({ egressId: ids[2], status: 'success' })
    expect(attempts.at(-1)).toMatchObject({ verdict: 'relay', egressId: ids[2] })
    for (const attempt of attempts.slice(0, -1)) {
      expect(attempt).toMatchObject({ verdict: 'try_another', scope: 'egress', status: null })
    }
    expect(await health(rig, ids[0] as string)).toMatchObject({ lastError: { code: 'egress_unreachable' } })
    expect(await health(rig, ids[1] as string)).toMatchObject({ lastError: { code: 'egress_auth_refused' } })
    onlyThrough(watchman, good)
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocks: [] })
  })

  it('moves on when tunnels break off before an answer, and blames no account for it', async () => {
    const { rig } = await setUp()
    const cutting = await make(startHttpProxy())
    const good = await make(startHttpProxy())
    await rig.importAccounts()
    await eventually('it came about', async () => (await rig.account(a)).windows.length > 0)
    const ids = [await addProxy(rig, 'cutting', cutting), await addProxy(rig, 'good', good)]
    const { json } = await call(rig, 'POST', '/api/egress-pools', { name: 'both', memberIds: ids })
    await bind(rig, a, { kind: 'pool', id: json.id })
    cutting.mode = 'cut'
    expect((await ask(rig)).status).toBe(200)
    const { attempts, egressId } = await newest(rig)
    expect(attempts.map((one: Untyped) => [one.verdict, one.scope, one.egressId])).toEqual([
      ['transient', 'egress', ids[0]],
      ['relay', null, ids[1]],
    ])
    expect(egressId).toBe(ids[1])
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocks: [] })
  })

  it('without a member that works is closed', async () => {
    const { rig, watchman } = await setUp()
    await rig.importAccounts()
    await eventually('it came about', async () => (await rig.account(a)).windows.length > 0)
    const { json } = await call(rig, 'POST', '/api/egress-pools', { name: 'nobody' })
    expect(json).toMatchObject({ memberIds: [], down: { code: 'empty' } })
    await bind(rig, a, { kind: 'pool', id: json.id })
    const seen = watchman.from.length
    const told = await ask(rig)
    expect(told.status).toBe(503)
    expect(told.error.message).toMatch(/its way out, pool nobody, has no members/)
    expect(watchman.from.length).toBe(seen)
  })
})
