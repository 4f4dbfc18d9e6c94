import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { turnBody } from '../support/simulator-client.ts'
import { openSocket, refusedSocket, type SocketClient } from '../support/socket-client.ts'
import type { Rig, RigOptions } from '../support/start.ts'
import {
  a,
  askedOf,
  b,
  c,
  codexPath,
  expectNoHandles,
  expectNoTokenTwice,
  publicPath,
  startPool,
  turnsAt,
} from '../support/turns.ts'

// Turns over a WebSocket: one socket of the client, one to the upstream.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
let socket: SocketClient
let isConnected = false

async function start(options: RigOptions = {}) {
  clock = createManualClock()
  rig = await startPool({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' }, ...options })
}
const connect = async (path = codexPath, headers: Record<string, string> = {}) => {
  isConnected = true
  socket = await openSocket(rig.url + path, { 'user-agent': 'codex_exec/0.169.0 (test)', ...headers })
  return socket
}
afterEach(async () => {
  if (isConnected) await socket.close()
  isConnected = false
  await eventually('every request was counted out', async () => {
    const { accounts } = (await (await fetch(`${rig.url}/api/accounts`)).json()) as { accounts: { inFlight: number }[] }
    return accounts.every(({ inFlight }) => inFlight === 0)
  })
  expectNoTokenTwice(rig.simulator)
  await rig.close()
})
afterAll(expectNoHandles)

const fields = (text: string, changes: object = {}) => turnBody(text, changes)
const types = (events: { type: string }[]) => events.map(({ type }) => type)
const idOf = (events: { type: string }[]) => (events.at(-1) as { response?: { id?: string } } | undefined)?.response?.id
const requests = async (count: number) => {
  await eventually(`${count} requests were logged`, async () => (await rig.requests()).length === count)
  return rig.requests()
}

describe.each([codexPath, publicPath])('a client on a socket at %s', (path) => {
  it('asks turn after turn on one socket, which goes on where the turn before ended', async () => {
    await start()
    await connect(path)
    const first = await socket.turn(fields('FAKE_TEXT: one'))
    expect(types(first)).toContain('response.output_text.delta')
    expect(first.at(-1)?.type).toBe('response.completed')
    const second = await socket.turn(fields('FAKE_TEXT: two', { previous_response_id: idOf(first) }))
    expect(JSON.stringify(second.at(-1))).toContain('two')
    expect(askedOf(rig.simulator)).toBe('aa')
    expect(rig.simulator.requests.filter(({ status }) => status === 101)).toHaveLength(1)
    const [log] = await requests(2)
    expect(log).toMatchObject({
      transport: 'ws',
      route: path,
      status: 'success',
      usage: { output: expect.any(Number) },
    })
  })

  it('has its turn moved to another account while it has seen nothing', async () => {
    await start()
    rig.simulator.script(a, { kind: 'usage_limit', resetsInSeconds: 3_600 })
    await connect(path)
    const events = await socket.turn(fields('FAKE_TEXT: moved'))
    expect(events.at(-1)?.type).toBe('response.completed')
    expect(types(events)).not.toContain('error')
    expect(askedOf(rig.simulator)).toBe('ab')
    const [log] = await requests(1)
    expect(log?.attempts).toMatchObject([{ verdict: 'limited', scope: 'account' }, { verdict: 'relay' }])
    expect(await rig.account(a)).toMatchObject({ status: 'rate_limited' })
  })

  it('is told of a used-up pool with a status and the reset', async () => {
    await start()
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds: 3_600 })
    await connect(path)
    const [error] = (await socket.turn(fields('hi'))).filter(({ type }) => type === 'error')
    expect(error).toMatchObject({ status: 429, error: { type: 'usage_limit_reached', resets_in_seconds: 3_600 } })
    rig.simulator.reset()
  })

  it('gets its own faults back, and may go on', async () => {
    await start()
    await connect(path)
    socket.send('this is no JSON')
    expect(await socket.next()).toMatchObject({ type: 'error', status: 400, error: { code: 'invalid_request' } })
    socket.send({ type: 'response.cancel' })
    expect(await socket.next()).toMatchObject({ type: 'error', status: 400, error: { param: 'type' } })
    socket.send({ type: 'response.create', input: 'hi' })
    expect(await socket.next()).toMatchObject({ type: 'error', status: 400, error: { param: 'model' } })
    expect((await socket.turn(fields('FAKE_TEXT: still here'))).at(-1)?.type).toBe('response.completed')
    expect((await rig.requests()).map(({ status, transport }) => `${status} ${transport}`)).toEqual([
      'success ws',
      'error ws',
    ])
  })
})

describe('a client of the public protocol on a socket', () => {
  it('is told that the conversation is lost, and goes on with all of it on the same socket', async () => {
    await start()
    await connect(publicPath, { 'user-agent': 'a-client/1.0' })
    const first = await socket.turn(fields('FAKE_TEXT: one'))
    rig.simulator.script(a, { kind: 'usage_limit', resetsInSeconds: 3_600 })
    const [error] = await socket.turn(fields('two', { previous_response_id: idOf(first) }))
    expect(error).toMatchObject({
      ...{ type: 'error', status: 400 },
      error: { code: 'previous_response_not_found', param: 'previous_response_id' },
    })
    expect((await socket.turn(fields('FAKE_TEXT: two'))).at(-1)?.type).toBe('response.completed')
    expect(askedOf(rig.simulator)).toBe('aab')
  })
})

describe('a Codex client on a socket', () => {
  it('sees the windows of the pool, not those of one account', async () => {
    await start()
    rig.simulator.script(a, { kind: 'rate_limits_event' })
    await connect()
    const events = await socket.turn(fields('hi'))
    const limits = events.filter(({ type }) => type === 'codex.rate_limits')
    expect(limits.length).toBeGreaterThan(0)
    for (const event of limits) expect(event).toMatchObject({ rate_limits: { primary: { used_percent: 40 } } })
  })

  it('warms up without being counted', async () => {
    await start()
    await connect()
    const warm = await socket.turn(fields('x', { generate: false, input: [] }))
    expect(warm.at(-1)?.type).toBe('response.completed')
    const turn = await socket.turn(fields('FAKE_TEXT: ready', { previous_response_id: idOf(warm) }))
    expect(turn.at(-1)?.type).toBe('response.completed')
    expect(await requests(1)).toHaveLength(1)
  })

  it('is let go at a turn boundary when the account of its conversation is out, and comes back with all of it', async () => {
    await start()
    await connect()
    const first = await socket.turn(fields('FAKE_TEXT: one'))
    rig.simulator.script(a, { kind: 'usage_limit', resetsInSeconds: 3_600 })
    socket.send({ type: 'response.create', ...fields('two', { previous_response_id: idOf(first) }) })
    expect(await socket.closed).toMatchObject({ code: 1012 })
    await connect()
    expect((await socket.turn(fields('FAKE_TEXT: two'))).at(-1)?.type).toBe('response.completed')
    expect(askedOf(rig.simulator)).toBe('aab')
    // Its user saw nothing of it: the log has it, and no error rate counts it.
    const [last, moved, one] = await requests(3)
    expect([last?.moved, one?.moved]).toEqual([false, false])
    expect(moved).toMatchObject({ status: 'error', moved: true })
    const overview = await (await fetch(`${rig.url}/api/dashboard/overview`)).json()
    expect(overview).toMatchObject({ requestCount: 3, errorCount: 0, errorRate: 0 })
  })

  it('is let go when the upstream does not know the conversation any more', async () => {
    await start()
    await connect()
    socket.send({ type: 'response.create', ...fields('two', { previous_response_id: 'resp_unknown' }) })
    expect(await socket.closed).toMatchObject({ code: 1012 })
  })

  it('has a token renewed and the turn repeated', async () => {
    await start()
    rig.simulator.script(a, { kind: 'unauthorized' })
    await connect()
    expect((await socket.turn(fields('FAKE_TEXT: yes'))).at(-1)?.type).toBe('response.completed')
    expect(askedOf(rig.simulator)).toBe('aa')
    expect(rig.simulator.refreshes.filter(({ accepted }) => accepted)).toHaveLength(1)
  })

  it('does not notice that the upstream dropped the connection before it said anything', async () => {
    await start()
    rig.simulator.script(a, { kind: 'reset' })
    await connect()
    const turn = socket.turn(fields('FAKE_TEXT: again'))
    await eventually('the turn was sent again', async () => {
      clock.advance(100)
      return askedOf(rig.simulator).length === 2
    })
    expect((await turn).at(-1)?.type).toBe('response.completed')
  })

  it('is told when the answer breaks off after its first output', async () => {
    await start()
    rig.simulator.script(a, { kind: 'cut_after_output' })
    await connect()
    const events = await socket.turn(fields('FAKE_EVENTS: 30'))
    expect(events.at(-1)).toMatchObject({ type: 'response.failed', response: { error: { code: 'stream_incomplete' } } })
    const [log] = await requests(1)
    expect(log).toMatchObject({ status: 'error', errorCode: 'upstream_broken' })
  })

  it('that leaves in the middle ends the turn at the upstream, too', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output' })
    await connect()
    socket.send({ type: 'response.create', ...fields('FAKE_EVENTS: 30') })
    await socket.next()
    socket.drop()
    const [log] = await requests(1)
    expect(log).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' })
    await eventually('the upstream socket was closed', async () => turnsAt(rig.simulator)[0]?.outcome === 'client_gone')
  })

  it('gets 426 at once when sockets are switched off, or the upstream takes none', async () => {
    await start()
    rig.simulator.setWebSockets(false)
    await connect()
    socket.send({ type: 'response.create', ...fields('hi') })
    expect(await socket.closed).toMatchObject({ code: 1012 })
    expect(await refusedSocket(rig.url + codexPath)).toMatchObject({ status: 426 })
    clock.advance(11 * 60_000)
    rig.simulator.setWebSockets(true)
    await connect()
    expect((await socket.turn(fields('FAKE_TEXT: back'))).at(-1)?.type).toBe('response.completed')
  })

  it('is refused when it is a page of another site', async () => {
    await start()
    expect(await refusedSocket(rig.url + codexPath, { origin: 'https://evil.example' })).toMatchObject({ status: 403 })
  })

  it('is told that a frame is too large, so that it compacts', async () => {
    await start()
    await connect()
    const [error] = await socket.turn(fields('x'.repeat(15 * 1024 * 1024)))
    expect(error).toMatchObject({ type: 'error', status: 400, error: { code: 'turn_too_large', param: 'input' } })
  })

  it('is closed with 1012 when the server stops, after the turn that runs', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 1_000 })
    await connect()
    const turn = socket.turn(fields('FAKE_EVENTS: 10'))
    await eventually('the turn was at the upstream', async () => askedOf(rig.simulator) === 'a')
    const stopped = rig.app.close()
    clock.advance(1_000)
    expect((await turn).at(-1)?.type).toBe('response.completed')
    expect(await socket.closed).toMatchObject({ code: 1012 })
    await stopped
    await rig.restart()
  })

  it('that says nothing for long is let go', async () => {
    await start()
    await connect()
    clock.advance(31 * 60_000)
    expect(await socket.closed).toMatchObject({ code: 1001 })
  })

  it('is kept alive while the upstream is silent', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 60_000 })
    await connect()
    const turn = socket.turn(fields('FAKE_EVENTS: 10'))
    await eventually('the turn was at the upstream', async () => askedOf(rig.simulator) === 'a')
    let done = false
    turn.then(() => {
      done = true
    })
    await eventually('the turn was over', async () => {
      clock.advance(1_000)
      return done
    })
    expect(types(await turn).filter((type) => type === 'codex.keepalive').length).toBeGreaterThan(1)
  })
})
