import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Access } from '../../src/gate.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createServer } from '../../src/server.ts'
import { type Rig, startRig } from '../support/start.ts'

type RouteSeen = {
  method: string
  url: string
  access: Access | undefined
  bodyLimit: number | undefined
  handlerTimeout: number | undefined
}

const routes: RouteSeen[] = []
let defaults: FastifyInstance['initialConfig'] & { handlerTimeout?: number }
let rig: Rig

/** Every server that starts tells of its routes, whoever adds them: nothing in the product has to take part. */
const onServer = (message: unknown) => {
  const { fastify } = message as { fastify: FastifyInstance }
  defaults = fastify.initialConfig
  fastify.addHook('onRoute', ({ method, url, config, bodyLimit, handlerTimeout }) => {
    for (const one of [method].flat()) {
      routes.push({ method: one, url, access: config?.access, bodyLimit, handlerTimeout })
    }
  })
}

beforeAll(async () => {
  subscribe('fastify.initialization', onServer)
  rig = await startRig({ importAll: false })
  unsubscribe('fastify.initialization', onServer)
})
afterAll(() => rig.close())

const server = () =>
  createServer({
    gate: { trustedProxies: [], hosts: new Set(), origins: new Set() },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0',
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

  it('says who may use it', () => {
    expect(routes.filter(({ access }) => access === undefined)).toEqual([])
  })

  it('has a limit for its body: 1 MiB, except where whole conversations or many files arrive', () => {
    const limits = routes.map(({ url, bodyLimit }) => ({ url, bodyLimit: bodyLimit ?? defaults.bodyLimit ?? 0 }))
    expect(limits.filter(({ bodyLimit }) => !(bodyLimit > 0 && bodyLimit <= 128 * mib))).toEqual([])
    const large = new Set(limits.flatMap(({ url, bodyLimit }) => (bodyLimit > mib ? [url] : [])))
    const allowed = (url: string) => /^\/(v1|backend-api)\//.test(url) || url === '/api/accounts/import'
    expect([...large].filter((url) => !allowed(url))).toEqual([])
  })

  it('has a deadline: half a minute, except for turns, imports and live events', () => {
    const deadlines = routes.map(({ url, handlerTimeout }) => ({ url, ms: handlerTimeout ?? defaults.handlerTimeout ?? 0 }))
    expect(deadlines.filter(({ ms }) => !(ms > 0 && ms < 3 * 60 * 60_000))).toEqual([])
    const long = new Set(deadlines.flatMap(({ url, ms }) => (ms > 30_000 ? [url] : [])))
    const allowed = (url: string) =>
      /^\/(v1|backend-api)\//.test(url) || url === '/api/accounts/import' || url.endsWith('/events')
    expect([...long].filter((url) => !allowed(url))).toEqual([])
  })

  it('that is public gives nothing away', () => {
    const open = routes.flatMap(({ access, url }) => (access === 'public' ? [url] : []))
    expect(new Set(open.filter((url) => url.startsWith('/health/')))).toEqual(new Set(['/health/live', '/health/ready']))
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

  it('starts when all routes say so', async () => {
    const app = server()
    app.get('/api/open', { config: { access: 'public' } }, async () => ({}))
    await app.ready()
    await app.close()
  })
})
