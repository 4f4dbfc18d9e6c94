import { afterEach, describe, expect, it } from 'vitest'
import { AccountList, AccountTrends } from '../../src/contract/accounts.ts'
import { eventually } from '../support/import-client.ts'
import { refusalIn } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
afterEach(() => rig?.close())

const a = 'a@example.com'
const b = 'b@example.com'
const two = [
  { email: a, plan: 'plus', shortUsedPercent: 40, weeklyUsedPercent: 10 },
  { email: b, plan: 'free', monthlyUsedPercent: 25 },
]

async function call(method: string, path: string, body?: object) {
  const headers = { 'content-type': 'application/json' }
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) }
  const answer = await fetch(rig.url + path, init)
  return { status: answer.status, body: (await answer.json()) as Untyped, answer }
}

const idOf = async (email: string): Promise<string> => (await rig.account(email)).accountId

/** Sends a turn and tells which account served it, by e-mail; the answer's status when none did. */
/** Who answers a conversation. The same first words are the same conversation. */
async function served(headers: Record<string, string> = {}, words = 'hello'): Promise<string | number> {
  const answer = await fetch(`${rig.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'gpt-5.5', input: `FAKE_TEXT: ${words}` }),
  })
  await answer.text()
  if (answer.status !== 200) return answer.status
  return rig.simulator.requests.findLast(({ path }) => path.endsWith('/codex/responses'))?.email ?? 'nobody'
}

const figuresKnown = () =>
  eventually('all figures are known', async () => {
    const { body } = await call('GET', '/api/accounts')
    return body.accounts.every(({ windows }: { windows: unknown[] }) => windows.length > 0)
  })

describe('the account list', () => {
  it('has the shape of the contract, with the source and the time of every figure', async () => {
    const startedMs = Date.now()
    rig = await startRig({ accounts: two })
    await figuresKnown()
    const { body } = await call('GET', '/api/accounts')
    expect(AccountList.parse(body)).toEqual(body)
    const [first, second] = body.accounts
    expect(first).toMatchObject({
      ...{ email: a, displayName: a, planType: 'plus', status: 'active', statusReason: null, blocked: null },
      ...{
        inFlight: 0,
        usage: { primaryRemainingPercent: 60, secondaryRemainingPercent: 90, monthlyRemainingPercent: null },
      },
    })
    expect(first.windows).toEqual([
      expect.objectContaining({ kind: 'short', usedPercent: 40, windowMinutes: 300, source: 'poll' }),
      expect.objectContaining({ kind: 'weekly', usedPercent: 10, windowMinutes: 10_080, source: 'poll' }),
    ])
    expect(second.windows).toEqual([expect.objectContaining({ kind: 'monthly', remainingPercent: 75 })])
    for (const { readAt, resetAt } of [...first.windows, ...second.windows]) {
      expect(readAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      expect(Date.parse(readAt)).toBeGreaterThanOrEqual(startedMs - 1)
      expect(Date.parse(resetAt)).toBeGreaterThan(Date.now())
    }
    expect(first.resetAtPrimary).toBe(first.windows[0].resetAt)
  })

  it('says what blocks an account, since when and until when', async () => {
    rig = await startRig({ accounts: two })
    await figuresKnown()
    rig.simulator.script(a, { kind: 'usage_limit', resetsInSeconds: 3_600, times: 'always' })
    rig.simulator.script(b, { kind: 'rate_limit', retryAfterSeconds: 120, times: 'always' })
    expect(await served()).toBeGreaterThanOrEqual(429)
    const [first, second] = [await rig.account(a), await rig.account(b)]
    expect(first.blocked).toMatchObject({ by: 'window', code: 'usage_limit_reached', endIsKnown: true })
    expect(['rate_limited', 'quota_exceeded']).toContain(first.status)
    const seconds = (Date.parse(first.blocked.until) - Date.now()) / 1_000
    expect(seconds).toBeGreaterThan(3_500)
    expect(seconds).toBeLessThanOrEqual(3_601)
    expect(second).toMatchObject({ status: 'rate_limited', blocked: { by: 'burst' } })
    expect(Date.parse(second.blocked.since)).toBeLessThanOrEqual(Date.now())
  })

  it('says why an account lost its sign-in', async () => {
    rig = await startRig({ accounts: two })
    rig.simulator.script(a, { kind: 'account_deactivated', times: 'always' })
    rig.simulator.script(b, { kind: 'account_deactivated', times: 'always' })
    expect(await served()).toBeGreaterThanOrEqual(400)
    expect(await rig.account(a)).toMatchObject({ status: 'deactivated', statusReason: expect.stringMatching(/^\w+$/) })
  })
})

describe('pausing', () => {
  it('keeps turns away until the account is reactivated, in the words that scripts know', async () => {
    rig = await startRig({ accounts: two })
    const id = await idOf(a)
    expect(await call('POST', `/api/accounts/${id}/pause`)).toMatchObject({ status: 200, body: { status: 'paused' } })
    expect((await call('POST', `/api/accounts/${id}/pause`)).body).toEqual({ status: 'paused' })
    expect(await rig.account(a)).toMatchObject({ status: 'paused' })
    for (let turn = 0; turn < 4; turn++) expect(await served()).toBe(b)
    expect((await call('POST', `/api/accounts/${id}/reactivate`)).body).toEqual({ status: 'reactivated' })
    await call('POST', `/api/accounts/${await idOf(b)}/pause`)
    expect(await served()).toBe(a)
  })

  it('holds over a restart, and so does all that is known', async () => {
    rig = await startRig({ accounts: two, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
    await figuresKnown()
    await served()
    await call('POST', `/api/accounts/${await idOf(a)}/pause`)
    await call('PATCH', '/api/settings', { strategy: 'round_robin', affinityMinutes: 7 })
    const seen = async () => ({
      ...{
        a: await rig.account(a),
        requests: await rig.requests(),
        settings: (await call('GET', '/api/settings')).body,
      },
      trends: (await call('GET', `/api/accounts/${await idOf(a)}/trends`)).body,
    })
    const before = await seen()
    await rig.restart()
    const after = await seen()
    expect(after.a).toMatchObject({ status: 'paused', accountId: before.a.accountId, createdAt: before.a.createdAt })
    expect(after.a.windows.map(({ kind }: { kind: string }) => kind)).toEqual(['short', 'weekly'])
    expect(after.requests).toEqual(before.requests)
    expect(after.settings).toEqual(before.settings)
    expect(after.settings).toMatchObject({ strategy: 'round_robin', affinityMinutes: 7 })
    expect(after.trends.primary.length).toBeGreaterThan(0)
    expect(await served()).toBe(b)
  })

  it('is refused where only a new sign-in helps', async () => {
    rig = await startRig({ accounts: two })
    const id = await idOf(a)
    rig.simulator.script(a, { kind: 'unauthorized', times: 'always' })
    rig.simulator.script(a, { kind: 'token_error', code: 'refresh_token_invalidated', status: 401, times: 'always' })
    await call('POST', `/api/accounts/${await idOf(b)}/pause`)
    await served()
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required' })
    for (const action of ['pause', 'reactivate']) {
      const { answer, body } = await call('POST', `/api/accounts/${id}/${action}`)
      const refusal = refusalIn('/api/accounts', answer, JSON.stringify(body))
      expect(refusal).toMatchObject({ status: 409, code: 'account_state_transition_invalid' })
    }
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required' })
  })
})

describe('deleting', () => {
  it('removes the account and its tokens, and the threads that were bound to it go elsewhere', async () => {
    rig = await startRig({ accounts: two })
    const thread = { 'thread-id': 'thread-1' }
    await call('POST', `/api/accounts/${await idOf(b)}/pause`)
    expect(await served(thread)).toBe(a)
    await call('POST', `/api/accounts/${await idOf(b)}/reactivate`)
    const id = await idOf(a)
    expect(await call('DELETE', `/api/accounts/${id}`)).toMatchObject({ status: 200, body: { status: 'deleted' } })
    expect((await call('GET', '/api/accounts')).body.accounts.map(({ email }: { email: string }) => email)).toEqual([b])
    expect(await served(thread)).toBe(b)
    for (const [method, path] of [
      ['DELETE', ''],
      ['POST', '/pause'],
      ['POST', '/reactivate'],
      ['GET', '/trends'],
    ]) {
      const gone = await call(method ?? '', `/api/accounts/${id}${path}`)
      expect(gone).toMatchObject({ status: 404, body: { error: { code: 'account_not_found' } } })
    }
    await rig.restart()
    expect((await call('GET', '/api/accounts')).body.accounts).toHaveLength(1)
    expect(await served(thread)).toBe(b)
  })

  it('is undone by importing again: the same account finds its requests', async () => {
    rig = await startRig({ accounts: two })
    await call('POST', `/api/accounts/${await idOf(b)}/pause`)
    await served()
    const id = await idOf(a)
    await call('DELETE', `/api/accounts/${id}`)
    expect((await rig.requests())[0]).toMatchObject({ accountId: id })
    await rig.importAccounts(a)
    expect(await idOf(a)).toBe(id)
    expect(await served()).toBe(a)
    expect((await rig.requests()).map(({ accountId }) => accountId)).toEqual([id, id])
  })

  it('of the last account leaves an answer that says what to do', async () => {
    rig = await startRig({ accounts: [{ email: a, plan: 'plus' }] })
    await call('DELETE', `/api/accounts/${await idOf(a)}`)
    expect(await served()).toBe(503)
    expect((await rig.requests())[0]).toMatchObject({ errorCode: 'no_accounts' })
  })
})

describe('trends', () => {
  it('are hourly and begin with the first figure', async () => {
    rig = await startRig({ accounts: two })
    await figuresKnown()
    const { body } = await call('GET', `/api/accounts/${await idOf(a)}/trends`)
    expect(AccountTrends.parse(body)).toEqual(body)
    expect(body).toMatchObject({ accountId: await idOf(a), primary: [{ v: 60 }], secondary: [{ v: 90 }], monthly: [] })
  })
})

describe('settings', () => {
  it('keep both of two changes that come at once', async () => {
    rig = await startRig({ importAll: false })
    const changes = [{ strategy: 'fill_first' }, { affinityMinutes: 9 }]
    await Promise.all(changes.map((change) => call('PATCH', '/api/settings', change)))
    expect((await call('GET', '/api/settings')).body).toMatchObject({ strategy: 'fill_first', affinityMinutes: 9 })
  })

  it('change only what is named, and work from the next turn on', async () => {
    rig = await startRig({ accounts: two })
    expect((await call('GET', '/api/settings')).body).toMatchObject({
      strategy: 'cache_value',
      affinityMinutes: 30,
    })
    expect((await call('PATCH', '/api/settings', { strategy: 'round_robin' })).body).toMatchObject({
      ...{ strategy: 'round_robin', affinityMinutes: 30 },
    })
    expect((await call('PATCH', '/api/settings', { affinityMinutes: 5 })).body).toMatchObject({
      ...{ strategy: 'round_robin', affinityMinutes: 5 },
    })
    expect((await call('PATCH', '/api/settings', {})).body).toMatchObject({
      strategy: 'round_robin',
      affinityMinutes: 5,
    })
    const turns: unknown[] = []
    for (const words of ['one', 'two', 'three', 'four']) turns.push(await served({}, words))
    expect(turns.toSorted()).toEqual([a, a, b, b])
    expect(turns[0]).not.toBe(turns[1])
    expect((await rig.requests())[0]?.decision).toMatchObject({ strategy: 'round_robin' })
    await call('PATCH', '/api/settings', { strategy: 'fill_first' })
    await served()
    expect((await rig.requests())[0]?.decision).toMatchObject({ strategy: 'fill_first' })
  })

  it('that name accounts name accounts that are there', async () => {
    rig = await startRig({ accounts: two })
    const wrong: [change: object, path: string][] = [
      [{ strategy: 'single_account' }, 'singleAccountId'],
      [{ singleAccountId: 'acc_nobody' }, 'singleAccountId'],
      [{ drainOrder: [await idOf(a), 'acc_nobody'] }, 'drainOrder.1'],
    ]
    for (const [change, path] of wrong) {
      const { status, body } = await call('PATCH', '/api/settings', change)
      expect(status, path).toBe(400)
      expect(body.error.details, path).toEqual([{ path, message: expect.any(String) }])
    }
    const alone = { strategy: 'single_account', singleAccountId: await idOf(b) }
    expect((await call('PATCH', '/api/settings', alone)).status).toBe(200)
    expect([await served(), await served()]).toEqual([b, b])
  })

  it('are refused with the field that is wrong', async () => {
    rig = await startRig({ accounts: two })
    const { status, body } = await call('PATCH', '/api/settings', { strategy: 'fastest' })
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'invalid_request', details: [{ path: 'strategy' }] })
  })
})

describe('the request log', () => {
  it('is read in pages, newest first, each request once', async () => {
    rig = await startRig({ accounts: two })
    for (let turn = 0; turn < 7; turn++) await served({ 'x-request-id': `turn-${turn}` })
    const seen: string[] = []
    let cursor: string | null = null
    const sizes: number[] = []
    do {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const { body } = await call('GET', `/api/request-logs?limit=3${query}`)
      sizes.push(body.items.length)
      seen.push(...body.items.map(({ requestId }: { requestId: string }) => requestId))
      cursor = body.nextCursor
    } while (cursor !== null)
    expect(sizes).toEqual([3, 3, 1])
    expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((turn) => `turn-${turn}`))
  })

  it('keeps refused requests as well, with what was wrong', async () => {
    rig = await startRig({ accounts: two })
    await fetch(`${rig.url}/v1/responses`, { method: 'POST', body: '{"model":7}' })
    expect((await rig.requests())[0]).toMatchObject({
      ...{ status: 'error', httpStatus: 400, errorCode: 'invalid_request', accountId: null, route: '/v1/responses' },
      errorMessage: expect.stringContaining('"model"'),
    })
  })
})
