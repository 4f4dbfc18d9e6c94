import { afterEach, describe, expect, it } from 'vitest'
import { upload } from '../support/import-client.ts'
import { password, refusal, withPassword } from '../support/sign-in.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { a, b, ask as turn } from '../support/turns.ts'
import { ask, createVisitor } from '../support/visitor.ts'

let rig: Rig
afterEach(() => rig.close())

async function start(options: RigOptions = {}): Promise<string> {
  rig = await startRig({ accounts: [a, b].map((email) => ({ email, plan: 'plus' })), ...options })
  return `/api/accounts/${(await rig.account(a)).accountId}/export`
}
const audited = async (visitor: { ask: typeof me.ask }) =>
  (await visitor.ask('GET', '/api/audit-logs?action=account.export')).body.items.map(
    ({ outcome, target, after }: Record<string, { id?: string; format?: string; code?: string } | null>) => [
      outcome,
      target?.id ?? null,
      after?.format ?? after?.code,
    ],
  )
let me: ReturnType<typeof createVisitor>

describe('the export of an account', () => {
  it('is the file that Codex reads, and it can be imported again', async () => {
    const path = await start()
    const { status, headers, body } = await ask(rig.url, 'POST', path, { format: 'codex' })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json/),
      'content-disposition': 'attachment; filename="codex-auth-a-example.com.json"',
      'cache-control': 'no-store',
      'x-codex-lb-warning': expect.stringContaining('Two programs that use one login end it'),
    })
    const simulated = rig.simulator.authJson(a) as { tokens: object }
    expect(body).toEqual({
      ...{ auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens: simulated.tokens },
      last_refresh: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
    expect((await upload(rig.url, { content: body })).body).toMatchObject({ updated: 1, rejected: 0 })
    expect((await turn(rig)).status).toBe(200)
  })

  it('is the file that OpenCode reads, and it can be imported again', async () => {
    const path = await start()
    const { status, headers, body } = await ask(rig.url, 'POST', path, { format: 'opencode' })
    expect(status).toBe(200)
    expect(headers['content-disposition']).toBe('attachment; filename="opencode-auth-a-example.com.json"')
    // A token says when it ends in whole seconds.
    const { openai } = rig.simulator.openCodeJson(a) as { openai: { expires: number } }
    expect(body).toEqual({ openai: { ...openai, expires: Math.floor(openai.expires / 1_000) * 1_000 } })
    expect((await upload(rig.url, { content: body })).body).toMatchObject({ updated: 1, rejected: 0 })
  })

  it('has a safe name, whatever the account is called', async () => {
    const path = await start()
    for (const [alias, name] of [
      ['../../etc/passwd "x"', 'etc-passwd-x'],
      ['帳號', 'account'],
      ['x'.repeat(80), 'x'.repeat(60)],
    ] as const) {
      await ask(rig.url, 'PATCH', path.replace('/export', ''), { alias })
      const { headers } = await ask(rig.url, 'POST', path, { format: 'codex' })
      expect(headers['content-disposition']).toBe(`attachment; filename="codex-auth-${name}.json"`)
    }
  })

  it('asks for the password again where one is set, and nothing else will do', async () => {
    const path = await start()
    me = await withPassword(rig)
    const missing = await me.ask('POST', path, { format: 'codex' })
    expect(refusal(missing)).toBe('400 invalid_request')
    expect(missing.body.error.details).toMatchObject([{ path: 'password' }])
    expect(refusal(await me.ask('POST', path, { format: 'codex', password: 'wrong password' }))).toBe(
      '401 invalid_credentials',
    )
    await me.door('PUT', '/viewer-password', { password: 'for those who look' })
    expect(refusal(await me.ask('POST', path, { format: 'codex', password: 'for those who look' }))).toBe(
      '401 invalid_credentials',
    )
    expect((await me.ask('POST', path, { format: 'codex', password })).status).toBe(200)
    expect(refusal(await ask(rig.url, 'POST', path, { format: 'codex', password }))).toBe('401 authentication_required')
    const id = path.split('/')[3]
    const entries = await audited(me)
    expect(entries[0]).toEqual(['success', id, 'codex'])
    expect(entries).toContainEqual(['failure', null, 'invalid_credentials'])
  })

  it('limits guesses at the password like the sign-in does', async () => {
    const path = await start()
    me = await withPassword(rig)
    const guess = (given: string) => me.ask('POST', path, { format: 'codex', password: given })
    const answers: string[] = []
    for (let tries = 0; tries < 9; tries++) answers.push(refusal(await guess(`wrong ${tries}`)))
    expect(answers.slice(0, 8)).toEqual(Array(8).fill('401 invalid_credentials'))
    expect(answers[8]).toBe('429 too_many_attempts')
    expect(refusal(await guess(password))).toBe('429 too_many_attempts')
  })

  it('stays on this machine while no password is set', async () => {
    const path = await start({ env: { CODEX_LB_DASHBOARD_AUTH_MODE: 'disabled' } })
    const remote = createVisitor(rig, { 'x-forwarded-for': '203.0.113.7' })
    expect(refusal(await remote.ask('POST', path, { format: 'codex' }))).toBe('403 local_only')
    expect((await ask(rig.url, 'POST', path, { format: 'codex' })).status).toBe(200)
  })

  it('is of an account that is there and has a login, in a format that there is', async () => {
    const path = await start()
    expect(refusal(await ask(rig.url, 'POST', '/api/accounts/acc_none/export', { format: 'codex' }))).toBe(
      '404 account_not_found',
    )
    for (const body of [{}, { format: 'zip' }, { format: 'codex', more: 1 }, { format: 'codex', password: '' }]) {
      expect(refusal(await ask(rig.url, 'POST', path, body))).toBe('400 invalid_request')
    }
    rig.simulator.script(
      a,
      { kind: 'unauthorized', path: 'reset_credits' },
      { kind: 'token_error', code: 'refresh_token_reused' },
    )
    await ask(rig.url, 'GET', path.replace('/export', '/reset-credits'))
    expect(refusal(await ask(rig.url, 'POST', path, { format: 'codex' }))).toBe('409 account_cannot_serve')
  })

  it('renews a login that came without what Codex needs', async () => {
    rig = await startRig({ accounts: [{ email: a, plan: 'plus' }], importAll: false })
    await upload(rig.url, { content: rig.simulator.openCodeJson(a) })
    const path = `/api/accounts/${(await rig.account(a)).accountId}/export`
    const { status, body } = await ask(rig.url, 'POST', path, { format: 'codex' })
    expect(status).toBe(200)
    expect(body.tokens.id_token.split('.')).toHaveLength(3)
    expect(rig.simulator.refreshes).toMatchObject([{ accepted: true }])
    // What was exported is what is stored: the turn renews nothing.
    expect((await turn(rig)).status).toBe(200)
    expect(rig.simulator.refreshes).toHaveLength(1)
  })
})
