import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { rawRequest } from '../support/raw.ts'
import {
  completed,
  created,
  delta,
  itemDone,
  message,
  type ScriptedUpstream,
  sse,
  startScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { eventsIn, turnBody } from '../support/simulator-client.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import {
  a,
  ask,
  closeClean,
  codexPath,
  expectNoHandles,
  follow,
  hurry,
  post,
  publicPath,
  recordUpstream,
  turnsAt,
} from '../support/turns.ts'

// What happens to a stream on its way: nothing of it is lost or changed, and both ends know when the other is gone.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
let upstream: ScriptedUpstream | null = null
afterEach(async () => {
  await closeClean(rig)
  await upstream?.close()
  upstream = null
})
afterAll(expectNoHandles)

async function start(options: RigOptions = {}) {
  clock = createManualClock()
  rig = await startRig({
    accounts: [{ email: a, plan: 'plus' }],
    app: { clock },
    ...options,
    env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400', ...options.env },
  })
}

/** The product before an upstream whose bytes the test writes. */
async function startScripted(answer: Parameters<typeof startScriptedUpstream>[0]) {
  upstream = await startScriptedUpstream(answer)
  await start({ env: { CODEX_LB_UPSTREAM_BASE_URL: upstream.baseUrl } })
}

const keepAlive = {
  [codexPath]: 'event: codex.keepalive\ndata: {"type":"codex.keepalive"}\n\n',
  [publicPath]: ': keepalive\n\n',
}
const paths = [codexPath, publicPath] as const

describe.each(paths)('a silent stream on %s', (path) => {
  it('is kept alive before the upstream has said anything', async () => {
    await start()
    rig.simulator.script(a, { kind: 'slow_headers', ms: 60_000 })
    const answer = await hurry(clock, post(rig, turnBody('FAKE_EVENTS: 3'), { path }), 250)
    expect(answer.status).toBe(200)
    const stream = follow(answer)
    await hurry(clock, stream.done, 250)
    const signs = stream.text().split(keepAlive[path]).length - 1
    // One after 20 s of waiting, then one every 10 s: time runs in steps here, so one may be missing.
    expect(signs).toBeGreaterThanOrEqual(3)
    expect(signs).toBeLessThanOrEqual(5)
    expect(stream.text().startsWith(keepAlive[path])).toBe(true)
    const events = eventsIn(stream.text()).filter(({ type }) => type !== 'codex.keepalive')
    expect(events.at(0)?.type).toBe('response.created')
    expect(events.at(-1)?.type).toBe('response.completed')
  })

  it('is kept alive between two events, and nothing of it is lost', async () => {
    await start()
    const recorded = recordUpstream(rig)
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 35_000 })
    const stream = follow(await post(rig, turnBody('FAKE_EVENTS: 30'), { path }))
    await hurry(clock, stream.done, 250)
    recorded.stop()
    expect(stream.text().split(keepAlive[path]).length - 1).toBeGreaterThanOrEqual(2)
    const [sent = ''] = recorded.answers()
    if (path === codexPath) expect(stream.text().replaceAll(keepAlive[path], '')).toBe(sent)
    const told = eventsIn(stream.text()).filter(({ type }) => type !== 'codex.keepalive')
    expect(told).toEqual(eventsIn(sent))
    expect((await rig.requests())[0]).toMatchObject({ status: 'success' })
  })

  it('gets no sign of life in the middle of an event', async () => {
    const half = Math.floor(delta.length / 2)
    let goOn = () => {}
    await startScripted((response) => {
      response.write(created + delta + delta.slice(0, half))
      goOn = () => response.end(delta.slice(half) + itemDone + completed)
    })
    const stream = follow(await post(rig, turnBody('hello'), { path }))
    await eventually('the first event was through', async () => stream.text().includes('"delta":"hi"'))
    for (let second = 0; second < 40; second++) {
      clock.advance(1_000)
      await new Promise(setImmediate)
    }
    goOn()
    await stream.done
    const types = eventsIn(stream.text()).map(({ type }) => type)
    expect(types.filter((type) => type === 'response.output_text.delta')).toHaveLength(2)
    expect(types.at(-1)).toBe('response.completed')
    if (path === codexPath) expect(stream.text()).toBe(created + delta + delta + itemDone + completed)
  })

  it('that stays silent for two hours is ended', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const stream = follow(await post(rig, turnBody('FAKE_EVENTS: 30'), { path }))
    clock.advance(2 * 3_600_000 + 2_000)
    await hurry(clock, stream.done, 250)
    expect(eventsIn(stream.text()).at(-1)?.type).toBe(path === codexPath ? 'response.failed' : 'error')
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', errorCode: 'turn_too_long' })
  })
})

describe.each(paths)('a client that leaves %s', (path) => {
  it('in the middle of an answer ends the upstream call at once', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const stream = follow(await post(rig, turnBody('FAKE_EVENTS: 30'), { path }))
    await eventually('output came', async () => stream.text().includes('.delta'))
    await stream.cancel()
    await expectCancelled()
    expect((await rig.requests())[0]).toMatchObject({ httpStatus: 200 })
  })

  it('before there is an answer ends the upstream call at once', async () => {
    await start()
    rig.simulator.script(a, { kind: 'hang' })
    const leaving = new AbortController()
    const answer = post(rig, turnBody('hello'), { path, signal: leaving.signal }).catch(() => null)
    await eventually('the upstream was asked', async () => turnsAt(rig.simulator).length === 1)
    leaving.abort()
    await answer
    await expectCancelled()
  })

  it('while the same account is about to be asked again is not followed by another try', async () => {
    await start()
    rig.simulator.script(a, { kind: 'overloaded', times: 'always' })
    const leaving = new AbortController()
    const answer = post(rig, turnBody('hello'), { path, signal: leaving.signal }).catch(() => null)
    await eventually('the upstream had answered', async () => turnsAt(rig.simulator)[0]?.status === 503)
    leaving.abort()
    await answer
    await eventually('the turn was over', async () => (await rig.requests()).length === 1)
    clock.advance(60_000)
    expect((await rig.requests())[0]).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' })
    expect(turnsAt(rig.simulator)).toHaveLength(1)
  })

  it('right after the last event was served, even when the upstream does not end', async () => {
    await startScripted((response) => void response.write(created + delta + itemDone + completed))
    const text = await readUntilCompleted(path)
    expect(text).toContain('event: response.completed')
    await eventually('the turn was logged', async () => (await rig.requests()).length === 1)
    expect((await rig.requests())[0]).toMatchObject({ status: 'success', usage: { input: 3, output: 1 } })
  })

  async function expectCancelled() {
    await eventually('the upstream saw the end', async () => turnsAt(rig.simulator)[0]?.outcome === 'client_gone')
    await eventually('the turn was logged', async () => (await rig.requests()).length === 1)
    expect((await rig.requests())[0]).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' })
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocked: null, inFlight: 0 })
  }
})

/** Reads as Codex does: the connection goes the moment the last event is in. */
function readUntilCompleted(path: string): Promise<string> {
  const { hostname, port, host } = new URL(rig.url)
  const body = JSON.stringify(turnBody('FAKE_EVENTS: 3'))
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname)
    socket.setTimeout(10_000, () => socket.destroy(new Error(`Nothing more came after ${text}`)))
    socket.on('error', reject).on('data', (chunk) => {
      text += chunk
      if (!/event: response\.completed\ndata: .*\n\n/.test(text)) return
      socket.resetAndDestroy()
      resolve(text)
    })
    const head = [`Host: ${host}`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]
    socket.write(rawRequest(`POST ${path} HTTP/1.1`, head, body))
  })
}

describe.each(paths)('a slow client on %s', (path) => {
  it('slows the upstream down instead of filling the memory, and gets everything in the end', async () => {
    await start()
    const recorded = recordUpstream(rig)
    const events = 80_000
    const answer = await openUnread(path, JSON.stringify(turnBody(`FAKE_EVENTS: ${events}`)))
    const received = () => recorded.answers().reduce((sum, text) => sum + text.length, 0)
    let before = -1
    await eventually('nothing more was read from the upstream', async () => {
      await wait(200)
      const isSame = before > 0 && received() === before
      before = received()
      return isSame
    })
    expect(turnsAt(rig.simulator)[0]?.outcome).toBe('open')
    // The whole answer is some 14 MB; what is on its way sits in the sockets of both sides.
    expect(received()).toBeLessThan(9_000_000)
    const text = Buffer.concat(await answer.toArray()).toString('utf8')
    recorded.stop()
    if (path === codexPath) expect(text === recorded.answers()[0]).toBe(true)
    expect(text.split('event: response.output_text.delta\n')).toHaveLength(events + 1)
    expect(text).toContain('event: response.completed')
    await eventually('the turn was logged', async () => (await rig.requests())[0]?.status === 'success')
  })

  /** An answer of which nothing is read before somebody asks for it. */
  function openUnread(to: string, body: string): Promise<IncomingMessage> {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    return new Promise((resolve, reject) => {
      request(rig.url + to, { method: 'POST', headers, agent: false }, resolve)
        .on('error', reject)
        .end(body)
    })
  }
})

describe('every form of a stream', () => {
  it.each(['cr_lf', 'no_event_lines', 'rate_limits_event'] as const)(
    '%s passes the Codex route byte by byte',
    async (kind) => {
      await start()
      const recorded = recordUpstream(rig)
      rig.simulator.script(a, { kind })
      const { text } = await ask(rig, turnBody('FAKE_EVENTS: 30'))
      recorded.stop()
      expect(text).toBe(recorded.answers()[0])
      expect((await rig.requests())[0]).toMatchObject({ status: 'success', usage: { output: 30 } })
    },
  )

  it.each(['cr_lf', 'no_event_lines', 'rate_limits_event'] as const)(
    '%s reaches public clients in one form',
    async (kind) => {
      await start()
      rig.simulator.script(a, { kind })
      const { text, events } = await ask(rig, turnBody('FAKE_EVENTS: 30'), { path: publicPath })
      expect(text).not.toContain('\r')
      expect(text).not.toContain('codex.')
      expect(text.match(/^event: /gm)).toHaveLength(events.length)
      expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(30)
      expect((await rig.requests())[0]).toMatchObject({ status: 'success', usage: { output: 30 } })
    },
  )

  it('with an empty output at its end is filled in for public clients, and left alone for Codex', async () => {
    await startScripted((response) => response.end(created + delta + itemDone + completed))
    const open = await ask(rig, turnBody('hello'), { path: publicPath })
    expect(open.events.at(-1)).toMatchObject({ type: 'response.completed', response: { output: [message] } })
    const codex = await ask(rig, turnBody('hello'))
    expect(codex.text).toBe(created + delta + itemDone + completed)
  })

  it('cut at every byte of its opening still arrives whole', async () => {
    const whole = sse('codex.rate_limits', { rate_limits: {} }) + created + delta + itemDone + completed
    let cutAt = 0
    await startScripted((response) => {
      response.write(whole.slice(0, cutAt))
      setImmediate(() => response.end(whole.slice(cutAt)))
    })
    for (cutAt = 1; cutAt < whole.length; cutAt += 7) {
      expect((await ask(rig, turnBody('hello'))).text).toBe(whole)
    }
  })
})

describe('an answer as one object', () => {
  const json = turnBody('FAKE_TEXT: hello there', { stream: false })

  it('holds the output and the usage of the stream', async () => {
    await start()
    const { status, headers, text } = await ask(rig, json, { path: publicPath })
    expect(status).toBe(200)
    expect(headers.get('content-type')).toContain('application/json')
    const body = JSON.parse(text)
    expect(body).toMatchObject({
      object: 'response',
      status: 'completed',
      usage: { output_tokens: expect.any(Number) },
    })
    expect(body.output.at(-1).content[0].text).toBe('hello there')
    expect((await rig.requests())[0]).toMatchObject({ status: 'success', transport: 'json' })
  })

  it('is asked for once more when the stream breaks off, since its client has seen nothing', async () => {
    await start()
    rig.simulator.script(a, { kind: 'cut_after_output' })
    expect(await ask(rig, json, { path: publicPath })).toMatchObject({ status: 200 })
    expect(turnsAt(rig.simulator)).toHaveLength(2)
    expect((await rig.requests())[0]).toMatchObject({
      status: 'success',
      attempts: [{ verdict: 'transient', code: 'upstream_broken' }, { verdict: 'relay' }],
    })
  })

  it('is an error with a status when the stream breaks off again, or fails after output', async () => {
    await start()
    rig.simulator.script(a, { kind: 'cut_after_output' }, { kind: 'cut_after_output' })
    expect(await ask(rig, json, { path: publicPath })).toMatchObject({
      status: 502,
      error: { code: 'stream_incomplete' },
    })
    rig.simulator.script(a, { kind: 'failed_after_output', code: 'server_error', message: 'Broken' })
    expect(await ask(rig, json, { path: publicPath })).toMatchObject({ status: 502, error: { message: 'Broken' } })
    expect(turnsAt(rig.simulator)).toHaveLength(3)
  })

  it('that is incomplete is still an answer', async () => {
    await start()
    rig.simulator.script(a, { kind: 'incomplete' })
    const { status, text } = await ask(rig, json, { path: publicPath })
    expect({ status, body: JSON.parse(text) }).toMatchObject({ status: 200, body: { status: 'incomplete' } })
  })

  it('is no longer waited for when its client leaves', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const leaving = new AbortController()
    const answer = post(rig, json, { path: publicPath, signal: leaving.signal }).catch(() => null)
    await eventually('the upstream was asked', async () => turnsAt(rig.simulator).length === 1)
    leaving.abort()
    await answer
    await eventually('the upstream saw the end', async () => turnsAt(rig.simulator)[0]?.outcome === 'client_gone')
    expect((await rig.requests())[0]).toMatchObject({ status: 'cancelled' })
  })
})
