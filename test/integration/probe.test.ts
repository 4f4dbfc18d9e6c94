import { afterEach, describe, expect, it } from 'vitest'
import { createManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { refusal } from '../support/sign-in.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { a, b, c, closeClean } from '../support/turns.ts'
import { ask } from '../support/visitor.ts'

let rig: Rig
afterEach(() => closeClean(rig))

async function start(options: RigOptions = {}): Promise<void> {
  rig = await startRig(options)
  const { items } = { items: (await ask(rig.url, 'GET', '/api/accounts')).body.accounts }
  for (const { email } of items) {
    await eventually(`${email} has usage figures`, async () => (await rig.account(email)).windows.length > 0)
  }
}
const idOf = async (email: string) => (await rig.account(email)).accountId
const probe = async (email: string, body: object = {}) =>
  ask(rig.url, 'POST', `/api/accounts/${await idOf(email)}/probe`, body)
const turnsSent = () => rig.simulator.requests.filter(({ path }) => path === '/backend-api/codex/responses')
const logged = async (count: number) => {
  await eventually('the turns are logged', async () => (await rig.requests()).length === count)
  return rig.requests()
}
const auditOf = async (action: string) => (await ask(rig.url, 'GET', `/api/audit-logs?action=${action}`)).body.items

describe('trying an account out', () => {
  it('sends one tiny turn of the cheapest model through it, and reads its figures anew', async () => {
    await start()
    const { status, body } = await probe(b)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ accountId: await idOf(b), ok: true, statusCode: 200, errorCode: null, errorMessage: null },
      ...{ statusBefore: 'active', statusAfter: 'active', model: 'gpt-5.4-mini' },
      windowsBefore: [{ kind: 'short', usedPercent: 0 }, { kind: 'weekly' }],
      windowsAfter: [{ kind: 'short', source: 'poll' }, { kind: 'weekly' }],
    })
    expect(body.latencyMs).toBeGreaterThanOrEqual(0)
    expect(turnsSent()).toHaveLength(1)
    expect(turnsSent()[0]).toMatchObject({
      email: b,
      body: { model: body.model, stream: true, store: false },
      headers: { originator: 'codex-lb' },
    })
    expect(turnsSent()[0]?.bodyBytes).toBeLessThan(400)
    expect(await logged(1)).toMatchObject([
      {
        ...{ requestId: body.requestId, route: 'probe', accountId: body.accountId, status: 'success' },
        usage: { output: expect.any(Number) },
      },
    ])
    expect(await auditOf('account.probe')).toMatchObject([
      { outcome: 'success', target: { id: body.accountId }, after: { ok: true, requestId: body.requestId } },
    ])
  })

  it('takes the model that is named, also one that the account has not got', async () => {
    await start()
    expect((await probe(a, { model: 'gpt-5.5' })).body).toMatchObject({ ok: true, model: 'gpt-5.5' })
    rig.simulator.script(a, { kind: 'model_not_supported' })
    expect((await probe(a, { model: 'gpt-none' })).body).toMatchObject({ ok: false, statusCode: 400 })
    expect(await logged(2)).toMatchObject([{ status: 'error', model: 'gpt-none' }, { status: 'success' }])
  })

  it('tells what the upstream refuses, learns from it, and asks nobody else', async () => {
    await start()
    rig.simulator.setUsed(a, 'short', 100, 600)
    expect((await probe(a)).body).toMatchObject({
      ...{ ok: false, statusCode: 429, errorCode: 'usage_limit_reached' },
      ...{ statusBefore: 'active', statusAfter: 'rate_limited' },
    })
    expect(turnsSent().map(({ email }) => email)).toEqual([a])
    rig.simulator.setUsed(a, 'short', 0)
    // An account that rests can be tried out: that is what one wants to know.
    expect((await probe(a)).body).toMatchObject({ ok: true, statusBefore: 'rate_limited', statusAfter: 'active' })
    rig.simulator.script(b, { kind: 'status', status: 500 })
    expect((await probe(b)).body).toMatchObject({ ok: false, statusCode: 500 })
    expect(turnsSent().filter(({ email }) => email === b)).toHaveLength(1)
    rig.simulator.script(c, { kind: 'failed', code: 'server_error' })
    expect((await probe(c)).body).toMatchObject({ ok: false, errorCode: 'server_error' })
  })

  it('says that a sign-in is lost', async () => {
    await start()
    rig.simulator.script(
      a,
      { kind: 'unauthorized', path: 'responses' },
      { kind: 'token_error', code: 'refresh_token_reused' },
    )
    expect((await probe(a)).body).toMatchObject({
      ...{ ok: false, errorCode: 'refresh_token_reused', statusAfter: 'reauth_required' },
    })
    expect(refusal(await probe(a))).toBe('409 account_cannot_serve')
  })

  it('renews a token that is refused', async () => {
    await start()
    rig.simulator.script(a, { kind: 'unauthorized', path: 'responses' })
    expect((await probe(a)).body).toMatchObject({ ok: true })
    expect(rig.simulator.refreshes).toMatchObject([{ email: a, accepted: true }])
  })

  it('is refused while the account is paused, unknown, or being tried out', async () => {
    await start()
    await ask(rig.url, 'POST', `/api/accounts/${await idOf(c)}/pause`)
    expect(refusal(await probe(c))).toBe('409 account_cannot_serve')
    expect(refusal(await ask(rig.url, 'POST', '/api/accounts/acc_none/probe', {}))).toBe('404 account_not_found')
    for (const body of [{ model: '' }, { model: 7 }, { models: ['x'] }]) {
      expect(refusal(await probe(a, body))).toBe('400 invalid_request')
    }
    rig.simulator.script(a, { kind: 'slow_headers', ms: 400 })
    const [first, second] = await Promise.all([probe(a), probe(a)])
    expect([first.status, second.status].toSorted()).toEqual([200, 409])
    expect(turnsSent()).toHaveLength(1)
  })

  it('ends after half a minute of silence', async () => {
    const clock = createManualClock(Date.now())
    await start({ app: { clock } })
    rig.simulator.script(a, { kind: 'hang' })
    const probing = probe(a)
    await eventually('it was sent', async () => turnsSent().length === 1)
    clock.advance(30_000)
    expect((await probing).body).toMatchObject({ ok: false, statusCode: null, errorCode: 'upstream_timeout' })
    expect(await logged(1)).toMatchObject([{ status: 'error', errorCode: 'upstream_timeout' }])
  })

  it('does not keep the server from stopping', async () => {
    await start()
    rig.simulator.script(a, { kind: 'hang' })
    const probing = probe(a).catch(() => null)
    await eventually('it was sent', async () => turnsSent().length === 1)
    const startedAtMs = Date.now()
    await rig.restart()
    expect(Date.now() - startedAtMs).toBeLessThan(2_000)
    await probing
  })
})

describe('warming up', () => {
  const accounts = [
    { email: a, plan: 'plus' },
    { email: b, plan: 'plus', shortUsedPercent: 40 },
    { email: c, plan: 'free' },
    { email: 'd@example.com', plan: 'plus' },
    { email: 'e@example.com', plan: 'plus' },
  ]
  const warmUp = (body: object = {}) => ask(rig.url, 'POST', '/api/accounts/warm-up', body)
  const outcomes = async (body: object) =>
    Object.fromEntries(
      await Promise.all(
        (await warmUp(body)).body.items.map(async (item: { accountId: string; outcome: string; reason: string }) => [
          (await ask(rig.url, 'GET', `/api/accounts/${item.accountId}`)).body.email,
          item.reason ?? item.outcome,
        ]),
      ),
    )

  it('begins the short windows that nobody has begun, and no other', async () => {
    await start({ accounts })
    await ask(rig.url, 'POST', `/api/accounts/${await idOf('d@example.com')}/pause`)
    rig.simulator.script('e@example.com', { kind: 'status', status: 500 })
    expect(await outcomes({})).toEqual({
      ...{ [a]: 'warmed', [b]: 'window_running', [c]: 'no_short_window' },
      ...{ 'd@example.com': 'paused', 'e@example.com': 'failed' },
    })
    expect(await logged(2)).toMatchObject([{ route: 'warm-up' }, { route: 'warm-up' }])
    const [entry] = await auditOf('account.warm_up')
    expect(entry.after).toEqual({ warmed: [await idOf(a)], failed: [await idOf('e@example.com')] })
    // Now it runs, although not a whole per cent of it is used.
    expect((await outcomes({}))[a]).toBe('window_running')
  })

  it('warms up those that are named, and writes nothing down where there was nothing to do', async () => {
    await start({ accounts })
    const [idA, idB] = [await idOf(a), await idOf(b)]
    expect((await warmUp({ accountIds: [idB, idB] })).body).toMatchObject({
      ...{
        items: [{ accountId: idB, outcome: 'skipped', reason: 'window_running' }],
        warmed: 0,
        failed: 0,
        skipped: 1,
      },
    })
    expect(await auditOf('account.warm_up')).toEqual([])
    const { body } = await warmUp({ accountIds: [idA] })
    expect(body).toMatchObject({ items: [{ accountId: idA, outcome: 'warmed', probe: { ok: true } }], warmed: 1 })
    expect(turnsSent()).toHaveLength(1)
    for (const wrong of [{ accountIds: [] }, { accountIds: 'all' }, { accounts: [idA] }]) {
      expect(refusal(await warmUp(wrong))).toBe('400 invalid_request')
    }
    expect(refusal(await warmUp({ accountIds: [idA, 'acc_none'] }))).toBe('404 account_not_found')
  })
})

describe('the name of an account', () => {
  const rename = async (email: string, alias: unknown) =>
    ask(rig.url, 'PATCH', `/api/accounts/${await idOf(email)}`, { alias })

  it('stands wherever the account is shown, and survives a restart and a new login', async () => {
    await start()
    expect(await rig.account(a)).toMatchObject({ alias: null, displayName: a })
    expect((await rename(a, '  Work ')).body).toMatchObject({ alias: 'Work', displayName: 'Work', email: a })
    await rig.restart()
    await rig.importAccounts(a)
    expect(await rig.account(a)).toMatchObject({ alias: 'Work', displayName: 'Work' })
    const [entry] = await auditOf('account.change')
    expect(entry).toMatchObject({ before: { alias: null }, after: { alias: 'Work' } })
    expect((await ask(rig.url, 'PATCH', `/api/accounts/${await idOf(a)}`, { priority: 2 })).body.alias).toBe('Work')
    expect((await rename(a, null)).body).toMatchObject({ alias: null, displayName: a })
  })

  it.each([[''], ['  '], ['x'.repeat(81)], ['two\nlines'], ['turned \u202e around'], [7]])(
    'is not %j',
    async (alias) => {
      await start()
      const refused = await rename(a, alias)
      expect(refusal(refused)).toBe('400 invalid_request')
      expect(refused.body.error.details).toMatchObject([{ path: 'alias' }])
    },
  )
})
