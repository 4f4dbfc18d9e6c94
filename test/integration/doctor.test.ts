import { once } from 'node:events'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../src/care/finding.ts'
import { checkUpstream } from '../../src/care/upstream.ts'
import { createManualClock } from '../support/clock.ts'
import { startCommand } from '../support/command.ts'
import { startMeddlingProxy } from '../support/meddling-proxy.ts'
import { type Rig, startRig } from '../support/start.ts'
import { scratchFolder } from '../support/stores.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
/** Where nothing listens. */
let closed: string
let home: Awaited<ReturnType<typeof scratchFolder>>
beforeAll(async () => {
  rig = await startRig()
  home = await scratchFolder()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  closed = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.close()
  await once(server, 'close')
})
afterAll(async () => {
  await rig.close()
  await home.dispose()
})

const environment = () => ({
  CODEX_LB_PORT: new URL(rig.url).port,
  CODEX_LB_DATA_DIR: rig.dataDir,
  CODEX_LB_UPSTREAM_BASE_URL: rig.simulator.baseUrl,
  CODEX_LB_AUTH_BASE_URL: rig.simulator.authUrl,
  CODEX_LB_OAUTH_CALLBACK_PORT: '0',
})
const run = async (args: string[], env: Record<string, string> = {}) => {
  const command = startCommand(['doctor', ...args], { ...environment(), ...env }, home.path)
  const { code } = await command.ended
  return { code, out: command.stdout(), err: command.stderr() }
}
/** The findings that are not fine, by id. */
const found = async (args: string[] = [], env: Record<string, string> = {}) => {
  const { code, out, err } = await run([...args, '--json'], env)
  const { items }: { items: Finding[] } = JSON.parse(out)
  return { code, err, items, bad: items.filter(({ status }) => status === 'failed' || status === 'warning') }
}

describe('codex-lb doctor', { timeout: 60_000 }, () => {
  it('finds nothing wrong with a server that is well, and says what it looked at', async () => {
    const { code, bad, items } = await found()
    expect(bad).toEqual([])
    expect(code).toBe(0)
    const looked = ['upstream', 'sign_in_service', 'clock', 'data_folder', 'disk_space', 'database', 'key_file', 'port']
    expect(items.map(({ id }) => id)).toEqual(
      expect.arrayContaining([...looked, 'headers', 'streaming', 'websocket', 'accounts']),
    )
    const { out } = await run([])
    expect(out).toMatch(/^ok {7}Database: whole, [\d.]+ MiB$/m)
  })

  it('tells an upstream that is out of reach, with the variable and a command to try', async () => {
    const { code, bad } = await found([], { CODEX_LB_UPSTREAM_BASE_URL: `${closed}/x` })
    expect(code).toBe(1)
    expect(bad).toMatchObject([
      {
        id: 'upstream',
        status: 'failed',
        cause: 'the connection is refused',
        fix: expect.stringMatching(/curl.*CODEX_LB_UPSTREAM_BASE_URL/),
      },
    ])
  })

  it('tells a clock that is wrong', async () => {
    const clock = createManualClock(Date.now() + 10 * 60_000)
    const addresses = { upstreamBaseUrl: rig.simulator.baseUrl, authBaseUrl: rig.simulator.authUrl }
    const findings = await checkUpstream(addresses, clock)
    expect(findings.find(({ id }) => id === 'clock')).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/^(599|600|601) s ahead$/),
    })
  })

  it('tells a key file that is missing, of another database, or open to others', async () => {
    const path = join(home.path, 'codex-lb.key')
    const key = { CODEX_LB_ENCRYPTION_KEY_FILE: path }
    expect((await found([], key)).bad).toMatchObject([
      { id: 'key_file', status: 'failed', found: expect.stringContaining('is missing') },
    ])
    await writeFile(path, `codex-lb-key-v1:${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 })
    expect((await found([], key)).bad).toMatchObject([
      { id: 'key_file', status: 'failed', cause: expect.stringContaining('are encrypted with the key') },
    ])
    await chmod(join(rig.dataDir, 'codex-lb.key'), 0o644)
    expect((await found()).bad).toMatchObject([
      { id: 'key_file', status: 'warning', fix: expect.stringContaining('chmod 600') },
    ])
    await chmod(join(rig.dataDir, 'codex-lb.key'), 0o600)
  })

  it('tells a database that is damaged or foreign, and makes none where there is none', async () => {
    const path = join(home.path, 'x.db')
    await writeFile(path, 'no database at all'.repeat(100))
    const database = { CODEX_LB_DATABASE_URL: `sqlite:${path}` }
    expect((await found([], database)).bad).toMatchObject([{ id: 'database', status: 'failed' }])
    await rm(path)
    expect((await found([], database)).bad).toMatchObject([
      { id: 'database', status: 'warning', found: 'there is none yet' },
    ])
    await expect(rm(path)).rejects.toThrow('ENOENT')
  })

  it('tells a port that another program uses', async () => {
    const other = createServer((socket) => socket.end('hello\n'))
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { bad } = await found([], { CODEX_LB_PORT: String(port), CODEX_LB_OAUTH_CALLBACK_PORT: String(port) })
    other.close()
    expect(bad).toMatchObject([
      { id: 'port', status: 'failed', found: `${port} is used by another program` },
      { id: 'callback_port', status: 'warning', found: `${port} is busy` },
    ])
  })

  it('tells what a proxy on the way drops, collects or does not pass on', async () => {
    const proxy = await startMeddlingProxy(rig.url, { dropsUnderscores: true, buffers: true })
    const { bad, code } = await found(['--url', proxy.url])
    await proxy.close()
    expect(code).toBe(1)
    expect(bad).toMatchObject([
      { id: 'headers', status: 'failed', found: 'do not arrive unchanged: session_id' },
      { id: 'streaming', status: 'failed', found: 'events arrive all at once' },
      { id: 'websocket', status: 'warning' },
    ])
  })

  it('tells an address where nothing answers, and a bad one', async () => {
    expect((await found(['--url', closed])).bad).toMatchObject([{ id: 'server', status: 'failed' }])
    expect(await run(['--url', 'nonsense'])).toMatchObject({ code: 2 })
  })

  it('tells a client of this machine that goes to where nothing answers', async () => {
    await mkdir(join(home.path, '.codex'), { recursive: true })
    const file = join(home.path, '.codex/config.toml')
    const provider = (url: string) =>
      `[model_providers.codex-lb]\nname = "codex-lb"\nbase_url = "${url}/backend-api/codex"\n`
    await writeFile(file, `model_provider = "codex-lb"\n${provider(closed)}`)
    expect((await found()).bad).toMatchObject([{ id: 'client_codex', status: 'failed', fix: 'codex-lb setup codex' }])
    await writeFile(file, provider(rig.url))
    expect((await found()).bad).toMatchObject([
      { id: 'client_codex', status: 'warning', cause: expect.stringContaining('another one is chosen') },
    ])
    await rm(file)
  })

  it('warns of a proxy in the environment, which is not heeded', async () => {
    expect((await found([], { HTTPS_PROXY: closed })).bad).toMatchObject([{ id: 'environment' }])
  })
})

describe('what a server says of itself', () => {
  const report = async (headers: Record<string, string> = {}): Promise<Untyped> =>
    (await fetch(`${rig.url}/api/doctor`, { headers })).json()

  it('is well', async () => {
    const { items } = await report()
    expect(items.filter(({ status }: Finding) => status !== 'ok')).toEqual([])
  })

  it('names egress proxies that do not work', async () => {
    const port = Number(new URL(closed).port)
    const proxy = { name: 'Office', scheme: 'http', host: '127.0.0.1', port }
    const json = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const made = await fetch(`${rig.url}/api/egress-proxies`, { ...json, body: JSON.stringify(proxy) })
    const { id } = (await made.json()) as Untyped
    await fetch(`${rig.url}/api/egress-proxies/${id}/test`, { method: 'POST' })
    const { items } = await report()
    expect(items.filter((one: Finding) => one.status !== 'ok')).toMatchObject([
      { id: 'egress', found: 'Office does not work' },
    ])
    await fetch(`${rig.url}/api/egress-proxies/${id}`, { method: 'DELETE' })
  })

  it('names accounts that need a sign-in', async () => {
    rig.simulator.script('b@example.com', { kind: 'unauthorized', times: 2 })
    rig.simulator.script('b@example.com', { kind: 'token_error', code: 'refresh_token_invalidated', status: 401 })
    const { accountId } = await rig.account('b@example.com')
    await fetch(`${rig.url}/api/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ strategy: 'single_account', singleAccountId: accountId }),
    })
    await fetch(`${rig.url}/v1/responses`, { method: 'POST', body: '{"model":"gpt-5.5","input":"hi"}' })
    const { items } = await report()
    expect(items.filter(({ status }: Finding) => status !== 'ok')).toMatchObject([
      { id: 'accounts', found: '1 of 3 cannot serve' },
    ])
  })
})
