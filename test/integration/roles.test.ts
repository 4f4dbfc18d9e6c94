import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Access } from '../../src/domain/access.ts'
import { addTotp, password, refusal, withPassword } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const viewerPassword = 'only looking'
let rig: Rig
let me: Visitor
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
  me = await withPassword(rig)
})
afterAll(() => rig.close())

const setViewers = (text: string, who = me) => who.door('PUT', '/viewer-password', { password: text })
const asViewer = async () => {
  expect((await setViewers(viewerPassword)).status).toBe(200)
  const viewer = createVisitor(rig)
  expect((await viewer.door('POST', '/password/login', { password: viewerPassword })).status).toBe(200)
  return viewer
}

describe('a viewer', () => {
  it('signs in with a password of its own, and is told its role', async () => {
    expect((await me.door('GET', '/viewer-password')).body).toEqual({ passwordSet: false })
    expect(refusal(await createVisitor(rig).door('POST', '/password/login', { password: viewerPassword }))).toBe(
      '401 invalid_credentials',
    )
    const viewer = await asViewer()
    expect((await viewer.door('GET', '/session')).body).toMatchObject({
      ...{ authenticated: true, role: 'viewer', totpConfigured: false, recoveryCodesLeft: 0 },
    })
    expect((await me.door('GET', '/viewer-password')).body).toEqual({ passwordSet: true })
    expect((await viewer.ask('GET', '/api/accounts')).status).toBe(200)
  })

  it('is not asked for the admin’s second factor', async () => {
    const other = await startRig({ importAll: false })
    try {
      const boss = await withPassword(other)
      await addTotp(boss)
      await setViewers(viewerPassword, boss)
      const viewer = createVisitor(other)
      const { body } = await viewer.door('POST', '/password/login', { password: viewerPassword })
      expect(body).toMatchObject({ authenticated: true, role: 'viewer', totpRequiredOnLogin: false })
    } finally {
      await other.close()
    }
  })

  it('is refused by every route that changes something or is for admins', async () => {
    const viewer = await asViewer()
    const admins = routes.filter(
      ({ url, access, method }) => url.startsWith('/api/') && access === 'admin' && method !== 'HEAD',
    )
    expect(admins.length).toBeGreaterThan(20)
    for (const { method, url } of admins) {
      const answer = await viewer.ask(method, url.replace(/:\w+/g, 'x'))
      expect(refusal(answer), `${method} ${url}`).toBe('403 admin_required')
    }
    // Asking is all that is open to a viewer; a replay changes nothing.
    const others = routes.filter(({ access, method }) => access === 'viewer' && !['GET', 'HEAD'].includes(method))
    expect(others.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /api/routing/what-if'])
  })

  it('cannot become an admin by the confirmation of another password', async () => {
    const viewer = await asViewer()
    expect(refusal(await viewer.door('POST', '/passkeys/start', { password: viewerPassword }))).toBe(
      '403 admin_required',
    )
    for (const path of ['/password/change', '/passkeys/start']) {
      const body = { currentPassword: viewerPassword, newPassword: 'another horse', password: viewerPassword }
      const answer = await me.door('POST', path, path === '/passkeys/start' ? { password: viewerPassword } : body)
      expect(['401 invalid_credentials', '400 passkeys_unavailable']).toContain(refusal(answer))
    }
  })

  it('has a password that is not the admin’s, whichever is set later', async () => {
    const answer = await setViewers(password)
    expect(refusal(answer)).toBe('400 invalid_request')
    expect(answer.body.error.details).toMatchObject([{ path: 'password' }])
    await asViewer()
    const change = { currentPassword: password, newPassword: viewerPassword }
    expect((await me.door('POST', '/password/change', change)).body.error.details).toMatchObject([
      { path: 'newPassword' },
    ])
  })

  it('is out once its password changes or goes, and the admin stays', async () => {
    const viewer = await asViewer()
    await setViewers('still looking')
    expect(refusal(await viewer.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    await viewer.door('POST', '/password/login', { password: 'still looking' })
    expect((await me.door('DELETE', '/viewer-password')).status).toBe(204)
    expect(refusal(await viewer.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    const again = await viewer.door('POST', '/password/login', { password: 'still looking' })
    expect(refusal(again)).toBe('401 invalid_credentials')
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
  })

  it('needs an admin with a password first', async () => {
    const fresh = await startRig({ importAll: false })
    try {
      expect(refusal(await setViewers(viewerPassword, createVisitor(fresh)))).toBe('401 authentication_required')
    } finally {
      await fresh.close()
    }
  })
})

describe('a session', () => {
  const list = async (): Promise<Untyped[]> => (await me.door('GET', '/sessions')).body.items

  it('is listed with its role and how it began, and ends alone', async () => {
    const viewer = await asViewer()
    const found = (await list()).find(({ role }) => role === 'viewer')
    expect(found).toMatchObject({ role: 'viewer', method: 'password', pending: false, current: false })
    expect((await me.door('DELETE', `/sessions/${found.id}`)).status).toBe(204)
    expect(refusal(await viewer.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    expect(refusal(await me.door('DELETE', `/sessions/${found.id}`))).toBe('404 session_not_found')
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
  })

  it('that owes a code is listed as such', async () => {
    const other = await startRig({ importAll: false })
    try {
      const boss = await withPassword(other)
      await addTotp(boss)
      await createVisitor(other).door('POST', '/password/login', { password })
      const { items } = (await boss.door('GET', '/sessions')).body
      expect(items.filter(({ pending }: { pending: boolean }) => pending)).toHaveLength(1)
    } finally {
      await other.close()
    }
  })
})
