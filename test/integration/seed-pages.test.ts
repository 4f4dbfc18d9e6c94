import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addTotp, password, withPassword } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'
import { createVisitor } from '../support/visitor.ts'

// The calls of the two pages that document the old product, made the way their examples make them. The cookie's name
// is the only thing that changed.

let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    accounts: [
      { email: 'a@example.com', plan: 'plus' },
      { email: 'b@example.com', plan: 'pro' },
    ],
    importAll: false,
  })
})
afterAll(() => rig.close())

type Answer = { status: number; body: Untyped }

const call = async (path: string, init: RequestInit): Promise<Answer> => {
  const response = await fetch(rig.url + path, init)
  return { status: response.status, body: await response.json() }
}
const get = (path: string) => call(path, { headers: { Accept: 'application/json' } })
const send = (method: string, path: string) => call(path, { method })
const importFile = (text: string) => {
  const formData = new FormData()
  formData.append('auth_json', new Blob([text], { type: 'application/json' }), 'auth.json')
  return call('/api/accounts/import', { method: 'POST', body: formData })
}

describe('the account page', { timeout: 30_000 }, () => {
  let accountId: string

  it('lists nothing at first', async () => {
    expect(await get('/api/accounts')).toEqual({ status: 200, body: { accounts: [] } })
  })

  it('imports one file and says who it is', async () => {
    const { status, body } = await importFile(JSON.stringify(rig.simulator.authJson('a@example.com')))
    expect(status).toBe(200)
    expect(body).toMatchObject({
      accountId: expect.any(String),
      email: 'a@example.com',
      planType: 'plus',
      status: 'active',
    })
    accountId = body.accountId
  })

  it('lists accounts with their plan, status and what is left', async () => {
    const { status, body } = await get('/api/accounts')
    expect(status).toBe(200)
    expect(body.accounts).toHaveLength(1)
    expect(body.accounts[0]).toMatchObject({
      accountId,
      email: 'a@example.com',
      displayName: 'a@example.com',
      planType: 'plus',
      status: 'active',
    })
    const [account] = body.accounts
    for (const name of ['resetAtPrimary', 'resetAtSecondary', 'lastRefreshAt']) expect(account).toHaveProperty(name)
    expect(Object.keys(account.usage)).toEqual(
      expect.arrayContaining(['primaryRemainingPercent', 'secondaryRemainingPercent']),
    )
  })

  it('draws trends of both windows', async () => {
    const { status, body } = await get(`/api/accounts/${accountId}/trends`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ accountId, primary: expect.any(Array), secondary: expect.any(Array) })
    for (const { t, v } of [...body.primary, ...body.secondary]) {
      expect(t).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
      expect(v).toBeGreaterThanOrEqual(0)
      expect(v).toBeLessThanOrEqual(100)
    }
  })

  it('pauses and reactivates', async () => {
    expect(await send('POST', `/api/accounts/${accountId}/pause`)).toEqual({ status: 200, body: { status: 'paused' } })
    expect((await rig.account('a@example.com')).status).toBe('paused')
    expect(await send('POST', `/api/accounts/${accountId}/reactivate`)).toEqual({
      status: 200,
      body: { status: 'reactivated' },
    })
    expect((await rig.account('a@example.com')).status).toBe('active')
  })

  it.each(['', '{', '[]', '{}', '"text"', '{"tokens":{}}', '{"tokens":{"id_token":"x","access_token":"y"}}'])(
    'refuses %j as a file',
    async (text) => {
      const { status, body } = await importFile(text)
      expect([status, body.error.code]).toEqual([400, 'invalid_auth_json'])
      expect(body.error.message).toMatch(/auth\.json/)
    },
  )

  it('knows no other accounts', async () => {
    for (const [method, path] of [
      ['GET', '/trends'],
      ['POST', '/pause'],
      ['POST', '/reactivate'],
      ['DELETE', ''],
    ] as const) {
      const { status, body } = await send(method, `/api/accounts/nobody${path}`)
      expect([status, body.error.code], path).toEqual([404, 'account_not_found'])
      expect(body.error.message).toMatch(/\S/)
    }
  })

  it('deletes, once', async () => {
    expect(await send('DELETE', `/api/accounts/${accountId}`)).toEqual({ status: 200, body: { status: 'deleted' } })
    expect((await send('DELETE', `/api/accounts/${accountId}`)).body.error.code).toBe('account_not_found')
    expect((await get('/api/accounts')).body).toEqual({ accounts: [] })
  })
})

describe('the dashboard page', { timeout: 30_000 }, () => {
  it('shows the pool without any parameter', async () => {
    await importFile(JSON.stringify(rig.simulator.authJson('b@example.com')))
    const { status, body } = await get('/api/dashboard/overview')
    expect(status).toBe(200)
    expect(body.accountCounts).toMatchObject({
      total: 1,
      active: 1,
      paused: 0,
      rateLimited: 0,
      quotaExceeded: 0,
      deactivated: 0,
    })
    expect(body.usageSummary).toMatchObject({ totalTokens: 0, totalCost: 0, inputTokens: 0, outputTokens: 0 })
    expect(body).toMatchObject({ requestCount: 0, errorRate: 0 })
  })

  it('lists models by id and name', async () => {
    const { status, body } = await get('/api/models')
    expect(status).toBe(200)
    expect(body.models).toContainEqual(expect.objectContaining({ id: 'gpt-5.5', name: expect.any(String) }))
  })

  it('tells whoever has not signed in, and whoever owes the code', async () => {
    const me = await withPassword(rig)
    await addTotp(me)
    const half = createVisitor(rig)
    await half.door('POST', '/password/login', { password })
    for (const path of ['/api/dashboard/overview', '/api/models', '/api/accounts']) {
      const stranger = await get(path)
      expect([stranger.status, stranger.body.error.code], path).toEqual([401, 'authentication_required'])
      const owing = await half.ask('GET', path)
      expect([owing.status, owing.body.error.code], path).toEqual([401, 'totp_required'])
      expect((await me.ask('GET', path)).status, path).toBe(200)
    }
  })
})
