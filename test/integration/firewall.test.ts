import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { refusal } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import { createVisitor, listen } from '../support/visitor.ts'

let rig: Rig
const start = async (env: Record<string, string> = {}) => {
  rig = await startRig({ env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1', ...env } })
  return createVisitor(rig)
}
afterEach(() => rig.close())

/** Somebody whom the reverse proxy says is at this address. */
const from = (address: string) => createVisitor(rig, { 'x-forwarded-for': address })
const office = '203.0.113.5'
const abroad = '198.51.100.9'

describe('the firewall', { timeout: 30_000 }, () => {
  it('lets everybody in until it is told otherwise, and says where one comes from', async () => {
    const me = await start()
    expect((await me.ask('GET', '/api/firewall')).body).toEqual({
      ...{ mode: { proxy: 'allow_all', dashboard: 'allow_all' }, items: [], nextCursor: null },
      ...{ callerAddress: '127.0.0.1', callerIsLocal: true },
    })
  })

  it('keeps strange addresses from the dashboard, before anything else, and never this machine', async () => {
    const me = await start()
    await me.ask('POST', '/api/firewall', { cidr: '203.0.113.77/24', note: 'office' })
    expect((await me.ask('PATCH', '/api/firewall', { mode: { dashboard: 'allowlist' } })).status).toBe(200)
    for (const [method, path] of [
      ['GET', '/api/accounts'],
      ['GET', '/api/dashboard-auth/session'],
      ['POST', '/api/dashboard-auth/password/login'],
      ['GET', '/'],
      ['GET', '/assets/x.js'],
    ] as const) {
      const answer = await from(abroad).ask(method, path, method === 'POST' ? {} : undefined)
      expect(answer.status, path).toBe(403)
      expect(answer.body.error.code, path).toBe('address_not_allowed')
    }
    const told = (await from(abroad).ask('GET', '/api/accounts')).body.error
    expect(told).toMatchObject({ message: expect.stringContaining(abroad), requestId: expect.any(String) })
    // Even what no Host would get is refused for the address.
    expect(refusal(await from(abroad).ask('GET', '/api/accounts', undefined, { host: 'evil.example' }))).toBe(
      '403 address_not_allowed',
    )
    expect(refusal(await from(office).ask('GET', '/api/accounts'))).toBe('401 bootstrap_required')
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
    expect((await from(abroad).ask('GET', '/health/live')).status).toBe(200)
    // The routes for clients are another area.
    expect((await from(abroad).ask('GET', '/v1/models')).status).not.toBe(403)
  })

  it('keeps them from what clients use, in their own words, WebSockets included', async () => {
    const me = await start()
    await me.ask('POST', '/api/firewall', { cidr: '127.0.0.1' })
    await me.ask('POST', '/api/firewall', { cidr: '203.0.113.0/24' })
    await me.ask('PATCH', '/api/firewall', { mode: { proxy: 'allowlist' } })
    for (const path of ['/v1/models', '/v1/nothing', '/backend-api/codex/models', '/api/codex/usage', '/api/nothing']) {
      expect(refusal(await from(abroad).ask('GET', path)), path).toBe('403 address_not_allowed')
    }
    const openAi = await from(abroad).ask('POST', '/v1/responses', { model: 'gpt-5.5', input: 'x' })
    expect(openAi.body.error).toMatchObject({ type: 'permission_error', code: 'address_not_allowed', param: null })
    const anthropic = await from(abroad).ask('POST', '/v1/messages', { model: 'x', messages: [] })
    expect(anthropic).toMatchObject({ status: 403, body: { type: 'error', error: { type: 'permission_error' } } })
    const socket = new WebSocket(`${rig.url.replace('http', 'ws')}/v1/responses`, {
      headers: { 'x-forwarded-for': abroad },
    })
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode))
      socket.on('open', () => resolve('open'))
      socket.on('error', () => {})
    })
    socket.terminate()
    expect(status).toBe(403)
    expect((await fetch(`${rig.url}/v1/models`)).status).toBe(200)
    expect((await from(abroad).ask('GET', '/api/dashboard-auth/session')).status).toBe(200)
  })

  it('does not let anybody shut themselves out without a word', async () => {
    const me = await start()
    const change = (mode: object, force?: boolean) =>
      me.ask('PATCH', '/api/firewall', { mode, ...(force === undefined ? {} : { force }) })
    const refused = await change({ proxy: 'allowlist' })
    expect(refusal(refused)).toBe('409 would_lock_out')
    expect(refused.body.error.message).toContain('Add 127.0.0.1/32 to the list first')
    expect((await me.ask('GET', '/api/firewall')).body.mode.proxy).toBe('allow_all')
    // The dashboard is always open to this machine.
    expect((await change({ dashboard: 'allowlist' })).status).toBe(200)
    const { id } = (await me.ask('POST', '/api/firewall', { cidr: '127.0.0.0/8' })).body
    expect((await change({ proxy: 'allowlist' })).status).toBe(200)
    expect(refusal(await me.ask('DELETE', `/api/firewall/${id}`))).toBe('409 would_lock_out')
    expect((await me.ask('DELETE', `/api/firewall/${id}?force=true`)).status).toBe(204)
    // Who is out already loses nothing more.
    const other = (await me.ask('POST', '/api/firewall', { cidr: '192.0.2.0/24' })).body
    expect((await me.ask('DELETE', `/api/firewall/${other.id}`)).status).toBe(204)
    expect((await change({ proxy: 'allow_all' })).status).toBe(200)
    expect((await change({ proxy: 'allowlist' }, true)).status).toBe(200)
  })

  it('does not let a browser elsewhere shut itself out of the dashboard', async () => {
    const me = await start()
    await me.door('POST', '/password/setup', { password: 'correct horse' })
    const remote = from(office)
    await remote.door('POST', '/password/login', { password: 'correct horse' })
    const refused = await remote.ask('PATCH', '/api/firewall', { mode: { dashboard: 'allowlist' } })
    expect(refused.body.error.message).toContain('Add 203.0.113.5/32')
    const added = await remote.ask('POST', '/api/firewall', { cidr: office, note: ' home ' })
    expect(added).toMatchObject({ status: 201, body: { cidr: '203.0.113.5/32', note: 'home', includesCaller: true } })
    expect((await remote.ask('PATCH', '/api/firewall', { mode: { dashboard: 'allowlist' } })).status).toBe(200)
    expect((await remote.ask('GET', '/api/firewall')).body).toMatchObject({
      callerAddress: office,
      callerIsLocal: false,
    })
  })

  it('ends what is watched by an address that it no longer lets in', async () => {
    const me = await start()
    await me.door('POST', '/password/setup', { password: 'correct horse' })
    const remote = from(abroad)
    await remote.door('POST', '/password/login', { password: 'correct horse' })
    const cookie = `codex_lb_dashboard_session=${remote.cookie}`
    const watcher = await listen(rig.url, { 'x-forwarded-for': abroad, cookie })
    await watcher.hears('hello')
    await me.ask('PATCH', '/api/firewall', { mode: { dashboard: 'allowlist' } })
    await expect.poll(() => watcher.ended, { timeout: 10_000 }).toBe(true)
  })

  it('is not fooled by a reverse proxy that nobody trusts', async () => {
    const me = await start({ CODEX_LB_TRUSTED_PROXIES: '10.0.0.1' })
    await me.ask('PATCH', '/api/firewall', { mode: { dashboard: 'allowlist' } })
    // It stands on this machine, and speaks for somebody elsewhere.
    expect(refusal(await from('127.0.0.1').ask('GET', '/api/accounts'))).toBe('403 address_not_allowed')
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
  })

  it('refuses what is no address, what is listed already and what is not there', async () => {
    const me = await start()
    for (const cidr of ['', 'example.org', '10.0.0.0/33', '10.0.0', '*']) {
      const answer = await me.ask('POST', '/api/firewall', { cidr })
      expect(refusal(answer), cidr).toBe('400 invalid_request')
      expect(answer.body.error.details[0].path).toBe('cidr')
    }
    expect((await me.ask('POST', '/api/firewall', { cidr: '10.0.0.7/8' })).body.cidr).toBe('10.0.0.0/8')
    expect(refusal(await me.ask('POST', '/api/firewall', { cidr: '10.9.9.9/8' }))).toBe('409 firewall_entry_exists')
    expect(refusal(await me.ask('DELETE', '/api/firewall/x'))).toBe('404 firewall_entry_not_found')
    expect(refusal(await me.ask('PATCH', '/api/firewall', { mode: { proxy: 'deny' } }))).toBe('400 invalid_request')
    expect(refusal(await me.ask('PATCH', '/api/firewall', { mode: { other: 'allow_all' } }))).toBe(
      '400 invalid_request',
    )
  })

  it('is the same after a restart, and every change of it is written down', async () => {
    let me = await start()
    const { id } = (await me.ask('POST', '/api/firewall', { cidr: '127.0.0.1', note: 'here' })).body
    await me.ask('PATCH', '/api/firewall', { mode: { proxy: 'allowlist' } })
    await rig.restart()
    me = createVisitor(rig)
    expect(refusal(await from(abroad).ask('GET', '/v1/models'))).toBe('403 address_not_allowed')
    expect((await me.ask('GET', '/api/firewall')).body.items).toMatchObject([
      { id, cidr: '127.0.0.1/32', note: 'here' },
    ])
    await me.ask('DELETE', `/api/firewall/${id}?force=true`)
    const { items } = (await me.ask('GET', '/api/audit-logs?action=firewall')).body
    expect(items).toMatchObject([
      { action: 'firewall.remove', target: { id }, before: { cidr: '127.0.0.1/32', note: 'here' } },
      { action: 'firewall.change', before: { proxy: 'allow_all' }, after: { proxy: 'allowlist' } },
      { action: 'firewall.add', target: { kind: 'firewall', id }, after: { cidr: '127.0.0.1/32' } },
    ])
  })
})
