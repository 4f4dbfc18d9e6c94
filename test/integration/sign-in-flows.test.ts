import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { refusal } from '../support/sign-in.ts'
import { freePort, type SignIns, signInsOf } from '../support/sign-ins.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { a, b, c, ask as turn } from '../support/turns.ts'
import { ask, listen } from '../support/visitor.ts'

let rig: Rig
let person: SignIns
afterEach(() => rig.close())

async function start(options: RigOptions = {}): Promise<void> {
  rig = await startRig({ importAll: false, ...options })
  person = signInsOf(rig)
}
const exchanges = () =>
  rig.simulator.requests.filter(
    ({ path, body }) => path === '/oauth/token' && body?.grant_type === 'authorization_code',
  )
const accounts = async () => (await ask(rig.url, 'GET', '/api/accounts')).body.accounts
const signInAudit = async () =>
  (await ask(rig.url, 'GET', '/api/audit-logs?action=account.sign_in')).body.items.map(
    ({ outcome, target, after }: { outcome: string; target: object; after: object }) => ({ outcome, target, after }),
  )

describe('a sign-in in a browser', () => {
  it('is begun with PKCE, a state and our own name, and says where it leads', async () => {
    await start()
    const flow = await person.begin({ method: 'browser' })
    expect(flow).toMatchObject({
      ...{ method: 'browser', status: 'pending', accountId: null, result: null, error: null },
      ...{ callbackUrl: 'http://localhost:1455/auth/callback', listenerActive: false, listenerProblem: 'off' },
      ...{ verificationUrl: null, userCode: null, intervalSeconds: null },
    })
    const { origin, pathname, searchParams } = new URL(flow.authorizationUrl)
    expect(origin + pathname).toBe(`${rig.simulator.authUrl}/oauth/authorize`)
    expect(Object.fromEntries(searchParams)).toEqual({
      ...{ response_type: 'code', client_id: 'app_EMoamEEZ73f0CkXaXp7hrann', redirect_uri: flow.callbackUrl },
      ...{ scope: 'openid profile email offline_access', code_challenge_method: 'S256', originator: 'codex-lb' },
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      ...{ id_token_add_organizations: 'true', codex_cli_simplified_flow: 'true' },
    })
    expect(flow.authorizationUrl).not.toContain('+')
    expect(Date.parse(flow.expiresAt) - Date.parse(flow.createdAt)).toBe(15 * 60_000)
  })

  it('adds the account when the address is pasted, and reads its usage at once', async () => {
    await start()
    rig.simulator.planSignIns({ email: b })
    const flow = await person.begin({ method: 'browser' })
    const { status, body } = await person.paste(flow.id, await person.browse(flow))
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ status: 'succeeded', authorizationUrl: null, error: null },
      result: { email: b, planType: 'plus', outcome: 'imported' },
    })
    expect(await accounts()).toMatchObject([{ accountId: body.result.accountId, email: b, status: 'active' }])
    await eventually('its usage was read', async () => (await rig.account(b)).windows.length > 0)
    expect((await turn(rig)).status).toBe(200)
    expect(exchanges()).toHaveLength(1)
    expect(exchanges()[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(await signInAudit()).toEqual([
      {
        outcome: 'success',
        target: { kind: 'account', id: body.result.accountId },
        after: { signInId: flow.id, method: 'browser', outcome: 'imported' },
      },
    ])
  })

  it.each<[string, (address: string) => string]>([
    ['its query alone', (address) => address.slice(address.indexOf('?'))],
    ['the query without its sign', (address) => address.slice(address.indexOf('?') + 1)],
    ['the address with blanks around it', (address) => `  ${address}\n`],
    ['the code and the state', (address) => fields(address, '#')],
    ['the two with a blank between them', (address) => fields(address, ' ')],
    ['an address of another port', (address) => address.replace(/localhost:\d+/, '127.0.0.1:1457')],
  ])('takes %s', async (_what, pasted) => {
    await start()
    const flow = await person.begin({ method: 'browser' })
    const { status, body } = await person.paste(flow.id, pasted(await person.browse(flow)))
    expect([status, body.status]).toEqual([200, 'succeeded'])
  })

  it.each<[string, unknown, RegExp]>([
    ['nothing', '   ', /empty/],
    ['what is no text', 7, /text/],
    ['an address without a code', 'http://localhost:1455/auth/callback?state=x', /"code"/],
    ['a code without its state', 'http://localhost:1455/auth/callback?code=x', /"state"/],
    ['a code alone', 'ac_12345', /"state"/],
    ['what is no address', 'http://', /not an address/],
    ['the state of another sign-in', 'http://localhost:1455/auth/callback?code=x&state=y', /another sign-in/],
    ['a sentence', 'I have signed in', /neither/],
  ])('tells the person that %s was pasted, and goes on waiting', async (_what, callbackUrl, why) => {
    await start()
    const flow = await person.begin({ method: 'browser' })
    const { status, body } = await person.paste(flow.id, callbackUrl)
    expect([status, body.error.code]).toEqual([400, 'invalid_request'])
    expect(body.error.details).toMatchObject([{ path: 'callbackUrl', message: expect.stringMatching(why) }])
    expect((await person.one(flow.id)).body.status).toBe('pending')
    expect(exchanges()).toEqual([])
    expect((await person.paste(flow.id, await person.browse(flow))).body.status).toBe('succeeded')
  })

  it('sends a code in once, however often its address comes', async () => {
    await start()
    const flow = await person.begin({ method: 'browser' })
    const address = await person.browse(flow)
    const answers = await Promise.all([1, 2, 3].map(() => person.paste(flow.id, address)))
    expect(answers.map(({ status }) => status).toSorted()[0]).toBe(200)
    for (const { status, body } of answers) {
      if (status !== 200) expect([status, body.error.code]).toEqual([409, 'sign_in_over'])
    }
    expect(refusal(await person.paste(flow.id, address))).toBe('409 sign_in_over')
    expect(exchanges()).toHaveLength(1)
    expect(await accounts()).toHaveLength(1)
  })

  it('fails with a reason when the person refuses, when the code is not taken, and when the answer is lost', async () => {
    await start()
    rig.simulator.planSignIns({ error: 'access_denied' })
    const denied = await person.begin({ method: 'browser' })
    expect((await person.paste(denied.id, await person.browse(denied))).body).toMatchObject({
      status: 'failed',
      error: { code: 'access_denied', message: expect.stringContaining('refused') },
    })
    const wrong = await person.begin({ method: 'browser' })
    const address = new URL(await person.browse(wrong))
    address.searchParams.set('code', 'ac_other')
    expect((await person.paste(wrong.id, address.href)).body).toMatchObject({
      status: 'failed',
      error: { code: 'code_refused' },
    })
    const lost = await person.begin({ method: 'browser' })
    rig.simulator.script(a, { kind: 'reset', path: 'exchange' })
    expect((await person.paste(lost.id, await person.browse(lost))).body).toMatchObject({
      status: 'failed',
      error: { code: 'reply_lost' },
    })
    const odd = await person.begin({ method: 'browser' })
    rig.simulator.script(a, { kind: 'status', status: 500, path: 'exchange', code: 'Some Sentence <b>' })
    expect((await person.paste(odd.id, await person.browse(odd))).body).toMatchObject({
      status: 'failed',
      error: { code: 'sign_in_refused', message: expect.stringContaining('http_500') },
    })
    expect(await accounts()).toEqual([])
    expect(
      (await signInAudit()).map(({ outcome, after }: { outcome: string; after: { code: string } }) => [
        outcome,
        after.code,
      ]),
    ).toEqual([
      ['failure', 'sign_in_refused'],
      ['failure', 'reply_lost'],
      ['failure', 'code_refused'],
      ['failure', 'access_denied'],
    ])
  })

  it('expires, can be cancelled, and says so to whoever comes too late', async () => {
    const clock = createManualClock(Date.now())
    await start({ app: { clock } })
    const late = await person.begin({ method: 'browser' })
    const address = await person.browse(late)
    clock.advance(15 * 60_000)
    expect((await person.one(late.id)).body).toMatchObject({ status: 'expired', error: { code: 'timed_out' } })
    expect(refusal(await person.paste(late.id, address))).toBe('409 sign_in_over')
    const given = await person.begin({ method: 'browser' })
    expect((await person.cancel(given.id)).status).toBe(204)
    expect((await person.one(given.id)).body).toMatchObject({ status: 'cancelled', authorizationUrl: null })
    expect(refusal(await person.cancel(given.id))).toBe('409 sign_in_over')
    for (const answer of [person.one('login_none'), person.cancel('login_none'), person.paste('login_none', 'x')]) {
      expect(refusal(await answer)).toBe('404 sign_in_not_found')
    }
    expect(exchanges()).toEqual([])
    clock.advance(25 * 3_600_000)
    await person.begin({ method: 'browser' })
    expect((await person.list()).items).toHaveLength(1)
  })

  it('goes on after a restart, and never stores what it proves itself with in the open', async () => {
    await start()
    const flow = await person.begin({ method: 'browser' })
    const state = new URL(flow.authorizationUrl).searchParams.get('state') ?? ''
    const address = await person.browse(flow)
    await rig.restart()
    expect((await person.one(flow.id)).body).toMatchObject({
      status: 'pending',
      authorizationUrl: flow.authorizationUrl,
    })
    for (const name of await readdir(rig.dataDir)) {
      if (name.startsWith('codex-lb.db')) {
        expect((await readFile(`${rig.dataDir}/${name}`)).includes(state), name).toBe(false)
      }
    }
    expect((await person.paste(flow.id, address)).body.status).toBe('succeeded')
  })

  it('is given up when too many are open: the oldest one', async () => {
    await start()
    const first = await person.begin({ method: 'browser' })
    for (let more = 0; more < 8; more++) await person.begin({ method: 'browser' })
    expect((await person.one(first.id)).body).toMatchObject({ status: 'cancelled', error: { code: 'superseded' } })
    const waiting = (await person.list()).items.filter(({ status }: { status: string }) => status === 'pending')
    expect(waiting).toHaveLength(8)
  })

  it('is seen by every tab as it goes on', async () => {
    await start()
    const tab = await listen(rig.url)
    const flow = await person.begin({ method: 'browser' })
    await tab.hears('sign_in', ({ id, status }) => id === flow.id && status === 'pending')
    await person.paste(flow.id, await person.browse(flow))
    await tab.hears('sign_in', ({ id, status }) => id === flow.id && status === 'succeeded')
    expect((await person.list()).items).toMatchObject([{ id: flow.id, status: 'succeeded' }])
    tab.close()
  })

  it('is begun with what the description names, and for an account that is there', async () => {
    await start()
    for (const body of [
      {},
      { method: 'phone' },
      { method: 'browser', more: 1 },
      { method: 'browser', accountId: '' },
    ]) {
      expect(refusal(await person.start(body))).toBe('400 invalid_request')
    }
    expect(refusal(await person.start({ method: 'browser', accountId: 'acc_none' }))).toBe('404 account_not_found')
  })
})

describe('the way back of the browser', () => {
  const open = async () => {
    const port = await freePort()
    await start({ env: { CODEX_LB_OAUTH_CALLBACK_PORT: String(port) } })
    return port
  }
  const isOpen = (port: number) =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )

  it('is open while a sign-in waits, and finishes it', async () => {
    const port = await open()
    expect(await isOpen(port)).toBe(false)
    const flow = await person.begin({ method: 'browser' })
    expect(flow).toMatchObject({ listenerActive: true, listenerProblem: null })
    const address = await person.browse(flow)
    expect(address).toMatch(new RegExp(`^http://localhost:${port}/auth/callback\\?code=`))
    const page = await fetch(address)
    expect(page.status).toBe(200)
    const text = await page.text()
    expect(text).toContain(`${a} was added`)
    expect(text).not.toMatch(/<script|onload=/)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect((await person.one(flow.id)).body.status).toBe('succeeded')
    await eventually('the way back was closed', async () => !(await isOpen(port)))
  })

  it('stays open while another sign-in waits, and shows how one went that is over', async () => {
    const port = await open()
    const first = await person.begin({ method: 'browser' })
    const second = await person.begin({ method: 'browser' })
    const address = await person.browse(first)
    await (await fetch(address)).text()
    const again = await fetch(address)
    expect([again.status, await again.text()]).toEqual([200, expect.stringContaining('was added')])
    expect(exchanges()).toHaveLength(1)
    expect(await isOpen(port)).toBe(true)
    expect((await person.cancel(second.id)).status).toBe(204)
    await eventually('the way back was closed', async () => !(await isOpen(port)))
  })

  it('takes nothing but the answer of a sign-in that it knows', async () => {
    const port = await open()
    const flow = await person.begin({ method: 'browser' })
    rig.simulator.planSignIns({ state: '<script>alert(1)</script>' })
    const foreign = await fetch(await person.browse(flow))
    const text = await foreign.text()
    expect(foreign.status).toBe(400)
    expect(text).toContain('not known here')
    expect(text).not.toContain('<script>')
    const base = `http://127.0.0.1:${port}`
    const path = '/auth/callback?code=x&state=y'
    const status = async (...rest: [string, string, unknown?, Record<string, string>?]) =>
      (await ask(base, ...rest)).status
    expect(await status('GET', '/')).toBe(404)
    expect(await status('GET', '/auth/callback')).toBe(400)
    expect(await status('POST', path, {})).toBe(405)
    expect(await status('GET', path, undefined, { host: 'evil.example' })).toBe(403)
    expect(await status('GET', path, undefined, { host: `evil.example:${port}` })).toBe(403)
    expect(await status('GET', path, undefined, { host: `localhost:${port}` })).toBe(400)
    expect((await person.one(flow.id)).body.status).toBe('pending')
    expect(exchanges()).toEqual([])
  })

  it('shows why it failed, and escapes what it shows', async () => {
    const port = await freePort()
    const email = `<b>&'"@example.com`
    await start({ env: { CODEX_LB_OAUTH_CALLBACK_PORT: String(port) }, accounts: [{ email, plan: 'plus' }] })
    rig.simulator.planSignIns({ error: 'access_denied' })
    const flow = await person.begin({ method: 'browser' })
    const denied = await fetch(await person.browse(flow))
    expect([denied.status, await denied.text()]).toEqual([400, expect.stringContaining('Not signed in')])
    expect((await person.one(flow.id)).body).toMatchObject({ status: 'failed', error: { code: 'access_denied' } })
    const good = await fetch(await person.browse(await person.begin({ method: 'browser' })))
    expect(await good.text()).toContain('&lt;b&gt;&amp;&#39;&quot;@example.com was added')
  })

  it('says when another program has the port, and opens when that one is gone', async () => {
    const clock = createManualClock(Date.now())
    const other = createServer()
    const port = await freePort()
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
    await start({ app: { clock }, env: { CODEX_LB_OAUTH_CALLBACK_PORT: String(port) } })
    const flow = await person.begin({ method: 'browser' })
    expect(flow).toMatchObject({ listenerActive: false, listenerProblem: 'busy' })
    await new Promise((resolve) => other.close(resolve))
    clock.advance(15_000)
    await eventually('the way back was open', async () => (await person.one(flow.id)).body.listenerActive)
    expect((await fetch(await person.browse(flow))).status).toBe(200)
  })

  it('opens again after a restart', async () => {
    await open()
    const flow = await person.begin({ method: 'browser' })
    const address = await person.browse(flow)
    await rig.restart()
    await eventually('the way back was open', async () => (await person.one(flow.id)).body.listenerActive)
    expect((await fetch(address)).status).toBe(200)
    expect((await person.one(flow.id)).body.status).toBe('succeeded')
  })
})

describe('a sign-in of an account that is here', () => {
  it('puts new tokens in the place of lost ones, and keeps everything else', async () => {
    await start({ importAll: true })
    const { accountId, createdAt } = await rig.account(b)
    await ask(rig.url, 'PATCH', `/api/accounts/${accountId}`, { tags: ['work'], priority: 3 })
    expect((await ask(rig.url, 'POST', `/api/accounts/${accountId}/pause`)).status).toBe(200)
    await ask(rig.url, 'POST', `/api/accounts/${accountId}/reactivate`)
    rig.simulator.script(
      b,
      { kind: 'unauthorized', path: 'reset_credits' },
      { kind: 'token_error', code: 'refresh_token_reused' },
    )
    await ask(rig.url, 'GET', `/api/accounts/${accountId}/reset-credits`)
    expect(await rig.account(b)).toMatchObject({ status: 'reauth_required', statusReason: 'refresh_token_reused' })
    rig.simulator.planSignIns({ email: b })
    const flow = await person.begin({ method: 'browser', accountId })
    expect(flow.accountId).toBe(accountId)
    expect((await person.paste(flow.id, await person.browse(flow))).body).toMatchObject({
      status: 'succeeded',
      result: { accountId, outcome: 'updated' },
    })
    expect(await rig.account(b)).toMatchObject({
      ...{ accountId, createdAt, tags: ['work'], priority: 3, status: 'active', statusReason: null, advice: null },
    })
    expect(await accounts()).toHaveLength(3)
  })

  it('keeps a pause', async () => {
    await start({ importAll: true })
    const { accountId } = await rig.account(c)
    await ask(rig.url, 'POST', `/api/accounts/${accountId}/pause`)
    rig.simulator.planSignIns({ email: c })
    const flow = await person.begin({ method: 'browser', accountId })
    expect((await person.paste(flow.id, await person.browse(flow))).body.status).toBe('succeeded')
    expect((await rig.account(c)).status).toBe('paused')
  })

  it('changes nothing when somebody else signs in', async () => {
    await start({ importAll: true, accounts: [a, b, c].map((email) => ({ email, plan: 'plus' })) })
    const before = await accounts()
    const { accountId } = await rig.account(b)
    rig.simulator.planSignIns({ email: c })
    const flow = await person.begin({ method: 'browser', accountId })
    expect((await person.paste(flow.id, await person.browse(flow))).body).toMatchObject({
      ...{ status: 'failed', result: null, error: { code: 'different_account' } },
    })
    const refreshed = ({ lastRefreshAt, accountId: id }: { lastRefreshAt: string; accountId: string }) => [
      id,
      lastRefreshAt,
    ]
    expect((await accounts()).map(refreshed)).toEqual(before.map(refreshed))
    // The tokens that were here are those that are used.
    expect((await turn(rig)).status).toBe(200)
  })

  it('tells two seats of one workspace apart', async () => {
    await start({
      importAll: true,
      accounts: [
        { email: a, plan: 'team', accountId: 'ws-1', userId: 'user-a' },
        { email: b, plan: 'team', accountId: 'ws-1', userId: 'user-b' },
      ],
    })
    const { accountId } = await rig.account(a)
    rig.simulator.planSignIns({ email: b }, { email: a })
    const other = await person.begin({ method: 'browser', accountId })
    expect((await person.paste(other.id, await person.browse(other))).body.error.code).toBe('different_account')
    const same = await person.begin({ method: 'browser', accountId })
    expect((await person.paste(same.id, await person.browse(same))).body.result).toMatchObject({
      accountId,
      outcome: 'updated',
    })
  })

  it('adds nothing in the place of an account that was deleted meanwhile', async () => {
    await start({ importAll: true })
    const { accountId } = await rig.account(a)
    const flow = await person.begin({ method: 'browser', accountId })
    await ask(rig.url, 'DELETE', `/api/accounts/${accountId}`)
    expect((await person.paste(flow.id, await person.browse(flow))).body.error.code).toBe('account_gone')
    expect(await accounts()).toHaveLength(2)
  })
})

function fields(address: string, between: string): string {
  const { searchParams } = new URL(address)
  return `${searchParams.get('code')}${between}${searchParams.get('state')}`
}
