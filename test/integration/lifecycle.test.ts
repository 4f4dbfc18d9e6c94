import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import { type RunningCommand, startCommand } from '../support/command.ts'
import { eventually, upload } from '../support/import-client.ts'
import { tokensOf } from '../support/simulator-client.ts'

const email = 'ada@example.com'
const other = 'grace@example.com'
let simulator: Simulator
beforeAll(async () => {
  const accounts = [email, other].map((one) => ({ email: one, plan: 'plus' }))
  simulator = await startSimulator({ accounts, eventDelayMs: 50 })
})
afterAll(() => simulator.close())

const folders: string[] = []
const programs: RunningCommand[] = []
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.process.kill('SIGKILL')
    await program.ended
  }
  simulator.reset()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'codex-lb-life-'))
  folders.push(made)
  return made
}

/** Starts `codex-lb serve` on a free port, against the simulator, with its data below the folder. */
function serve(cwd: string, env: Record<string, string> = {}, args: string[] = []): RunningCommand {
  const program = startCommand(
    args,
    {
      CODEX_LB_PORT: '0',
      CODEX_LB_DATA_DIR: join(cwd, 'data'),
      CODEX_LB_UPSTREAM_BASE_URL: simulator.baseUrl,
      CODEX_LB_AUTH_BASE_URL: simulator.authUrl,
      ...env,
    },
    cwd,
  )
  programs.push(program)
  return program
}

function connectTo(url: string, text = ''): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
  return socket.on('error', () => {})
}

async function stop(program: RunningCommand): Promise<number | null> {
  program.process.kill('SIGTERM')
  return (await program.ended).code
}

const turn = (url: string, text = 'FAKE_TEXT: hello') =>
  fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-5.5', stream: true, input: text }),
    signal: AbortSignal.timeout(30_000),
  })

/** A turn that has begun and goes on for a while. */
async function longTurn(url: string) {
  const answer = await turn(url, `FAKE_TEXT: ${'word '.repeat(60)}`)
  const reader = answer.body?.getReader()
  if (!reader) throw new Error('There is no body.')
  await reader.read()
  return async () => {
    let text = ''
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return text
      text += Buffer.from(value).toString()
    }
  }
}

async function freePort(): Promise<{ port: number; close: () => void }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => server.close() }
}

describe('starting', { timeout: 60_000 }, () => {
  it.each([
    ['json', '127.0.0.1', []],
    ['pretty', '127.0.0.1', ['serve']],
    ['json', '::1', ['serve']],
  ])('prints the address as one line on stdout and nothing else, with %s logs on %s', async (format, host, args) => {
    const program = serve(
      folder(),
      { CODEX_LB_LOG_FORMAT: format, CODEX_LB_LOG_LEVEL: 'trace', CODEX_LB_HOST: host },
      args,
    )
    const url = await program.ready()
    expect((await turn(url)).status).toBe(503)
    expect(await (await fetch(`${url}/health/ready`)).json()).toMatchObject({ status: 'ok' })
    expect(await stop(program)).toBe(0)
    const shown = host.includes(':') ? `[${host}]` : host
    expect(program.stdout()).toBe(`codex-lb listening on http://${shown}:${new URL(url).port}\n`)
    expect(program.stderr()).not.toBe('')
  })

  it('makes a data folder and a key that only their owner can read', async () => {
    const cwd = folder()
    const program = serve(cwd)
    await program.ready()
    expect(await stop(program)).toBe(0)
    const mode = (path: string) => (statSync(join(cwd, path)).mode & 0o777).toString(8)
    expect(mode('data')).toBe('700')
    for (const file of readdirSync(join(cwd, 'data'))) expect(mode(join('data', file)), file).toBe('600')
    expect(readdirSync(join(cwd, 'data'))).toEqual(expect.arrayContaining(['codex-lb.db', 'codex-lb.key']))
  })

  it('on a port that is in use ends with 1 and says which, and what to set', async () => {
    const { port, close } = await freePort()
    try {
      const program = serve(folder(), { CODEX_LB_PORT: String(port) })
      expect((await program.ended).code).toBe(1)
      expect(program.stdout()).toBe('')
      expect(program.stderr()).toContain(`127.0.0.1:${port} is in use`)
      expect(program.stderr()).toContain('CODEX_LB_PORT')
      expect(program.stderr()).not.toMatch(/\n\s+at /)
    } finally {
      close()
    }
  })

  it('with a bad configuration ends with 78 and lists every fault', async () => {
    const cwd = folder()
    const faults = {
      CODEX_LB_PORT: '70000',
      CODEX_LB_UPSTREAM_BASE_URL: 'ftp://example.com',
      CODEX_LB_TRUSTED_PROXIES: '10.0.0.0/40',
      CODEX_LB_LOG_LEVEL: 'loud',
      CODEX_LB_DRAIN_SECONDS: 'soon',
      CODEX_LB_DATABASE_URL: 'mysql://root:hunter2@db',
    }
    const program = serve(cwd, faults)
    expect((await program.ended).code).toBe(78)
    for (const name of Object.keys(faults)) expect(program.stderr()).toContain(`${name}: `)
    expect(program.stderr()).not.toContain('hunter2')
    expect(program.stdout()).toBe('')
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('the key file', { timeout: 60_000 }, () => {
  /** A folder whose database holds an account. */
  async function used(): Promise<string> {
    const cwd = folder()
    const program = serve(cwd)
    const url = await program.ready()
    expect((await upload(url, { content: simulator.authJson(email) })).status).toBe(200)
    expect(await stop(program)).toBe(0)
    return cwd
  }

  it('that is missing is never made anew: the program ends with 78 and says what to do', async () => {
    const cwd = await used()
    const key = join(cwd, 'data/codex-lb.key')
    rmSync(key)
    const program = serve(cwd)
    expect((await program.ended).code).toBe(78)
    expect(program.stderr()).toContain(`The key file ${key} is missing`)
    expect(program.stderr()).toMatch(/backup.*CODEX_LB_ENCRYPTION_KEY_FILE/s)
    expect(readdirSync(join(cwd, 'data'))).not.toContain('codex-lb.key')
  })

  it('that is another is refused with 78, and nothing is changed', async () => {
    const cwd = await used()
    const key = join(cwd, 'data/codex-lb.key')
    const right = readFileSync(key, 'utf8')
    writeFileSync(key, `codex-lb-key-v1:${Buffer.alloc(32, 7).toString('base64')}\n`)
    const program = serve(cwd)
    expect((await program.ended).code).toBe(78)
    expect(program.stderr()).toContain('Put the right key file back')
    expect(program.stdout()).toBe('')
    writeFileSync(key, right)
    const again = serve(cwd)
    expect((await turn(await again.ready())).status).toBe(200)
  })

  it('that is damaged is refused with 78', async () => {
    const cwd = await used()
    writeFileSync(join(cwd, 'data/codex-lb.key'), 'hello\n')
    const program = serve(cwd)
    expect((await program.ended).code).toBe(78)
    expect(program.stderr()).toContain('is damaged')
  })
})

describe('SIGTERM', { timeout: 60_000 }, () => {
  it('lets a running stream finish, answers 503 to readiness meanwhile, takes no new turns, and ends with 0', async () => {
    const program = serve(folder(), { CODEX_LB_DRAIN_SECONDS: '20' })
    const url = await program.ready()
    await upload(url, { content: simulator.authJson(email) })
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    const rest = await longTurn(url)
    program.process.kill('SIGTERM')
    await eventually('readiness is refused', async () => (await fetch(`${url}/health/ready`)).status === 503)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
    const refused = await turn(url)
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ error: { code: 'shutting_down' } })
    expect(await rest()).toContain('response.completed')
    expect((await program.ended).code).toBe(0)
  })

  it('ends a stream that goes on for too long, and writes down that it did', async () => {
    const cwd = folder()
    // Longer than the ten seconds that the web framework would give its own parts to stop.
    const program = serve(cwd, { CODEX_LB_DRAIN_SECONDS: '11' })
    const url = await program.ready()
    await upload(url, { content: simulator.authJson(email) })
    simulator.script(email, { kind: 'stall_after_output' })
    const rest = await longTurn(url)
    const askedAtMs = Date.now()
    program.process.kill('SIGTERM')
    await rest().catch(() => '')
    expect((await program.ended).code).toBe(0)
    const tookMs = Date.now() - askedAtMs
    expect(tookMs).toBeGreaterThanOrEqual(10_900)
    expect(tookMs).toBeLessThan(25_000)
    const again = serve(cwd)
    const logs = await (await fetch(`${await again.ready()}/api/request-logs`)).json()
    expect((logs as { items: object[] }).items[0]).toMatchObject({ status: 'error', errorCode: 'shutting_down' })
  })

  it('without anything running ends at once with 0; so does SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const program = serve(folder(), { CODEX_LB_DRAIN_SECONDS: '600' })
      const url = await program.ready()
      // Connections that ask for nothing must not hold it up: after an answer, before the first word, in the middle of it.
      await fetch(`${url}/health/live`)
      const silent = [connectTo(url), connectTo(url, 'GET / HT')]
      await Promise.all(silent.map((socket) => once(socket, 'connect')))
      program.process.kill(signal)
      expect(await Promise.race([program.ended, wait(10_000, 'still running')])).toMatchObject({ code: 0 })
    }
  })

  it('a second time ends at once', async () => {
    const program = serve(folder(), { CODEX_LB_DRAIN_SECONDS: '600' })
    const url = await program.ready()
    await upload(url, { content: simulator.authJson(email) })
    simulator.script(email, { kind: 'stall_after_output' })
    const rest = await longTurn(url)
    program.process.kill('SIGTERM')
    await eventually('the first signal is noticed', async () => program.stderr().includes('a second signal'))
    program.process.kill('SIGTERM')
    expect(await Promise.race([program.ended, wait(10_000, 'still running')])).toMatchObject({ code: 1 })
    await rest().catch(() => '')
  })
})

describe('the log', { timeout: 60_000 }, () => {
  it.each(['json', 'pretty'])(
    'never holds a token, an e-mail address or a prompt, at any level (%s)',
    async (format) => {
      const program = serve(folder(), { CODEX_LB_LOG_LEVEL: 'trace', CODEX_LB_LOG_FORMAT: format })
      const url = await program.ready()
      await upload(url, { content: simulator.authJson(email) }, { content: simulator.authJson(other) })
      await upload(url, { content: { tokens: { id_token: 'bad-token-text', access_token: 'x', refresh_token: 'y' } } })
      const secrets = [email, other].flatMap((one) => Object.values(tokensOf(simulator, one)))
      simulator.script(email, { kind: 'unauthorized' }, { kind: 'reset' }, { kind: 'usage_limit' })
      simulator.script(
        other,
        { kind: 'unauthorized', times: 'always' },
        { kind: 'token_error', code: 'refresh_token_expired', status: 401 },
      )
      for (let round = 0; round < 4; round++) await (await turn(url, 'FAKE_TEXT: a very private prompt')).text()
      await turn(url, '')
      await fetch(`${url}/v1/responses`, { method: 'POST', body: '{"private prompt' })
      secrets.push(...[email, other].flatMap((one) => Object.values(tokensOf(simulator, one))))
      expect(await stop(program)).toBe(0)
      const log = program.stderr() + program.stdout()
      expect(log).toContain('turn ended')
      const signatures = secrets.map((secret) => secret.slice(-40))
      // What a token says is as good as the token where it names the person.
      const payloads = secrets.flatMap((secret) => secret.split('.')[1]?.slice(0, 60) ?? [])
      const accountIds = simulator.accounts.map(({ userId }) => userId)
      const private_ = [email, other, 'Bearer', 'private prompt', 'bad-token-text', 'codex-lb-key-v1', ...accountIds]
      for (const text of [...secrets, ...signatures, ...payloads, ...private_]) {
        if (text === simulator.accounts[0]?.accountId || text === simulator.accounts[1]?.accountId) continue
        expect(log.includes(text), `${text} is in the log`).toBe(false)
      }
    },
  )
})
