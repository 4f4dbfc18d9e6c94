import { connect, createServer, type Socket } from 'node:net'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { turnBody, userMessage } from '../support/simulator-client.ts'
import type { Rig, RigOptions } from '../support/start.ts'
import {
  a,
  ask,
  askedOf,
  b,
  c,
  closeClean,
  codexPath,
  expectNoHandles,
  hurry,
  publicPath,
  startPool,
  triesOf,
  turnsAt,
} from '../support/turns.ts'

// What ends in a refusal: the client's own faults, what happens after the client has seen output, and a pool with
// nobody left.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
async function start(options: RigOptions = {}) {
  clock = createManualClock()
  rig = await startPool({
    app: { clock, deadlines: { connectMs: 5_000, headersMs: 300, silenceMs: 300 } },
    ...options,
    env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400', ...options.env },
  })
}
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const untouched = { status: 'active', statusReason: null, blocked: null, inFlight: 0 }
async function expectUntouched(...emails: string[]) {
  for (const email of emails) expect(await rig.account(email), email).toMatchObject(untouched)
}
const paths = [codexPath, publicPath]

describe.each(paths)('a fault of the client goes straight back on %s', (path) => {
  const call = { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' }
  const custom = { type: 'custom_tool_call', call_id: 'call_2', name: 'f', input: '' }
  const cases: [what: string, fault: Fault | null, body: object, status: number, message: RegExp][] = [
    ['a wrong value', { kind: 'invalid_request' }, {}, 400, /Invalid value: 'fake'/],
    ['a conversation too long for the model', { kind: 'context_length' }, {}, 400, /exceeds the context window/],
    ['a 404', { kind: 'status', status: 404, body: 'detail', message: 'No such thing' }, {}, 404, /No such thing/],
    ['a 422', { kind: 'status', status: 422, message: 'Cannot be processed' }, {}, 422, /Cannot be processed/],
    ['a 413', { kind: 'status', status: 413, message: 'Too much' }, {}, 413, /Too much/],
    ['a forbidden 403', { kind: 'status', status: 403, message: 'Not for you' }, {}, 403, /Not for you/],
    [
      'an unsuitable prompt',
      { kind: 'status', status: 400, code: 'content_policy_violation', message: 'Not this' },
      {},
      400,
      /Not this/,
    ],
    [
      'a call without its output',
      null,
      { input: [userMessage('hi'), call] },
      400,
      /^No tool output found for function/,
    ],
    ['a custom call without its output', null, { input: [userMessage('hi'), custom] }, 400, /for custom tool call/],
    [
      'an unknown code',
      { kind: 'status', status: 400, code: 'brand_new', message: 'Never seen' },
      {},
      400,
      /Never seen/,
    ],
  ]
  it.each(cases)('%s', async (_, fault, changes, status, message) => {
    await start()
    if (fault) rig.simulator.script(a, fault)
    const told = await ask(rig, turnBody('hello', changes), { path })
    expect(told.status).toBe(status)
    expect(told.error?.message ?? JSON.parse(told.text).detail).toMatch(message)
    expect(askedOf(rig.simulator)).toBe('a')
    await expectUntouched(a, b, c)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', httpStatus: status })
  })

  it('a conversation too long, as the first event of a stream', async () => {
    await start()
    rig.simulator.script(a, { kind: 'failed', code: 'context_length_exceeded', message: 'Too long' })
    const told = await ask(rig, turnBody('hello'), { path })
    expect(told).toMatchObject({ status: 200, broken: false })
    expect(told.events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { error: { code: 'context_length_exceeded' } },
    })
    expect(askedOf(rig.simulator)).toBe('a')
    await expectUntouched(a, b, c)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', errorCode: 'context_length_exceeded' })
  })
})

describe.each(paths)('after output nothing is asked a second time on %s', (path) => {
  const last = path === codexPath ? 'response.failed' : 'error'
  const breaks: [what: string, fault: Fault, code: string][] = [
    ['a cut', { kind: 'cut_after_output' }, 'upstream_broken'],
    ['a clean end', { kind: 'end_after_output' }, 'stream_incomplete'],
    ['a missing last event', { kind: 'no_terminal' }, 'stream_incomplete'],
    ['silence', { kind: 'stall_after_output' }, 'upstream_silent'],
  ]
  it.each(breaks)('%s ends the stream as this client understands it', async (_, fault, code) => {
    await start()
    rig.simulator.script(a, fault)
    const told = await ask(rig, turnBody('FAKE_EVENTS: 30'), { path })
    expect(told).toMatchObject({ status: 200, broken: false })
    expect(told.events.filter(({ type }) => type.endsWith('.delta')).length).toBeGreaterThanOrEqual(3)
    expect(told.events.at(-1)?.type).toBe(last)
    expect(told.text).not.toContain('response.completed')
    expect(JSON.stringify(told.events.at(-1))).toContain('stream_incomplete')
    expect(askedOf(rig.simulator)).toBe('a')
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', httpStatus: 200, errorCode: code })
    await expectUntouched(a, b, c)
  })

  it('a limit is passed on, and the next turn goes to another account', async () => {
    await start()
    rig.simulator.script(a, { kind: 'failed_after_output', code: 'usage_limit_reached', message: 'The limit' })
    const told = await ask(rig, turnBody('FAKE_EVENTS: 30'), { path })
    expect(told.events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { error: { code: 'usage_limit_reached' } },
    })
    expect(askedOf(rig.simulator)).toBe('a')
    expect(await rig.account(a)).toMatchObject({ status: 'rate_limited', blocked: { by: 'window' } })
    expect(await ask(rig, turnBody('again'), { path })).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('ab')
  })

  it('an incomplete answer is an answer', async () => {
    await start()
    rig.simulator.script(a, { kind: 'incomplete' })
    const told = await ask(rig, turnBody('FAKE_EVENTS: 30'), { path })
    expect(told.events.at(-1)?.type).toBe('response.incomplete')
    expect((await rig.requests())[0]).toMatchObject({ status: 'success', accountId: (await rig.account(a)).accountId })
  })
})

describe.each(paths)('with nobody left on %s', (path) => {
  it('used-up windows are told in the words of the upstream, with the earliest reset', async () => {
    await start()
    const seconds = { [a]: 7_200, [b]: 1_800, [c]: 3_600 }
    for (const [email, resetsInSeconds] of Object.entries(seconds))
      rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds })
    const resetsAt = clock.now() / 1_000 + 1_800
    for (const asked of ['abc', 'abc']) {
      const told = await ask(rig, turnBody('hello'), { path })
      expect(told.status).toBe(429)
      expect(told.error).toMatchObject({
        type: 'usage_limit_reached',
        message: 'The usage limit has been reached. Try again in 30 min.',
        plan_type: 'plus',
        resets_at: resetsAt,
        resets_in_seconds: 1_800,
      })
      // The second time nobody had to be asked.
      expect(askedOf(rig.simulator)).toBe(asked)
      clock.advance(1)
    }
    expect((await rig.requests())[0]).toMatchObject({ httpStatus: 429, errorCode: 'usage_limit_reached', attempts: [] })
    clock.advance(1_800_000)
    expect(await ask(rig, turnBody('hello'), { path })).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('abcb')
  })

  it('a rest of seconds is a 503 that says when to come back', async () => {
    await start()
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'rate_limit', retryAfterSeconds: 40 })
    const told = await ask(rig, turnBody('hello'), { path })
    expect(told).toMatchObject({
      status: 503,
      error: { code: 'no_accounts', message: expect.stringContaining('40 s') },
    })
    expect(told.headers.get('retry-after')).toBe('40')
    expect(askedOf(rig.simulator)).toBe('abc')
    clock.advance(40_000)
    expect(await ask(rig, turnBody('hello'), { path })).toMatchObject({ status: 200 })
  })

  it('an empty pool says that nothing was imported', async () => {
    await start({ importAll: false })
    const told = await ask(rig, turnBody('hello'), { path })
    expect(told).toMatchObject({ status: 503, error: { message: expect.stringContaining('Import an auth.json') } })
  })

  it('paused accounts are named', async () => {
    await start()
    for (const email of [a, b, c]) {
      await fetch(`${rig.url}/api/accounts/${(await rig.account(email)).accountId}/pause`, { method: 'POST' })
    }
    const told = await ask(rig, turnBody('hello'), { path })
    expect(told).toMatchObject({ status: 503, error: { message: 'No account can serve: 3 paused.' } })
    expect(askedOf(rig.simulator)).toBe('')
  })

  it('lost sign-ins are named', async () => {
    await start()
    const message = 'Your session has ended. Please log in again.'
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'status', status: 401, message })
    for (const asked of ['abc', 'abc']) {
      const told = await ask(rig, turnBody('hello'), { path })
      expect(told).toMatchObject({
        status: 503,
        error: { message: expect.stringContaining('3 waiting for a new sign-in') },
      })
      expect(askedOf(rig.simulator)).toBe(asked)
    }
  })

  it('an upstream that fails for three accounts is not asked on more of them', async () => {
    const accounts = ['a', 'b', 'c', 'd'].map((name, at) => ({
      email: `${name}@example.com`,
      plan: 'plus',
      shortUsedPercent: 80 - 20 * at,
    }))
    await start({ accounts })
    for (const { email } of accounts) rig.simulator.script(email, { kind: 'overloaded', times: 'always' })
    const told = await hurry(clock, ask(rig, turnBody('hello'), { path }))
    expect(told).toMatchObject({ status: 503, error: { code: 'server_is_overloaded' } })
    expect(askedOf(rig.simulator)).toBe('aaabbbccc')
    for (const { email } of accounts) expect(await rig.account(email)).toMatchObject(untouched)
  })

  it('encrypted content that nobody can read is not told as such', async () => {
    await start()
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'invalid_encrypted_content', times: 'always' })
    const reasoning = { type: 'reasoning', summary: [], encrypted_content: 'gAAAAABothers' }
    const body = turnBody('hello', { input: [reasoning, userMessage('hello')] })
    const told = await ask(rig, body, { path })
    expect(told.status).toBeGreaterThanOrEqual(500)
    expect(told.text).not.toContain('invalid_encrypted_content')
    await expectUntouched(a, b, c)
  })
})

describe('an upstream that cannot be reached', () => {
  /** An address where nobody listens, until somebody does. */
  async function freePort(): Promise<number> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  it('is waited for, and then told as a 503 that touches no account', async () => {
    await start({
      importAll: false,
      env: { CODEX_LB_UPSTREAM_BASE_URL: `http://127.0.0.1:${await freePort()}/backend-api` },
    })
    await rig.importAccounts()
    const told = await hurry(clock, ask(rig))
    expect(told).toMatchObject({ status: 503, error: { code: 'upstream_unavailable' } })
    expect(Number(told.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await triesOf(rig)).toEqual(Array(5).fill(expect.stringMatching(/^. unreachable upstream_unavailable$/)))
    await expectUntouched(a, b, c)
  })

  it('serves the waiting turn as soon as it is back', async () => {
    const port = await freePort()
    await start({ importAll: false, env: { CODEX_LB_UPSTREAM_BASE_URL: `http://127.0.0.1:${port}/backend-api` } })
    await rig.importAccounts()
    const answer = ask(rig)
    clock.advance(0)
    const before = await eventuallyTried()
    const back = await forward(port, new URL(rig.simulator.url).port)
    const told = await hurry(clock, answer)
    expect(before).toBe(true)
    expect(told).toMatchObject({ status: 200, broken: false })
    expect(turnsAt(rig.simulator)).toHaveLength(1)
    const tries = await triesOf(rig)
    expect(tries.length).toBeGreaterThan(1)
    expect(tries.at(-1)).toMatch(/^. relay$/)
    await back.close()
  })

  /** True when the turn has met the closed port: its account counts it in. */
  async function eventuallyTried(): Promise<boolean> {
    await eventually('the turn was under way', async () => {
      const accounts = await Promise.all([a, b, c].map((email) => rig.account(email)))
      return accounts.some(({ inFlight }) => inFlight > 0)
    })
    return turnsAt(rig.simulator).length === 0
  }
})

/** Passes connections on, byte by byte. */
async function forward(port: number, target: string) {
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const onward = connect(Number(target), '127.0.0.1')
    client.pipe(onward).pipe(client)
    open.add(client).add(onward)
    client.on('error', () => onward.destroy()).on('close', () => onward.destroy())
    onward.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      return closed
    },
  }
}
