import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startCommand } from '../support/command.ts'
import { createReference, hashOf, type ReferenceFixture } from '../support/reference-database.ts'
import { type Rig, startRig } from '../support/start.ts'
import { scratchFolder } from '../support/stores.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
let scratch: Awaited<ReturnType<typeof scratchFolder>>
let old: ReferenceFixture
const [a, b, c] = ['a@example.com', 'b@example.com', 'c@example.com']
const secret = `sk-clb-${'x'.repeat(43)}`

beforeEach(async () => {
  rig = await startRig({ importAll: false })
  scratch = await scratchFolder()
  old = createReference(join(scratch.path, 'old'))
})
afterEach(async () => {
  old.close()
  await rig.close()
  await scratch.dispose()
})

const run = async (...args: string[]) => {
  const env = { CODEX_LB_DATA_DIR: rig.dataDir }
  const command = startCommand(['migrate-from-codex-lb', ...args], env, scratch.path)
  const { code } = await command.ended
  return { code, out: command.stdout(), err: command.stderr() }
}
const json = async (path: string, init?: RequestInit): Promise<Untyped> => (await fetch(rig.url + path, init)).json()

function addAccount(email: string, given: Record<string, unknown> = {}): string {
  const { tokens, last_refresh } = rig.simulator.authJson(email) as Untyped
  const id = `${tokens.account_id}_1234abcd`
  old.add('accounts', {
    ...{
      id,
      chatgpt_account_id: tokens.account_id,
      email,
      plan_type: 'plus',
      routing_policy: 'normal',
      status: 'active',
    },
    id_token_encrypted: old.seal(tokens.id_token),
    access_token_encrypted: old.seal(tokens.access_token),
    refresh_token_encrypted: old.seal(tokens.refresh_token),
    last_refresh: String(last_refresh).replace('T', ' ').replace('Z', ''),
    created_at: '2026-01-01 00:00:00',
    ...given,
  })
  return id
}

function addKey(id: string, given: Record<string, unknown> = {}): void {
  old.add('api_keys', {
    ...{ id, name: 'laptop', key_hash: hashOf(secret), key_prefix: secret.slice(0, 15), is_active: 1 },
    ...{ account_assignment_scope_enabled: 0, traffic_class: 'foreground', created_at: '2026-01-02 03:04:05.678900' },
    ...given,
  })
}

const turn = (headers: Record<string, string>) =>
  fetch(`${rig.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'gpt-5.5', input: 'hi' }),
  })

describe('codex-lb migrate-from-codex-lb', { timeout: 60_000 }, () => {
  it('takes over accounts, keys, settings and the log, so that clients go on with the keys they have', async () => {
    const id = addAccount(a)
    addAccount(b, { status: 'paused', routing_policy: 'preserve' })
    addKey('key-1', { account_assignment_scope_enabled: 1, allowed_models: '["gpt-5.5"]' })
    old.add('api_key_accounts', { api_key_id: 'key-1', account_id: id })
    old.add('api_key_limits', {
      ...{ id: 7, api_key_id: 'key-1', limit_type: 'cost_usd', limit_window: 'weekly', max_value: 5_000_000 },
    })
    old.add('dashboard_settings', {
      ...{ id: 1, routing_strategy: 'round_robin', relative_availability_power: 2, proxy_account_stream_limit: 16 },
      ...{ prefer_earlier_reset_accounts: 1, prefer_earlier_reset_window: 'secondary', api_key_auth_enabled: 1 },
    })
    old.add('request_logs', {
      ...{ id: 1, account_id: id, api_key_id: 'key-1', request_id: 'resp_old', requested_at: '2026-01-03 10:00:00' },
      ...{ model: 'gpt-5.5', status: 'success', input_tokens: 100, cached_input_tokens: 40, output_tokens: 5 },
      ...{ cost_usd: 0.0025, latency_ms: 900, transport: 'http', client_ip: '10.0.0.9', conversation_id: 'conv' },
    })
    old.add('request_logs', {
      id: 2,
      request_id: 'gone',
      requested_at: '2026-01-03',
      deleted_at: '2026-01-04',
      status: 'success',
    })
    old.add('api_firewall_allowlist', { ip_address: '10.0.0.1' })

    const { code, out, err } = await run('old')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    for (const said of [
      '2 accounts',
      '1 API keys',
      'strategy, maxStreams, requireApiKeys',
      '1 logged requests',
      '1 addresses of the firewall',
    ]) {
      expect(out).toContain(said)
    }

    await rig.restart()
    expect(await rig.account(a)).toMatchObject({ status: 'active' })
    expect(await rig.account(b)).toMatchObject({ status: 'paused', policy: 'preserve' })
    expect(await json('/api/settings')).toMatchObject({
      strategy: 'round_robin',
      maxStreams: 16,
      preferEarlierReset: 'off',
    })
    const { items } = await json('/api/request-logs')
    expect(items).toMatchObject([
      {
        ...{
          requestId: 'resp_old',
          at: '2026-01-03T10:00:00.000Z',
          keyId: 'key-1',
          status: 'success',
          costUsd: 0.0025,
        },
        ...{ usage: { input: 100, cached: 40, output: 5, reasoning: 0 }, clientAddress: '10.0.0.9', threadId: 'conv' },
      },
    ])
    expect(items[0].accountId).toBe((await rig.account(a)).accountId)
    const [key] = (await json('/api/api-keys')).items
    expect(key).toMatchObject({
      ...{ id: 'key-1', name: 'laptop', prefix: secret.slice(0, 15), allowedModels: ['gpt-5.5'] },
      accountIds: [items[0].accountId],
    })
    expect(JSON.stringify(key)).toContain('5000000')
    expect((await turn({ authorization: `Bearer ${secret}` })).status).toBe(200)
    expect((await turn({})).status).toBe(401)
    expect((await turn({ authorization: `Bearer ${secret.replace('x', 'y')}` })).status).toBe(401)
  })

  it('may be run again: nothing is there twice', async () => {
    addAccount(a)
    addKey('key-1')
    old.add('request_logs', {
      id: 1,
      request_id: 'r',
      requested_at: '2026-01-03 10:00:00.5',
      status: 'error',
      error_code: 'x',
    })
    await run('old')
    const again = await run('old')
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('0 API keys taken over, 1 were here already') })
    await rig.restart()
    expect((await json('/api/accounts')).accounts).toHaveLength(1)
    expect((await json('/api/request-logs')).items).toHaveLength(1)
  })

  it('only counts with --dry-run', async () => {
    addAccount(a)
    const { code, out } = await run('old', '--dry-run')
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('1 accounts, 0 api keys, 0 request logs') })
    expect((await json('/api/accounts')).accounts).toEqual([])
  })

  it('names what it leaves behind and takes the rest', async () => {
    addAccount(a)
    addAccount(b, { refresh_token_encrypted: `${old.seal('x').slice(0, 50)}AAAA${old.seal('x').slice(54)}` })
    addAccount(c, { status: 'reauth_required', deactivation_reason: 'refresh_token_expired' })
    const { code, out, err } = await run('old')
    expect(code).toBe(1)
    expect(err).toContain(`left behind  ${b}: its tokens were encrypted with another key`)
    expect(out).toContain('2 accounts taken over')
    await rig.restart()
    expect(await rig.account(c)).toMatchObject({ status: 'reauth_required' })
  })

  it('a key for accounts that stayed behind serves none, not all', async () => {
    addAccount(a)
    addKey('key-1')
    old.add('api_key_accounts', { api_key_id: 'key-1', account_id: 'gone' })
    await run('old')
    await rig.restart()
    expect((await json('/api/api-keys')).items).toMatchObject([{ accountIds: [], accountsInScope: 0 }])
    expect((await turn({ authorization: `Bearer ${secret}` })).status).toBe(503)
  })

  it('reads a database of an older release, which lacks tables and columns', async () => {
    const older = createReference(join(scratch.path, 'older'), [
      'api_keys',
      'api_key_limits',
      'api_key_accounts',
      'request_logs',
    ])
    older.close()
    expect(await run('older')).toMatchObject({ code: 0, err: '' })
  })

  it('says what is wrong with the directory', async () => {
    expect(await run('nowhere')).toMatchObject({ code: 1, err: expect.stringContaining('There is no store.db in') })
    await writeFile(join(old.folder, 'encryption.key'), 'short')
    expect(await run('old')).toMatchObject({ code: 1, err: expect.stringContaining('encryption.key is damaged') })
    await rm(join(old.folder, 'encryption.key'))
    expect(await run('old')).toMatchObject({
      code: 1,
      err: expect.stringContaining('without it the tokens stay closed'),
    })
  })
})
