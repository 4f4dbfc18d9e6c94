import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { noName, startHttpProxy, startSocksProxy, type TestProxy } from '../support/proxies.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

const a = 'a@example.com'
const login = { username: 'ada', password: 'right' }
let rig: Rig
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await rig.close()
})

async function call(method: string, path: string, body?: object): Promise<{ status: number; json: Untyped }> {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(rig.url + path, { method, ...sent })
  const text = await answer.text()
  return { status: answer.status, json: text === '' ? null : JSON.parse(text) }
}
const proxies = '/api/egress-proxies'
const pools = '/api/egress-pools'
const office = { name: 'office', scheme: 'http', host: 'proxy.test', port: 3128 }
const faults = ({ status, json }: { status: number; json: Untyped }) => [
  status,
  json.error.code,
  json.error.details?.map(({ path }: Untyped) => path),
]

describe('egress proxies', { timeout: 30_000 }, () => {
  it('are added, read, changed and deleted, and their passwords never come back', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const added = await call('POST', proxies, { ...office, ...login, is_active: false })
    expect(added.status).toBe(201)
    const { id } = added.json
    expect(added.json).toMatchObject({
      ...{ ...office, username: 'ada', hasPassword: true, isActive: false },
      health: { status: 'off', lastOkAt: null, failures: 0, lastError: null },
      usedBy: { accounts: [], pools: [], isDefault: false },
    })
    expect((await call('GET', proxies)).json).toEqual({ items: [added.json], nextCursor: null })
    const changed = await call('PATCH', `${proxies}/${id}`, { port: 3129, isActive: true })
    expect(changed.json).toMatchObject({ port: 3129, hasPassword: true, health: { status: 'unknown' } })
    expect((await call('PATCH', `${proxies}/${id}`, { password: null })).json).toMatchObject({
      ...{ username: 'ada', hasPassword: false },
    })
    await call('PATCH', `${proxies}/${id}`, { password: 'very-secret' })
    await rig.restart()
    expect((await call('GET', `${proxies}/${id}`)).json).toMatchObject({ port: 3129, hasPassword: true })
    const { json: log } = await call('GET', '/api/audit-logs')
    expect(log.items.map(({ action }: Untyped) => action)).toContain('egress_proxy.change')
    const file = readFileSync(join(rig.dataDir, 'codex-lb.db')).toString('latin1')
    const wal = readFileSync(join(rig.dataDir, 'codex-lb.db-wal')).toString('latin1')
    for (const text of [JSON.stringify(log), JSON.stringify(changed.json), file, wal])
      expect(text).not.toContain('very-secret')
    expect((await call('DELETE', `${proxies}/${id}`)).status).toBe(204)
    expect(faults(await call('GET', `${proxies}/${id}`))).toEqual([404, 'egress_proxy_not_found', undefined])
    expect((await call('DELETE', `${proxies}/${id}`)).status).toBe(404)
  })

  it('refuse what makes no sense, naming it', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const refused = async (change: object) => faults(await call('POST', proxies, { ...office, ...change }))[2]
    expect(await refused({ scheme: 'ftp' })).toEqual(['scheme'])
    expect(await refused({ host: 'http://proxy.test' })).toEqual(['host'])
    expect(await refused({ host: 'a b' })).toEqual(['host'])
    expect(await refused({ port: 0 })).toEqual(['port'])
    expect(await refused({ port: '80' })).toEqual(['port'])
    expect(await refused({ name: ' ' })).toEqual(['name'])
    expect(await refused({ password: 'x' })).toEqual(['username'])
    expect(await refused({ username: 'x'.repeat(256) })).toEqual(['username'])
    expect(await refused({ nonsense: 1 })).toEqual(['nonsense'])
    expect((await call('POST', proxies, office)).status).toBe(201)
    expect(faults(await call('POST', proxies, { ...office, name: 'OFFICE' }))).toEqual([
      ...[409, 'egress_name_taken', ['name']],
    ])
  })

  it('are not deleted while they are in use, and say by whom', async () => {
    rig = await startRig({ accounts: [{ email: a, plan: 'plus' }] })
    const { accountId } = await rig.account(a)
    const { id } = (await call('POST', proxies, { ...office, isActive: false })).json
    const pool = (await call('POST', pools, { name: 'all', memberIds: [id] })).json
    await call('PATCH', `/api/accounts/${accountId}`, { egress: { kind: 'proxy', id } })
    await call('PATCH', '/api/settings', { defaultEgress: { kind: 'proxy', id } })
    expect((await call('GET', `${proxies}/${id}`)).json.usedBy).toEqual({
      accounts: [{ accountId, displayName: a }],
      pools: [{ id: pool.id, name: 'all' }],
      isDefault: true,
    })
    const told = await call('DELETE', `${proxies}/${id}`)
    expect(told.status).toBe(409)
    expect(told.json.error).toMatchObject({ code: 'egress_in_use' })
    expect(told.json.error.message).toMatch(/a@example\.com, the pool all, all accounts/)
    await call('PATCH', `/api/accounts/${accountId}`, { egress: { kind: 'default' } })
    await call('PATCH', '/api/settings', { defaultEgress: null })
    await call('PATCH', `${pools}/${pool.id}`, { memberIds: [] })
    expect((await call('DELETE', `${proxies}/${id}`)).status).toBe(204)
  })

  it('can be named by accounts and settings only when they are there', async () => {
    rig = await startRig({ accounts: [{ email: a, plan: 'plus' }] })
    const { accountId } = await rig.account(a)
    const bind = async (egress: object) => faults(await call('PATCH', `/api/accounts/${accountId}`, { egress }))
    expect(await bind({ kind: 'proxy', id: 'egp_none' })).toEqual([400, 'invalid_request', ['egress.id']])
    expect((await bind({ kind: 'proxy' }))[0]).toBe(400)
    expect((await bind({ kind: 'direct', id: 'x' }))[0]).toBe(400)
    expect(faults(await call('PATCH', '/api/settings', { defaultEgress: { kind: 'pool', id: 'none' } }))).toEqual([
      ...[400, 'invalid_request', ['defaultEgress.id']],
    ])
    expect(faults(await call('POST', pools, { name: 'x', memberIds: ['none'] }))).toEqual([
      ...[400, 'invalid_request', ['memberIds.0']],
    ])
    expect(await rig.account(a)).toMatchObject({ egress: { kind: 'default' } })
  })

  it('are in pools in an order, once each', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const one = (await call('POST', proxies, office)).json.id
    const two = (await call('POST', proxies, { ...office, name: 'home' })).json.id
    const { json: pool, status } = await call('POST', pools, { name: 'all', memberIds: [two, one] })
    expect(status).toBe(201)
    expect(pool).toMatchObject({ memberIds: [two, one], down: null, usedBy: { accounts: [], isDefault: false } })
    expect(faults(await call('PATCH', `${pools}/${pool.id}`, { memberIds: [one, one] }))[0]).toBe(400)
    expect((await call('PATCH', `${pools}/${pool.id}`, { memberIds: [one] })).json.memberIds).toEqual([one])
    expect((await call('PATCH', `${pools}/${pool.id}`, { name: 'some' })).json).toMatchObject({
      ...{ name: 'some', memberIds: [one] },
    })
    expect((await call('GET', pools)).json.items).toHaveLength(1)
    expect((await call('DELETE', `${pools}/${pool.id}`)).status).toBe(204)
    expect(faults(await call('GET', `${pools}/${pool.id}`))[1]).toBe('egress_pool_not_found')
  })
})

describe('the test of a proxy', { timeout: 60_000 }, () => {
  const add = async (port: number, more: object = {}) =>
    (await call('POST', proxies, { ...office, host: '127.0.0.1', port, ...more })).json.id as string
  const tested = async (id: string) => (await call('POST', `${proxies}/${id}/test`)).json
  const open = async (starting: Promise<TestProxy>) => {
    const proxy = await starting
    closers.push(() => proxy.close())
    return proxy
  }

  it.each([
    ['http', () => startHttpProxy({ login })],
    ['socks5', () => startSocksProxy({ login })],
  ] as const)('says of a %s proxy that it works, or that it refuses the login', async (scheme, start) => {
    rig = await startRig({ accounts: [], importAll: false })
    const proxy = await open(start())
    const id = await add(proxy.port, { scheme, ...login })
    const good = await tested(id)
    expect(good).toMatchObject({ ok: true, error: null })
    expect(good.statusCode).toBeGreaterThanOrEqual(200)
    expect(good.elapsedMs).toBeGreaterThanOrEqual(0)
    expect((await call('GET', `${proxies}/${id}`)).json.health).toMatchObject({ status: 'ok', failures: 0 })
    await call('PATCH', `${proxies}/${id}`, { password: 'wrong' })
    expect(await tested(id)).toMatchObject({ ok: false, statusCode: null, error: { code: 'egress_auth_refused' } })
    await call('PATCH', `${proxies}/${id}`, { username: null, password: null })
    expect((await tested(id)).error.code).toBe('egress_auth_refused')
    expect((await call('GET', `${proxies}/${id}`)).json.health).toMatchObject({
      ...{ status: 'resting', failures: 1, lastError: { code: 'egress_auth_refused' } },
    })
  })

  it('tells what is wrong in words', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const gone = await open(startHttpProxy())
    await gone.close()
    const id = await add(gone.port)
    expect((await tested(id)).error).toEqual({
      code: 'egress_unreachable',
      message: 'The proxy office cannot be connected to (ECONNREFUSED).',
    })
    await call('PATCH', `${proxies}/${id}`, { host: noName })
    expect((await tested(id)).error.code).toBe('egress_dns')
    const refusing = await open(startSocksProxy())
    refusing.mode = 'refuse'
    await call('PATCH', `${proxies}/${id}`, { host: '127.0.0.1', port: refusing.port, scheme: 'socks5h' })
    expect((await tested(id)).error).toMatchObject({ code: 'egress_refused' })
    // One that speaks something else.
    await call('PATCH', `${proxies}/${id}`, { scheme: 'http' })
    expect((await tested(id)).error.code).toMatch(/egress_(protocol|timeout)/)
    await call('PATCH', `${proxies}/${id}`, { scheme: 'https' })
    expect((await tested(id)).error.code).toMatch(/egress_(tls|protocol|timeout)/)
  })

  it('gives up on a proxy that says nothing', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const mute: Server = createServer(() => {})
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    closers.push(() => mute.close())
    const id = await add((mute.address() as AddressInfo).port)
    expect(await tested(id)).toMatchObject({ ok: false, error: { code: 'egress_timeout' } })
  })
})
