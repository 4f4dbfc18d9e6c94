import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generated, lacksOf, watchRoutes } from '../../docs/generate.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createTally } from '../../src/lib/tally.ts'
import { createServer } from '../../src/server.ts'
import { letIn, openToClients } from '../support/principal.ts'
import { sendRaw } from '../support/raw.ts'
import { refusalIn } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'

const watched = watchRoutes()
const { routes } = watched
let rig: Rig

beforeAll(async () => {
  rig = await startRig({ importAll: false })
  watched.stop()
})
afterAll(() => rig.close())

const server = () =>
  createServer({
    gate: { trustedProxies: [], hosts: new Set(), origins: new Set() },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0',
    underWay: createTally(),
    checkSession: letIn,
    clientGate: openToClients,
    isOpen: () => true,
  })

const mib = 1024 * 1024

describe('every route', () => {
  it('is known to this test', () => {
    const known = routes.map(({ method, url }) => `${method} ${url}`)
    expect(known.length).toBeGreaterThan(15)
    for (const one of ['POST /v1/responses', 'GET /api/accounts', 'PATCH /api/settings', 'GET /health/ready']) {
      expect(known).toContain(one)
    }
  })

  it('has a policy, a size limit and a deadline', () => {
    const lacking = routes.flatMap((route) => lacksOf(route).map((what) => `${route.method} ${route.url}: ${what}`))
    expect(lacking).toEqual([])
    const bare = {
      method: 'GET',
      url: '/x',
      options: { method: 'GET', url: '/x', handler: () => {} },
      defaultBodyBytes: 0,
    }
    expect(lacksOf(bare)).toEqual(['access', 'size limit', 'deadline'])
  })

  it('is in the table of the documentation, and so is every action of the audit log', () => {
    for (const { path, is, shouldBe } of generated(routes)) {
      expect(is(), `${path} is stale: run "npm run routes"`).toBe(shouldBe)
    }
  })

  it('says who may use it', () => {
    expect(routes.filter(({ options }) => options.config?.access === undefined)).toEqual([])
  })

  it('has a limit for its body: 1 MiB, except where whole conversations or many files arrive', () => {
    const limits = routes.map(({ url, options, defaultBodyBytes }) => ({
      url,
      bodyLimit: options.bodyLimit ?? defaultBodyBytes,
    }))
    expect(limits.filter(({ bodyLimit }) => !(bodyLimit > 0 && bodyLimit <= 128 * mib))).toEqual([])
    const large = new Set(limits.flatMap(({ url, bodyLimit }) => (bodyLimit > mib ? [url] : [])))
    const allowed = (url: string) => /^\/(v1|backend-api)\//.test(url) || url === '/api/accounts/import'
    expect([...large].filter((url) => !allowed(url))).toEqual([])
  })

  it('that reads its own body is a turn, or opens a socket for turns', () => {
    const own = routes.flatMap(({ method, url, options }) => (options.config?.readsBody ? [`${method} ${url}`] : []))
    const isTurn = (one: string) => /^POST \/(v1|backend-api)\//.test(one)
    const isSocket = (one: string) => /^(GET|HEAD) \/(v1|backend-api\/codex)\/responses$/.test(one)
    expect(own.filter((one) => !isTurn(one) && !isSocket(one))).toEqual([])
  })

  it('has a deadline: half a minute, except for turns, imports, sign-ins, probes, what-if, reports, tables and live events', () => {
    // A turn reads its own body, with a deadline of its own, and ends itself when it takes too long.
    const deadlines = routes.flatMap(({ url, options }) =>
      options.config?.readsBody ? [] : [{ url, ms: options.handlerTimeout ?? 0 }],
    )
    expect(deadlines.filter(({ ms }) => !(ms > 0 && ms < 3 * 60 * 60_000))).toEqual([])
    const long = new Set(deadlines.flatMap(({ url, ms }) => (ms > 30_000 ? [url] : [])))
    const allowed = (url: string) =>
      /^\/(v1|backend-api)\//.test(url) ||
      ['/api/accounts/import', '/api/sign-ins/:id/callback', '/api/routing/what-if'].includes(url) ||
      url.endsWith('/events') ||
      url.endsWith('.csv') ||
      url === '/api/reports' ||
      ['/api/accounts/:id/probe', '/api/accounts/warm-up'].includes(url)
    expect([...long].filter((url) => !allowed(url))).toEqual([])
  })

  it('that is public gives nothing away', () => {
    const open = routes.flatMap(({ options, url }) => (options.config?.access === 'public' ? [url] : []))
    expect(new Set(open.filter((url) => url.startsWith('/health/')))).toEqual(
      new Set(['/health/live', '/health/ready']),
    )
    expect(open.filter((url) => /accounts|request|usage|settings|keys|responses|models/.test(url))).toEqual([])
  })
})

describe('a server', () => {
  it('refuses to start with a route that does not say who may use it', () => {
    expect(() => server().get('/api/forgotten', async () => ({}))).toThrow(
      'The route GET /api/forgotten declares no access.',
    )
  })

  it('refuses to start when a plugin adds such a route', async () => {
    const app = server()
    app.register(async (scope) => {
      scope.post('/api/hidden', async () => ({}))
    })
    await expect(app.ready()).rejects.toThrow('The route POST /api/hidden declares no access.')
  })

  it('tells a client that stops sending that it was too slow, and one that waits in vain that we were', async () => {
    const app = server()
    const hang = () => new Promise(() => {})
    app.post('/api/slow', { handlerTimeout: 200, config: { access: 'public' } }, hang)
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const start = ['POST /api/slow HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', 'Content-Length: 9']
    try {
      const unfinished = await sendRaw(url, [`${start.join('\r\n')}\r\n\r\n{"a":`])
      expect(refusalIn('/api/slow', unfinished, unfinished.body)).toMatchObject({
        status: 408,
        code: 'request_timeout',
      })
      const whole = await sendRaw(url, [`${start.join('\r\n')}\r\n\r\n{"a":123}`])
      expect(whole.status).toBe(503)
    } finally {
      app.server.closeAllConnections()
      await app.close()
    }
  })

  it('starts when all routes say so', async () => {
    const app = server()
    app.get('/api/open', { config: { access: 'public' } }, async () => ({}))
    await app.ready()
    await app.close()
  })
})
