import { afterEach, describe, expect, it } from 'vitest'
import { jwt } from '../support/auth-json.ts'
import { eventually, type Part, upload } from '../support/import-client.ts'
import { tokensOf } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'

let rig: Rig
afterEach(() => rig?.close())

const empty = () => startRig({ importAll: false })
const accounts = async () => {
  const { accounts: seen } = (await (await fetch(`${rig.url}/api/accounts`)).json()) as {
    accounts: Record<string, unknown>[]
  }
  return seen
}
const turn = () =>
  fetch(`${rig.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-5.5', input: 'FAKE_TEXT: hello' }),
  })

/** A sound file of somebody the simulator does not know. */
function somebody(number: number, claims: Record<string, unknown> = {}) {
  const auth = {
    chatgpt_account_id: `workspace-${number}`,
    chatgpt_user_id: `user-${number}`,
    chatgpt_plan_type: 'plus',
    ...claims,
  }
  const token = jwt({ email: `p${number}@example.org`, 'https://api.openai.com/auth': auth, exp: 4_000_000_000 })
  return { tokens: { id_token: token, access_token: token, refresh_token: `rt-${number}` } }
}

function camelCase(file: object): object {
  const { tokens } = file as { tokens: Record<string, string> }
  const { id_token: idToken, access_token: accessToken, refresh_token: refreshToken, account_id: accountId } = tokens
  return { tokens: { idToken, accessToken, refreshToken, accountId }, lastRefresh: new Date().toISOString() }
}

describe('importing', () => {
  it('one file tells who it is, at the top and as an item', async () => {
    rig = await empty()
    const { status, body } = await upload(rig.url, { content: rig.simulator.authJson('a@example.com') })
    expect(status).toBe(200)
    const [seen] = await accounts()
    const who = { accountId: seen?.accountId, email: 'a@example.com', planType: 'plus', status: 'active' }
    expect(body).toEqual({
      ...{ ...who, imported: 1, updated: 0, rejected: 0 },
      items: [{ file: 'auth.json', outcome: 'imported', ...who, error: null }],
    })
    expect((await turn()).status).toBe(200)
  })

  it('reads the usage figures soon after', async () => {
    rig = await startRig({
      accounts: [{ email: 'a@example.com', plan: 'plus', shortUsedPercent: 37, weeklyUsedPercent: 12 }],
      env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' },
    })
    await eventually('both figures appear', async () => (await rig.account('a@example.com')).windows.length === 2)
    expect((await rig.account('a@example.com')).usage).toMatchObject({
      ...{ primaryRemainingPercent: 63, secondaryRemainingPercent: 88 },
    })
  })

  it('takes every shape that people have, in one request and under both field names', async () => {
    rig = await empty()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => rig.simulator.authJson(`${name}@example.com`))
    const { body } = await upload(
      rig.url,
      { field: 'auth_json', name: 'codex.json', content: a },
      { field: 'files', name: 'camel.json', content: camelCase(b ?? {}) },
      { field: 'files[]', name: 'opencode.json', content: rig.simulator.openCodeJson('c@example.com') },
      { field: 'auth_json', name: 'list.json', content: [somebody(1), somebody(2)] },
      { field: 'files', name: null, content: somebody(3) },
      { field: 'files', name: 'again.json', content: c },
    )
    expect(body.items.map((item: Record<string, unknown>) => [item.file, item.outcome, item.email])).toEqual([
      ['codex.json', 'imported', 'a@example.com'],
      ['camel.json', 'imported', 'b@example.com'],
      ['opencode.json', 'imported', 'c@example.com'],
      ['list.json', 'imported', 'p1@example.org'],
      ['list.json', 'imported', 'p2@example.org'],
      ['files', 'imported', 'p3@example.org'],
      ['again.json', 'updated', 'c@example.com'],
    ])
    expect(body).toMatchObject({ imported: 6, updated: 1, rejected: 0 })
    expect(body).not.toHaveProperty('accountId')
    expect(await accounts()).toHaveLength(6)
  })

  it('imports the good files of a mixture, and says of the others what is wrong', async () => {
    rig = await empty()
    const { status, body } = await upload(
      rig.url,
      { name: 'broken.json', content: '{"tokens":' },
      { name: 'good.json', content: rig.simulator.authJson('a@example.com') },
      { name: 'key.json', content: { OPENAI_API_KEY: 'sk-1' } },
      { name: 'large.json', content: ' '.repeat(1024 * 1024 + 1) },
      { name: 'list.json', content: [somebody(1), { tokens: { id_token: 5 } }] },
    )
    expect(status).toBe(200)
    expect(body).toMatchObject({ imported: 2, updated: 0, rejected: 6 })
    const rejected = body.items.filter((item: { outcome: string }) => item.outcome === 'rejected')
    expect(rejected.map(({ file, error }: { file: string; error: { path: string } }) => [file, error.path])).toEqual(
      expect.arrayContaining([
        ['broken.json', ''],
        ['key.json', 'OPENAI_API_KEY'],
        ['large.json', ''],
        ['list.json', '[1].tokens.id_token'],
        ['list.json', '[1].tokens.access_token'],
        ['list.json', '[1].tokens.refresh_token'],
      ]),
    )
    expect(JSON.stringify(rejected)).toContain('larger than 1 MiB')
    expect(await accounts()).toHaveLength(2)
  })

  it('of nothing but bad files is refused, and names each file and field', async () => {
    rig = await empty()
    const { status, body, requestId } = await upload(
      rig.url,
      { name: 'one.json', content: { tokens: { access_token: 'x', refresh_token: 'y' } } },
      { name: 'two.json', content: 'hello' },
      { name: 'three.json', content: somebody(1, { chatgpt_account_id: '' }) },
    )
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'invalid_auth_json', requestId })
    expect(body.error.details.map(({ path }: { path: string }) => path)).toEqual([
      'tokens.id_token',
      '',
      'tokens.account_id',
    ])
    expect(body.error.details.map(({ message }: { message: string }) => message.split(':')[0])).toEqual([
      'one.json',
      'two.json',
      'three.json',
    ])
    expect(await accounts()).toEqual([])
  })

  it('of a file beyond 1 MiB is refused', async () => {
    rig = await empty()
    const { status, body } = await upload(rig.url, { name: 'big.json', content: ' '.repeat(1024 * 1024 + 1) })
    expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'invalid_auth_json' })
    expect(body.error.message).toContain('big.json: the file is larger than 1 MiB')
  })

  it.each<[string, Part[], number, string, string]>([
    ['under another field name', [{ field: 'file', content: {} }], 400, 'invalid_request', 'file'],
    [
      'as a plain field of another name',
      [{ field: 'auth', name: null, content: '{}' }],
      400,
      'invalid_request',
      'auth',
    ],
    ['without any file', [], 400, 'invalid_request', 'auth_json'],
  ])('%s is refused', async (_what, parts, status, code, path) => {
    rig = await empty()
    const refusal = await upload(rig.url, ...parts)
    expect(refusal.status).toBe(status)
    expect(refusal.body.error).toMatchObject({ code, details: [{ path }] })
  })

  it('never makes one account of two: a conflict is refused', async () => {
    rig = await empty()
    const shared = somebody(1).tokens.refresh_token
    const other = somebody(2)
    other.tokens.refresh_token = shared
    expect((await upload(rig.url, { content: somebody(1) })).status).toBe(200)
    const { status, body } = await upload(rig.url, { name: 'other.json', content: other })
    expect(status).toBe(409)
    expect(body.error).toMatchObject({ code: 'duplicate_identity_conflict' })
    expect(body.error.message).toContain('other.json')
    expect(await accounts()).toHaveLength(1)
  })

  it('another seat of the same workspace makes another account', async () => {
    rig = await empty()
    const team = { chatgpt_account_id: 'team', chatgpt_plan_type: 'team' }
    await upload(rig.url, { content: somebody(1, team) }, { content: somebody(2, team) })
    const { body } = await upload(rig.url, { content: somebody(1, team) })
    expect(body).toMatchObject({ updated: 1, email: 'p1@example.org' })
    const seen = await accounts()
    expect(seen.map(({ chatgptAccountId, email }) => [chatgptAccountId, email])).toEqual([
      ['team', 'p1@example.org'],
      ['team', 'p2@example.org'],
    ])
    expect(new Set(seen.map(({ accountId }) => accountId)).size).toBe(2)
  })

  it('a thousand files works in one request, and the same again updates them all', async () => {
    rig = await empty()
    const files = Array.from({ length: 1_000 }, (_, index) => ({
      ...{ field: 'files', name: `${index}.json`, content: somebody(index) },
    }))
    const started = performance.now()
    const first = await upload(rig.url, ...files)
    const importedMs = performance.now() - started
    expect(first.body).toMatchObject({ imported: 1_000, updated: 0, rejected: 0 })
    const again = await upload(rig.url, ...files)
    const updatedMs = performance.now() - started - importedMs
    expect(again.body).toMatchObject({ imported: 0, updated: 1_000, rejected: 0 })
    expect(await accounts()).toHaveLength(1_000)
    expect(Math.max(importedMs, updatedMs)).toBeLessThan(60_000)
    console.log(`1,000 files: imported in ${Math.round(importedMs)} ms, updated in ${Math.round(updatedMs)} ms`)
  }, 120_000)
})

describe('importing again', () => {
  it('heals an account that lost its sign-in, and keeps its history, its trends and its id', async () => {
    rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus', shortUsedPercent: 10 }] })
    expect((await turn()).status).toBe(200)
    await eventually('figures are known', async () => (await rig.account('a@example.com')).windows.length > 0)
    const was = await rig.account('a@example.com')
    const trendsOf = async () => (await fetch(`${rig.url}/api/accounts/${was.accountId}/trends`)).json()
    const trends = await trendsOf()
    rig.simulator.script(
      'a@example.com',
      { kind: 'unauthorized', times: 2 },
      { kind: 'token_error', code: 'refresh_token_invalidated', status: 401 },
    )
    expect((await turn()).status).toBeGreaterThanOrEqual(400)
    expect(await rig.account('a@example.com')).toMatchObject({ status: 'reauth_required' })
    rig.simulator.reset('a@example.com')

    const { body } = await upload(rig.url, { content: rig.simulator.authJson('a@example.com') })
    expect(body).toMatchObject({ updated: 1, accountId: was.accountId, status: 'active' })
    expect(await rig.account('a@example.com')).toMatchObject({
      ...{ status: 'active', statusReason: null, createdAt: was.createdAt },
    })
    expect((await turn()).status).toBe(200)
    expect((await rig.requests()).map(({ accountId }) => accountId)).toEqual([
      was.accountId,
      was.accountId,
      was.accountId,
    ])
    expect(trends).toMatchObject({ primary: [{ v: 90 }] })
    expect(((await trendsOf()) as { primary: [] }).primary.length).toBeGreaterThan(0)
  })

  it('leaves a paused account paused', async () => {
    rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus' }] })
    const { accountId } = await rig.account('a@example.com')
    await fetch(`${rig.url}/api/accounts/${accountId}/pause`, { method: 'POST' })
    const { body } = await upload(rig.url, { content: rig.simulator.authJson('a@example.com') })
    expect(body).toMatchObject({ accountId, status: 'paused' })
    expect((await turn()).status).toBeGreaterThanOrEqual(400)
  })

  it('a stale copy of the file does not take a working account its tokens', async () => {
    rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus', accessTokenMs: 1_000 }] })
    const old = {
      ...rig.simulator.authJson('a@example.com'),
      last_refresh: new Date(Date.now() - 86_400_000).toISOString(),
    }
    // The token has nearly ended, so the first turn renews it: what the file holds is spent from then on.
    expect((await turn()).status).toBe(200)
    const spent = (old as unknown as { tokens: { refresh_token: string } }).tokens.refresh_token
    expect(tokensOf(rig.simulator, 'a@example.com').refresh_token).not.toBe(spent)

    const { body } = await upload(rig.url, { content: old })
    expect(body).toMatchObject({ updated: 1, status: 'active' })
    expect((await turn()).status).toBe(200)
    expect(await rig.account('a@example.com')).toMatchObject({ status: 'active' })
    const uses = rig.simulator.refreshes.filter(({ refreshToken }) => refreshToken === spent)
    expect(uses).toHaveLength(1)
  })
})
