import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import pino from 'pino'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type App, startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { accountsOf, importInto, logOf, type Program, startProgram } from '../support/program.ts'
import { tokensOf, turnBody } from '../support/simulator-client.ts'
import { a, ask, b, expectNoHandles, expectNoTokenTwice, post, readAll, turnsAt } from '../support/turns.ts'

// The real program, killed at every step around a refresh: its next life never sends a spent token, and every account
// either serves with the newest tokens or says why it cannot.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const minute = 60_000
/** Of the simulator, and of the lives that run in this process; a program of its own lives in real time. */
let clock: ManualClock
let simulator: Simulator
let dataDir: string
let program: Program | null = null
let laterLife: App | null = null

beforeEach(async () => {
  clock = createManualClock(Date.now())
  simulator = await startSimulator({
    clock,
    accounts: [
      { email: a, plan: 'plus', accessTokenMs: 10 * minute },
      { email: b, plan: 'plus' },
    ],
  })
  dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-crash-'))
})
afterEach(async () => {
  await program?.kill()
  await laterLife?.close()
  program = laterLife = null
  expectNoTokenTwice(simulator)
  await simulator.close()
  await rm(dataDir, { recursive: true, force: true })
})
afterAll(expectNoHandles)

async function startReal(addresses: Partial<Pick<Simulator, 'authUrl'>> = {}): Promise<Program> {
  program = await startProgram(dataDir, { baseUrl: simulator.baseUrl, authUrl: simulator.authUrl, ...addresses })
  return program
}

/** The same in this process, which is quicker. */
async function startHere(): Promise<App> {
  const env = {
    CODEX_LB_PORT: '0',
    CODEX_LB_DATA_DIR: dataDir,
    CODEX_LB_UPSTREAM_BASE_URL: simulator.baseUrl,
    CODEX_LB_AUTH_BASE_URL: simulator.authUrl,
    CODEX_LB_USAGE_REFRESH_SECONDS: '86400',
  }
  laterLife = await startApp(readConfig(env, dataDir).config, pino({ level: 'silent' }), { clock })
  return laterLife
}

/** The program with account a alone, whose access token has run out. */
async function startExpired(addresses: Partial<Pick<Simulator, 'authUrl'>> = {}): Promise<Program> {
  const first = await startHere()
  await importInto(first, simulator, [a])
  await first.close()
  const database = new Database(join(dataDir, 'codex-lb.db'))
  database.prepare('update credentials set expires_at_ms = ?').run(Date.now() - minute)
  database.close()
  return startReal(addresses)
}

const tokenRequests = () => simulator.requests.filter(({ path }) => path === '/oauth/token').length
const quietly = (work: Promise<unknown>) => void work.catch(() => {})

/** What is left after the kill: `serves`, or the reason why not. */
async function nextLife(): Promise<string> {
  // No other process can still be at work on a refresh that began so long ago.
  clock.advance(minute)
  const next = await startHere()
  const told = await ask(next)
  const [account] = await accountsOf(next)
  if (told.status === 200) {
    const newest = `Bearer ${tokensOf(simulator, a).access_token}`
    expect(turnsAt(simulator).at(-1)?.headers.authorization).toBe(newest)
    expect(account?.status).toBe('active')
    return 'serves'
  }
  expect(told).toMatchObject({ status: 503, error: { message: 'No account can serve: 1 waiting for a new sign-in.' } })
  expect(account).toMatchObject({ status: 'reauth_required', statusReason: expect.any(String) })
  return account?.statusReason
}

describe('a program killed', () => {
  it('before it had anything to refresh starts again and refreshes', async () => {
    await (await startExpired()).kill()
    expect(await nextLife()).toBe('serves')
    expect(simulator.refreshes).toHaveLength(1)
  })

  it('while its refresh is on the way says that it was interrupted, and does not send the token again', async () => {
    const sink = createServer()
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
    const arrived = new Promise((resolve) => sink.once('request', resolve))
    const { port } = sink.address() as AddressInfo
    const running = await startExpired({ authUrl: `http://127.0.0.1:${port}` })
    quietly(ask(running))
    await arrived
    await running.kill()
    await new Promise((resolve) => sink.close(resolve).closeAllConnections())
    expect(await nextLife()).toBe('refresh_interrupted')
    expect(simulator.refreshes).toEqual([])
  })

  it.each([false, true])('while the reply is held back says so (rotated in the end: %s)', async (isRotated) => {
    const running = await startExpired()
    simulator.script(
      a,
      isRotated ? { kind: 'slow_headers', ms: 5_000, path: 'token' } : { kind: 'hang', path: 'token' },
    )
    quietly(ask(running))
    await eventually('the token was sent', async () => tokenRequests() === 1)
    await running.kill()
    clock.advance(5_000)
    expect(await nextLife()).toBe('refresh_interrupted')
    expect(tokenRequests()).toBe(1)
  })

  it('is healed by a new sign-in', async () => {
    const running = await startExpired()
    simulator.script(a, { kind: 'hang', path: 'token' })
    quietly(ask(running))
    await eventually('the token was sent', async () => tokenRequests() === 1)
    await running.kill()
    expect(await nextLife()).toBe('refresh_interrupted')
    const next = laterLife as App
    await importInto(next, simulator, [a])
    expect(await ask(next)).toMatchObject({ status: 200 })
    expect((await accountsOf(next))[0]).toMatchObject({ status: 'active', statusReason: null })
  })

  it.each([0, 1, 2, 4, 8, 16])('%i ms after the reply left has the new tokens or says why not', async (ms) => {
    const running = await startExpired()
    quietly(ask(running))
    await eventuallyAtOnce(() => simulator.refreshes.some(({ accepted }) => accepted))
    if (ms > 0) await wait(ms)
    await running.kill()
    expect(['serves', 'refresh_interrupted']).toContain(await nextLife())
    expect(tokenRequests()).toBe(1)
  })

  it('after the new tokens were used has kept them', async () => {
    const running = await startExpired()
    expect(await ask(running)).toMatchObject({ status: 200 })
    await running.kill()
    expect(await nextLife()).toBe('serves')
    expect(tokenRequests()).toBe(1)
  })

  it('in the middle of a stream serves again', async () => {
    const running = await startExpired()
    simulator.script(a, { kind: 'stall_after_output' })
    const answer = await post(running, turnBody('FAKE_EVENTS: 30'))
    await running.kill()
    expect(await readAll(answer)).toMatchObject({ broken: true })
    await eventually('the upstream saw the end', async () => turnsAt(simulator)[0]?.outcome === 'client_gone')
    expect(await nextLife()).toBe('serves')
  })
})

/** Without a pause between two looks. */
async function eventuallyAtOnce(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error('It never came true.')
    await new Promise(setImmediate)
  }
}

describe('a program asked to stop', () => {
  it('right after two hundred turns has all of them in its log', async () => {
    const running = await startReal()
    await importInto(running, simulator, [a, b])
    const told = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(running, turnBody(`turn ${i}`))))
    expect(await running.stop()).toBe(0)
    expect(told.filter(({ status }) => status === 200)).toHaveLength(200)
    const log = await logOf(await startHere())
    expect(log).toHaveLength(200)
    expect(new Set(log.map(({ requestId }) => requestId)).size).toBe(200)
    expect(log.filter(({ status, usage }) => status === 'success' && usage.output > 0)).toHaveLength(200)
  })

  it('lets a running stream finish, takes no new turn, and then ends', async () => {
    const running = await startReal()
    await importInto(running, simulator, [a])
    simulator.script(a, { kind: 'stall_after_output', ms: 5_000 })
    const answer = await post(running, turnBody('FAKE_EVENTS: 30'))
    const stopped = running.stop()
    await eventually('new turns were refused', async () => {
      const refused = await ask(running).catch(() => null)
      return refused === null || (refused.status === 503 && refused.error.code === 'shutting_down')
    })
    expect(running.process.exitCode).toBe(null)
    clock.advance(5_000)
    const { text, broken } = await readAll(answer)
    expect(broken).toBe(false)
    expect(text).toContain('event: response.completed')
    expect(await stopped).toBe(0)
    expect(await logOf(await startHere())).toContainEqual(
      expect.objectContaining({ status: 'success', usage: expect.objectContaining({ output: 30 }) }),
    )
  })
})
