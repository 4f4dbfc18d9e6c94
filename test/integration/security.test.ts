import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Access } from '../../src/domain/access.ts'
import { createManualClock } from '../support/clock.ts'
import { addTotp, codeOf, password, refusal, withPassword } from '../support/sign-in.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { createVisitor, sessionCookie, type Visitor } from '../support/visitor.ts'

type RouteSeen = { method: string; url: string; access: Access | undefined }

/** A rig, and every route that the server has. */
async function startWithRoutes(options: RigOptions): Promise<{ rig: Rig; routes: RouteSeen[] }> {
  const routes: RouteSeen[] = []
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) routes.push({ method: one, url, access: config?.access })
    })
  }
  subscribe('fastify.initialization', onServer)
  const rig = await startRig(options)
  unsubscribe('fastify.initialization', onServer)
  return { rig, routes }
}

let rig: Rig | null = null
const start = async (options: RigOptions = {}) => {
  rig = await startRig({ importAll: false, ...options })
  return rig
}
afterEach(async () => {
  await rig?.close()
  rig = null
})

describe('with a password set', { timeout: 30_000 }, () => {
  let shared: Rig
  let routes: RouteSeen[]
  let me: Visitor
  let secret: string
  beforeAll(async () => {
    const started = await startWithRoutes({ importAll: false })
    shared = started.rig
    routes = started.routes
    me = await withPassword(shared)
    secret = (await addTotp(me)).secret
  })
  afterAll(() => shared.close())

  const isGuarded = (access: unknown) => access === 'viewer' || access === 'admin'

  /** Every route of the management API but the door, with something in the place of its parameters. */
  const guarded = () =>
    routes
      .filter(({ url, access }) => url.startsWith('/api/') && isGuarded(access))
      .map(({ method, url }) => ({ method, path: url.replace(/:\w+/g, 'x') }))

  it('only the session and the ways in are outside of the session', () => {
    const open = routes.filter(({ url, access }) => url.startsWith('/api/') && !isGuarded(access))
    const door = open.filter(({ access }) => access !== 'client').map(({ method, url }) => `${method} ${url}`)
    expect(door.filter((one) => !one.startsWith('HEAD')).toSorted()).toEqual([
      'GET /api/dashboard-auth/session',
      'POST /api/dashboard-auth/logout',
      'POST /api/dashboard-auth/passkeys/challenge',
      'POST /api/dashboard-auth/passkeys/login',
      'POST /api/dashboard-auth/password/login',
      'POST /api/dashboard-auth/password/setup',
      'POST /api/dashboard-auth/totp/verify',
    ])
    const local = open.filter(({ access }) => access === 'client').map(({ url }) => url)
    expect(new Set(local)).toEqual(
      new Set([
        '/api/codex/usage',
        '/api/codex/accounts/check',
        '/api/codex/profiles/me',
        '/api/codex/rate-limit-reset-credits',
        '/api/codex/rate-limit-reset-credits/consume',
        '/api/doctor/echo',
        '/api/doctor/stream',
        '/api/*',
      ]),
    )
    expect(guarded().length).toBeGreaterThan(20)
  })

  it('nobody gets anything without a cookie, not even from this machine', async () => {
    const stranger = createVisitor(shared)
    for (const { method, path } of guarded()) {
      const answer = await stranger.ask(method, path)
      expect(answer.status, `${method} ${path}`).toBe(401)
      if (method !== 'HEAD') expect(answer.body.error.code, `${method} ${path}`).toBe('authentication_required')
    }
  })

  it('half-way in, nobody gets anything but the demand for the code', async () => {
    const half = createVisitor(shared)
    expect((await half.door('POST', '/password/login', { password })).body).toMatchObject({
      authenticated: false,
      totpRequiredOnLogin: true,
      totpConfigured: false,
      passwordSessionActive: false,
    })
    for (const { method, path } of guarded()) {
      const answer = await half.ask(method, path)
      expect(answer.status, `${method} ${path}`).toBe(401)
      if (method !== 'HEAD') expect(answer.body.error.code, `${method} ${path}`).toBe('totp_required')
    }
  })

  it('no other spelling of a path leads past the session', async () => {
    const stranger = createVisitor(shared)
    for (const path of [
      '/api/accounts/',
      '//api/accounts',
      '/api//accounts',
      '/API/accounts',
      '/api/%61ccounts',
      '/api/./accounts',
      '/x/../api/accounts',
      '/api/accounts?x=1',
      '/api/accounts;x=1',
      '/api/dashboard-auth/../accounts',
      '/api/dashboard-auth/session/../../accounts',
    ]) {
      const answer = await stranger.ask('GET', path)
      expect([401, 404], path).toContain(answer.status)
      expect(answer.text, path).not.toContain('accountId')
    }
  })

  it('a forged, cut, changed or doubled cookie opens nothing', async () => {
    const good = me.cookie ?? ''
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
    const forged = [
      '',
      'x',
      good.slice(0, -1),
      `${good}A`,
      good.toLowerCase(),
      [...good].toReversed().join(''),
      'null',
      '%00',
      `${good}%00`,
      'A'.repeat(43),
      'A'.repeat(5_000),
      "' or 1=1 --",
    ]
    for (const cookie of forged) {
      const other = createVisitor(shared)
      const answer = await other.ask('GET', '/api/accounts', undefined, { cookie: `${sessionCookie}=${cookie}` })
      expect(refusal(answer), cookie).toBe('401 authentication_required')
    }
    for (const cookie of [`dashboard_session=${good}`, `${sessionCookie}=x; ${sessionCookie}=${good}`, good]) {
      const answer = await createVisitor(shared).ask('GET', '/api/accounts', undefined, { cookie })
      expect(answer.status, cookie).toBe(401)
    }
    const bearer = await createVisitor(shared).ask('GET', '/api/accounts', undefined, {
      authorization: `Bearer ${good}`,
    })
    expect(bearer.status).toBe(401)
  })

  it('whoever is out learns only what the sign-in page has to ask', async () => {
    const { status, body } = await createVisitor(shared).door('GET', '/session')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      authenticated: false,
      passwordRequired: true,
      totpRequiredOnLogin: false,
      totpConfigured: false,
      recoveryCodesLeft: 0,
      expiresAt: null,
    })
  })

  it('the description of the API names every route of the table, with its schemas', async () => {
    const { status, body: document } = await me.ask('GET', '/api/openapi.json')
    expect(status).toBe(200)
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toEqual({ title: 'codex-lb management API', version: expect.any(String) })
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations as object).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const served = routes.filter(
      ({ method, url, access }) =>
        url.startsWith('/api/') && (access !== 'client' || url.startsWith('/api/doctor/')) && method !== 'HEAD',
    )
    const names = served.map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`)
    expect(described.toSorted()).toEqual(names.toSorted())
    for (const { method, url, access } of served) {
      const path = url.replace(/:(\w+)/g, '{$1}')
      const operation = document.paths[path][method.toLowerCase()]
      expect(operation.summary, path).toMatch(/^[A-Z]/)
      expect(Object.keys(operation.responses), path).toEqual([expect.stringMatching(/^20[0124]$/), 'default'])
      expect(operation.security ?? null, path).toEqual(isGuarded(access) ? [{ session: [] }] : null)
      const named = (operation.parameters ?? []).filter((one: { in: string }) => one.in === 'path')
      expect(named.map(({ name }: { name: string }) => `{${name}}`).join(), path).toBe(
        path.match(/\{\w+\}/g)?.join() ?? '',
      )
    }
    const login = document.paths['/api/dashboard-auth/password/login'].post
    expect(login.requestBody.content['application/json'].schema).toMatchObject({
      type: 'object',
      required: ['password'],
      properties: { password: { type: 'string' } },
    })
    const accounts = document.paths['/api/accounts'].get.responses[200].content['application/json'].schema
    expect(accounts.properties.accounts.items.properties.accountId).toEqual({ type: 'string' })
    const filters = document.paths['/api/request-logs'].get.parameters.map(({ name }: { name: string }) => name)
    expect(filters).toEqual(
      expect.arrayContaining(['accountId', 'cursor', 'keyId', 'limit', 'search', 'since', 'until']),
    )
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, to = '']) => to)
    for (const to of new Set(references)) {
      expect(
        to.split('/').reduce((at, key) => at?.[key], document),
        to,
      ).toBeTypeOf('object')
    }
  })

  it('a session of one who signed in is not stored by caches', async () => {
    for (const path of ['/api/accounts', '/api/dashboard-auth/session', '/api/dashboard/overview']) {
      expect((await me.ask('GET', path)).headers['cache-control'], path).toBe('no-store')
    }
  })

  it('turns are still let in from this machine only, and no cookie changes that', async () => {
    for (const path of ['/v1/models', '/backend-api/codex/models', '/api/codex/usage']) {
      expect((await createVisitor(shared).ask('GET', path)).status, path).not.toBe(401)
      const far = await me.ask('GET', path, undefined, { 'x-forwarded-for': '203.0.113.5' })
      expect(refusal(far), path).toBe('401 authentication_required')
    }
  })

  it('a code is taken once', async () => {
    const half = createVisitor(shared)
    await half.door('POST', '/password/login', { password })
    // The set-up has used the code of the step that runs; the next step's counts already.
    const code = await codeOf(secret, Date.now() + 30_000)
    const planted = half.cookie
    const first = await half.door('POST', '/totp/verify', { code })
    expect(first.body).toMatchObject({ authenticated: true, totpConfigured: true, recoveryCodesLeft: 10 })
    expect(half.cookie).not.toBe(planted)
    const other = createVisitor(shared)
    await other.door('POST', '/password/login', { password })
    expect(refusal(await other.door('POST', '/totp/verify', { code }))).toBe('400 invalid_totp_code')
    expect((await createVisitor(shared).door('POST', '/totp/verify', { code })).status).toBe(401)
  })
})

describe('the cookie', { timeout: 30_000 }, () => {
  it('is kept from scripts and other sites, and belongs to the whole server', async () => {
    const me = await withPassword(await start())
    const [value, ...attributes] = (me.setCookie ?? '').split('; ')
    expect(value).toMatch(/^codex_lb_dashboard_session=[\w-]{43}$/)
    expect(attributes.filter((one) => !one.startsWith('Expires')).toSorted()).toEqual([
      'HttpOnly',
      'Path=/',
      'SameSite=Lax',
    ])
    const expires = Date.parse(attributes.find((one) => one.startsWith('Expires='))?.slice(8) ?? '')
    expect(expires - Date.now()).toBeGreaterThan(29 * 86_400_000)
    await me.door('POST', '/logout')
    expect(me.setCookie).toMatch(/^codex_lb_dashboard_session=;.*Expires=Thu, 01 Jan 1970/)
    expect(me.cookie).toBeNull()
  })

  it('is Secure behind a trusted proxy that speaks https, and only there', async () => {
    const trusting = await start({ env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1' } })
    const me = createVisitor(trusting, { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' })
    await me.door('POST', '/password/setup', { password })
    expect(me.setCookie).toContain('; Secure')
    await createVisitor(trusting).door('POST', '/password/login', { password })
    const plain = createVisitor(trusting, { 'x-forwarded-proto': 'http' })
    await plain.door('POST', '/password/login', { password })
    expect(plain.setCookie).not.toContain('Secure')
    await trusting.close()

    const wary = createVisitor(await start(), { 'x-forwarded-proto': 'https' })
    await wary.door('POST', '/password/setup', { password })
    expect(wary.setCookie).not.toContain('Secure')
  })

  it('is new after every step up, and one that was planted is never adopted', async () => {
    const rig = await start()
    const me = createVisitor(rig)
    me.cookie = 'planted'
    const seen = new Set(['planted'])
    const isNew = () => {
      expect(seen).not.toContain(me.cookie)
      seen.add(me.cookie ?? '')
    }
    await me.door('POST', '/password/setup', { password })
    isNew()
    await me.door('POST', '/password/login', { password })
    isNew()
    const { recoveryCodes } = await addTotp(me)
    await me.door('POST', '/password/login', { password })
    isNew()
    await me.door('POST', '/totp/verify', { code: recoveryCodes[0] })
    isNew()
    for (const cookie of seen) {
      const other = createVisitor(rig)
      other.cookie = cookie
      expect((await other.ask('GET', '/api/accounts')).status, cookie).toBe(cookie === me.cookie ? 200 : 401)
    }
  })

  it('opens nothing once its session has expired or ended', async () => {
    const clock = createManualClock(Date.now())
    const rig = await start({ app: { clock } })
    const me = await withPassword(rig)
    const other = createVisitor(rig)
    await other.door('POST', '/password/login', { password })
    expect((await other.door('GET', '/sessions')).body.items).toHaveLength(2)
    expect((await other.door('POST', '/logout-others')).body).toEqual({ status: 'ok', ended: 1 })
    expect(refusal(await me.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    const kept = other.cookie
    await other.door('POST', '/logout')
    other.cookie = kept
    expect(refusal(await other.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    await other.door('POST', '/password/login', { password })
    clock.advance(7 * 86_400_000)
    expect(refusal(await other.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
  })
})

describe('a page of another site', { timeout: 30_000 }, () => {
  it('cannot sign in, set a password or write, with or without the cookie', async () => {
    const me = await withPassword(await start())
    const from: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:3000' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of from) {
      for (const [method, path, body] of [
        ['POST', '/api/dashboard-auth/password/login', { password }],
        ['POST', '/api/dashboard-auth/password/setup', { password }],
        ['POST', '/api/dashboard-auth/totp/verify', { code: '123456' }],
        ['POST', '/api/dashboard-auth/logout', undefined],
        ['DELETE', '/api/dashboard-auth/password', { password }],
        ['PATCH', '/api/settings', { affinityMinutes: 1 }],
        ['POST', '/api/accounts/import', undefined],
        ['GET', '/api/accounts', undefined],
        ['GET', '/api/events', undefined],
      ] as const) {
        const answer = await me.ask(method, path, body, headers)
        expect(refusal(answer), `${method} ${path} ${JSON.stringify(headers)}`).toBe('403 forbidden_origin')
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      }
    }
    expect((await me.door('GET', '/session')).body).toMatchObject({ authenticated: true, passwordRequired: true })
    const own = { origin: rig?.url ?? '', 'sec-fetch-site': 'same-origin' }
    expect((await me.ask('PATCH', '/api/settings', { affinityMinutes: 7 }, own)).status).toBe(200)
  })

  it('cannot come in by a name of its own that leads here', async () => {
    const me = await withPassword(await start())
    for (const host of [
      'evil.example',
      '127.0.0.1.evil.example:2455',
      'localhost.evil.example',
      'evil.example@localhost',
    ]) {
      expect(refusal(await me.ask('GET', '/api/accounts', undefined, { host })), host).toBe('403 forbidden_host')
      expect(refusal(await me.door('GET', '/session', undefined, { host })), host).toBe('403 forbidden_host')
      expect(refusal(await me.door('POST', '/password/login', { password }, { host })), host).toBe('403 forbidden_host')
    }
  })
})
