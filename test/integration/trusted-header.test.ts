import { request as send } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { password, refusal } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import { createVisitor } from '../support/visitor.ts'

let rig: Rig
const start = async (env: Record<string, string> = {}) => {
  rig = await startRig({
    importAll: false,
    env: { CODEX_LB_DASHBOARD_AUTH_MODE: 'trusted_header', CODEX_LB_TRUSTED_PROXIES: '127.0.0.1', ...env },
  })
}
afterEach(() => rig.close())

/** What the reverse proxy passes on of somebody elsewhere. */
const from = (headers: Record<string, string>) => createVisitor(rig, { 'x-forwarded-for': '203.0.113.5', ...headers })
const here = () => createVisitor(rig)
const groups = { CODEX_LB_DASHBOARD_ADMIN_GROUP: 'admins', CODEX_LB_DASHBOARD_VIEWER_GROUP: 'staff' }

/** The header more than once, which `fetch` would join. */
const askTwice = (names: string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = send(`${rig.url}/api/accounts`, { headers: { 'remote-user': names } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    sent.on('error', reject).end()
  })

describe('with a reverse proxy that signs in', { timeout: 30_000 }, () => {
  it('whoever it names is in as an admin, and nobody else', async () => {
    await start()
    const ada = from({ 'remote-user': 'ada' })
    expect((await ada.door('GET', '/session')).body).toMatchObject({
      ...{ authenticated: true, role: 'admin', authMode: 'trusted_header', userName: 'ada', proxyRequired: false },
    })
    expect((await ada.ask('GET', '/api/accounts')).status).toBe(200)
    for (const who of [
      from({}),
      here(),
      from({ 'remote-user': '' }),
      from({ 'remote-user': ' ' }),
      from({ 'x-user': 'ada' }),
    ]) {
      expect(refusal(await who.ask('GET', '/api/accounts'))).toBe('401 proxy_auth_required')
      expect((await who.door('GET', '/session')).body).toMatchObject({
        authenticated: false,
        role: null,
        proxyRequired: true,
      })
    }
  })

  it('a header that came twice, or with what no name has, names nobody', async () => {
    await start()
    expect(await askTwice(['ada'])).toBe(200)
    expect(await askTwice(['ada', 'ada'])).toBe(401)
    expect(await askTwice(['ada', 'eve'])).toBe(401)
    expect(refusal(await from({ 'remote-user': 'x'.repeat(201) }).ask('GET', '/api/accounts'))).toBe(
      '401 proxy_auth_required',
    )
    expect(refusal(await from({ 'remote-user': 'a\tb' }).ask('GET', '/api/accounts'))).toBe('401 proxy_auth_required')
  })

  it('another header may be the one', async () => {
    await start({ CODEX_LB_DASHBOARD_AUTH_PROXY_HEADER: 'X-Authentik-Username' })
    expect((await from({ 'x-authentik-username': 'ada' }).ask('GET', '/api/accounts')).status).toBe(200)
    expect(refusal(await from({ 'remote-user': 'ada' }).ask('GET', '/api/accounts'))).toBe('401 proxy_auth_required')
  })

  it('is not believed when it is another machine than the one that is trusted', async () => {
    await start({ CODEX_LB_TRUSTED_PROXIES: '10.0.0.1' })
    for (const who of [from({ 'remote-user': 'ada' }), createVisitor(rig, { 'remote-user': 'ada' })]) {
      expect(refusal(await who.ask('GET', '/api/accounts'))).toBe('401 proxy_auth_required')
    }
  })

  it('groups say the role, and who is in none of them is not in', async () => {
    await start(groups)
    const role = async (member: string) =>
      (await from({ 'remote-user': 'ada', 'remote-groups': member }).door('GET', '/session')).body.role
    expect(await role('admins')).toBe('admin')
    expect(await role('users, staff')).toBe('viewer')
    expect(await role('staff|admins')).toBe('admin')
    for (const member of ['', 'users', 'admin', 'admins2', 'Admins']) expect(await role(member)).toBeNull()
    expect(refusal(await from({ 'remote-user': 'ada' }).ask('GET', '/api/accounts'))).toBe('401 proxy_auth_required')
    const viewer = from({ 'remote-user': 'ada', 'remote-groups': 'staff' })
    expect(refusal(await viewer.ask('PATCH', '/api/settings', {}))).toBe('403 admin_required')
    expect((await viewer.ask('GET', '/api/accounts')).status).toBe(200)
  })

  it('keeps the password as the way in at this machine, and only there', async () => {
    await start()
    expect(refusal(await here().door('POST', '/password/setup', { password }))).toBe('401 invalid_bootstrap_token')
    const ada = from({ 'remote-user': 'ada' })
    expect((await ada.door('POST', '/password/setup', { password })).status).toBe(200)
    const me = here()
    expect((await me.door('GET', '/session')).body).toMatchObject({ passwordRequired: true, proxyRequired: false })
    expect((await me.door('POST', '/password/login', { password })).body).toMatchObject({
      role: 'admin',
      userName: null,
    })
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
    const elsewhere = from({})
    expect(refusal(await elsewhere.door('POST', '/password/login', { password }))).toBe('401 proxy_auth_required')
    expect(refusal(await elsewhere.door('POST', '/passkeys/login', { passkey: {} }))).toBe('400 invalid_request')
    elsewhere.cookie = me.cookie
    expect(refusal(await elsewhere.ask('GET', '/api/accounts'))).toBe('401 proxy_auth_required')
    // Whoever the proxy names may look after it without a session.
    expect((await ada.door('GET', '/sessions')).body.items.length).toBeGreaterThan(0)
    expect((await ada.door('POST', '/logout-others')).body.ended).toBeGreaterThan(0)
    expect(refusal(await me.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
  })

  it('is in the audit log: who came, once a day, what they did, and who was not believed', async () => {
    await start(groups)
    const ada = from({ 'remote-user': 'ada', 'remote-groups': 'admins' })
    await ada.ask('GET', '/api/accounts')
    await ada.ask('PATCH', '/api/settings', { maxStreams: 7 })
    await from({ 'remote-user': 'eve' }).ask('GET', '/api/accounts')
    await from({ 'remote-user': 'eve' }).ask('GET', '/api/accounts')
    const { items } = (await ada.ask('GET', '/api/audit-logs')).body
    const actor = { kind: 'proxy_header', name: 'ada', address: '203.0.113.5' }
    expect(items).toMatchObject([
      { action: 'session.sign_in', outcome: 'failure', actor: { kind: 'stranger' }, after: { method: 'proxy_header' } },
      { action: 'settings.change', actor },
      { action: 'session.sign_in', outcome: 'success', actor, after: { method: 'proxy_header', role: 'admin' } },
    ])
    expect(items).toHaveLength(3)
  })
})

it('in the usual mode a header that names somebody means nothing', async () => {
  await start({ CODEX_LB_DASHBOARD_AUTH_MODE: 'standard' })
  const who = from({ 'remote-user': 'ada', 'remote-groups': 'admins' })
  expect(refusal(await who.ask('GET', '/api/accounts'))).toBe('401 bootstrap_required')
})

describe('with sign-in switched off', () => {
  it('everybody who gets here is an admin, and no way in can be set up', async () => {
    await start({ CODEX_LB_DASHBOARD_AUTH_MODE: 'disabled' })
    const anybody = from({})
    expect((await anybody.door('GET', '/session')).body).toMatchObject({
      ...{ authenticated: true, role: 'admin', authMode: 'disabled', passwordRequired: false },
    })
    expect((await anybody.ask('PATCH', '/api/settings', { maxStreams: 7 })).status).toBe(200)
    for (const [method, path, body] of [
      ['POST', '/password/setup', { password }],
      ['POST', '/password/login', { password }],
      ['PUT', '/viewer-password', { password }],
      ['POST', '/passkeys/challenge', undefined],
      ['GET', '/sessions', undefined],
    ] as const) {
      const answer = await anybody.door(method, path, body, { host: 'localhost' })
      expect(refusal(answer), path).toBe('409 sign_in_disabled')
    }
    // A page of another site is still refused, and so is a name that somebody made point here.
    expect(refusal(await anybody.ask('GET', '/api/accounts', undefined, { origin: 'https://evil.example' }))).toBe(
      '403 forbidden_origin',
    )
    expect(refusal(await anybody.ask('GET', '/api/accounts', undefined, { host: 'evil.example' }))).toBe(
      '403 forbidden_host',
    )
    const [entry] = (await anybody.ask('GET', '/api/audit-logs')).body.items
    expect(entry.actor).toEqual({ kind: 'open', name: null, address: '203.0.113.5' })
  })
})
