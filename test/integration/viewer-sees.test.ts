import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openConfiguredStore } from '../../src/app-store.ts'
import { readConfig } from '../../src/config.ts'
import type { Access } from '../../src/domain/access.ts'
import { password, refusal, withPassword } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import { requestRecord } from '../support/stores.ts'
import type { Untyped } from '../support/untyped.ts'
import { createVisitor, listen, sessionCookie, type Visitor } from '../support/visitor.ts'

/** Each stands for something that only an admin may see, and is nothing that stands in an answer by itself. */
const logged = {
  requestId: 'leak-request',
  keyId: 'leak-key',
  client: 'leak-agent/1.0',
  sessionId: 'leak-session',
  threadId: 'leak-thread',
  responseId: 'leak-response',
  affinityKey: 'leak-affinity',
  clientAddress: '198.51.100.77',
  errorMessage: 'leak-message about someone@example.org',
  decision: { why: 'leak-decision' },
}
const live = { session: 'leak-live-session', agent: 'leak-live-agent/2.0', requestId: 'leak-live-request' }
const viewerPassword = 'only looking'

let rig: Rig
let me: Visitor
let viewer: Visitor
let sourceId: string
let accountId: string
let ruleId: string
let secrets: string[]
const routes: { method: string; url: string; access: Access | undefined }[] = []

beforeAll(async () => {
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) routes.push({ method: one, url, access: config?.access })
    })
  }
  subscribe('fastify.initialization', onServer)
  rig = await startRig()
  unsubscribe('fastify.initialization', onServer)
  const { config } = readConfig({ CODEX_LB_DATA_DIR: rig.dataDir }, rig.dataDir)
  const accounts = (await (await fetch(`${rig.url}/api/accounts`)).json()) as { accounts: Untyped[] }
  accountId = accounts.accounts[0]?.accountId
  const store = await openConfiguredStore(config, { warn: () => {} })
  await store.requests.add([requestRecord('req_seeded', { accountId, ...logged, atMs: Date.now() - 1_000 })])
  await store.close()
  me = await withPassword(rig)
  const key = await me.ask('POST', '/api/api-keys', { name: 'leak-key-name', allowedAddresses: ['198.51.100.78'] })
  const rule = await me.ask('POST', '/api/notification-rules', {
    ...{ kind: 'new_version', parameters: { url: 'https://leak-version.example' }, channelIds: [], isActive: false },
  })
  ruleId = rule.body.id
  const source = await me.ask('POST', '/api/model-sources', {
    ...{ name: 'Spare', baseUrl: 'http://leak-source.example/v1', apiKey: 'leak-source-key', use: ['last_resort'] },
    ...{ supports: { chat: true }, models: [{ model: 'any', inputUsdPerMillion: 0, outputUsdPerMillion: 0 }] },
  })
  sourceId = source.body.id
  const { displayName: _, ...first } = accounts.accounts[0] ?? {}
  secrets = [
    ...accounts.accounts.flatMap(({ email, chatgptAccountId }) => [email, chatgptAccountId]),
    ...[first.workspaceId, first.workspaceLabel].filter((one) => typeof one === 'string'),
    ...Object.values(logged).map((one) => (typeof one === 'string' ? one : one.why)),
    ...Object.values(live),
    ...['leak-source.example', 'leak-source-key'],
    ...[key.body.key, key.body.prefix, '198.51.100.78', '127.0.0.1', password, viewerPassword, me.cookie ?? ''],
  ]
  await me.door('PUT', '/viewer-password', { password: viewerPassword })
  viewer = createVisitor(rig, { 'user-agent': 'leak-viewer-agent' })
  await viewer.door('POST', '/password/login', { password: viewerPassword })
})
afterAll(() => rig.close())

const found = (text: string) => secrets.filter((secret) => text.includes(secret))
const turn = () =>
  fetch(`${rig.url}/v1/responses`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...{ session_id: live.session, 'user-agent': live.agent, 'x-request-id': live.requestId },
    },
    body: JSON.stringify({ model: 'gpt-5.5', input: 'hello', stream: true, prompt_cache_key: 'leak-live-thread' }),
  }).then((answer) => answer.text())

/** What stands for the parameter of each route that has one. */
const parameters = (): Record<string, string> => ({
  '/api/accounts/:id': accountId,
  '/api/request-logs/:id': 'req_seeded',
  '/api/notification-rules/:id': ruleId,
  '/api/model-sources/:id': sourceId,
})
const pathOf = (url: string) => {
  const [pattern, value] = Object.entries(parameters()).find(([start]) => url.startsWith(start)) ?? []
  return pattern === undefined || value === undefined ? url : url.replace(pattern, pattern.replace(':id', value))
}
const reads = () =>
  routes.filter(({ method, access, url }) => method === 'GET' && access === 'viewer' && url !== '/api/events')

describe('what a viewer gets', { timeout: 60_000 }, () => {
  it('holds no e-mail, address, key, client or thread, on any route that is open to viewers', async () => {
    await turn()
    const ofAdmin: string[] = []
    for (const { url } of reads()) {
      const path = pathOf(url)
      expect(path, `Say above what stands for the parameter of ${url}.`).not.toContain(':')
      const answer = await viewer.ask('GET', path)
      expect(answer.status, path).toBe(200)
      expect(found(answer.text), path).toEqual([])
      if (path !== '/api/openapi.json') expect(answer.text, path).not.toMatch(/leak-|[\w.]+@[\w.]+|\d+\.\d+\.\d+\.\d+/)
      ofAdmin.push((await me.ask('GET', path)).text)
    }
    expect(reads().length).toBeGreaterThan(10)
    // The admin sees them there: this test would notice.
    const all = ofAdmin.join('\n')
    const seen = [...Object.values(logged).map((one) => (typeof one === 'string' ? one : one.why)), 'a@example.com']
    expect(seen.filter((one) => !all.includes(one))).toEqual([])
    expect(Object.values(live).filter((one) => !all.includes(one))).toEqual([])
  })

  it('calls an account by another name, the same everywhere, and keeps its figures', async () => {
    const { accounts } = (await viewer.ask('GET', '/api/accounts')).body
    const names = accounts.map(({ displayName }: Untyped) => displayName)
    expect(new Set(names).size).toBe(3)
    for (const name of names) expect(name).toMatch(/^Account [0-9a-f]{4}$/)
    const one = (await viewer.ask('GET', `/api/accounts/${accountId}`)).body
    expect(names).toContain(one.displayName)
    const whole = (await me.ask('GET', `/api/accounts/${accountId}`)).body
    expect(one).toMatchObject({ email: null, chatgptAccountId: null, planType: whole.planType, status: 'active' })
    expect(Object.keys(one).toSorted()).toEqual(Object.keys(whole).toSorted())
    expect(one.windows).toEqual(whole.windows)
  })

  it('has the live events without them, while the admin gets them whole', async () => {
    const cookie = (who: Visitor) => ({ cookie: `${sessionCookie}=${who.cookie}` })
    const [ofViewer, ofAdmin] = [await listen(rig.url, cookie(viewer)), await listen(rig.url, cookie(me))]
    try {
      await turn()
      await me.ask('POST', `/api/accounts/${accountId}/pause`)
      for (const listener of [ofViewer, ofAdmin]) {
        await listener.hears('request', ({ phase }) => phase === 'ended')
        await listener.hears('account', (account) => account.accountId === accountId)
        await listener.hears('totals')
      }
      const text = JSON.stringify(ofViewer.heard)
      expect(found(text)).toEqual([])
      expect(text).not.toMatch(/leak-|@/)
      expect(JSON.stringify(ofAdmin.heard)).toContain(live.session)
      // One request is the same one from its beginning to its end.
      const ids = ofViewer.heard.filter(({ name }) => name === 'request').map(({ data }) => data.requestId)
      expect(new Set(ids).size).toBe(1)
    } finally {
      for (const listener of [ofViewer, ofAdmin]) listener.close()
      await me.ask('POST', `/api/accounts/${accountId}/reactivate`)
    }
  })

  it('cannot be searched for what it does not show', async () => {
    for (const path of ['/api/request-logs?search=leak', '/api/request-logs?limit=5&search=a@example.com']) {
      expect(refusal(await viewer.ask('GET', path))).toBe('403 admin_required')
      expect((await me.ask('GET', path)).status).toBe(200)
    }
    expect((await viewer.ask('GET', `/api/request-logs?account_id=${accountId}`)).status).toBe(200)
  })
})
