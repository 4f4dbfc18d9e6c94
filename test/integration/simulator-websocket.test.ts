import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import { tokensOf, turnBody, turnEvents, until, userMessage } from '../support/simulator-client.ts'
import { handshakeHeaders, openSocket } from '../support/socket-client.ts'
import {
  ada,
  addressOf,
  bob,
  connect,
  fields,
  framesAt,
  kinds,
  knock,
  last,
  simulators,
} from '../support/socket-rig.ts'

const start = simulators()

/** Replaces what is new in every answer. */
function alike(events: object[]): unknown {
  const text = JSON.stringify(events).replaceAll(/(resp|msg|rs)_[0-9a-f]{50}/g, '$1_id')
  return JSON.parse(text, (key, value) => (key === 'input_tokens' || key === 'total_tokens' ? 0 : value))
}

describe('a handshake with the simulated upstream', () => {
  it('is answered with a turn state and the limits of the account', async () => {
    const { simulator } = await start({ accounts: [{ email: ada, plan: 'plus', shortUsedPercent: 20 }] })
    const client = await connect(simulator)
    expect(client.headers).toMatchObject({
      'x-codex-primary-used-percent': '20',
      'x-codex-secondary-window-minutes': '10080',
      'x-codex-turn-state': expect.stringMatching(/^sim-turn-/),
    })
    expect(client.headers['sec-websocket-extensions']).toBeUndefined()
    const again = await connect(simulator, { 'x-codex-turn-state': String(client.headers['x-codex-turn-state']) })
    expect(again.headers['x-codex-turn-state']).toBe(client.headers['x-codex-turn-state'])
    const seen = simulator.requests.map(({ method, email, status, outcome }) => [method, email, status, outcome])
    expect(seen).toEqual([
      ['GET', ada, 101, 'finished'],
      ['GET', ada, 101, 'finished'],
    ])
    expect(simulator.openSockets()).toBe(2)
    await client.close()
    await until(() => simulator.openSockets() === 1)
  })

  const refusals: [string, (simulator: Simulator) => Record<string, string | undefined>, number, object][] = [
    ['without a token', () => ({ authorization: undefined }), 401, { error: { code: 'invalid_api_key' } }],
    [
      'with the id of another account',
      (simulator) => ({ 'chatgpt-account-id': tokensOf(simulator, bob).account_id }),
      403,
      { error: { code: 'forbidden' } },
    ],
    ['without the protocol', () => ({ 'openai-beta': undefined }), 400, { error: { code: 'invalid_value' } }],
    ['with another protocol', () => ({ 'openai-beta': 'responses=experimental' }), 400, { error: {} }],
    [
      'with a turn state of another account',
      (simulator) => ({ 'x-codex-turn-state': `sim-turn-${simulator.accounts[1]?.tag}-1` }),
      400,
      { error: { code: 'invalid_turn_state' } },
    ],
  ]
  it.each(refusals)('%s is refused over HTTP', async (_, changes, status, body) => {
    const { simulator } = await start()
    const refused = await knock(simulator, changes(simulator))
    expect(refused.status).toBe(status)
    expect(refused.headers['content-type']).toBe('application/json')
    expect(JSON.parse(refused.text)).toMatchObject(body)
    await until(() => simulator.openSockets() === 0)
    expect(simulator.requests).toMatchObject([{ method: 'GET', status, outcome: 'finished' }])
  })

  it('names the protocol among others', async () => {
    const { simulator } = await start()
    const client = await connect(simulator, { 'openai-beta': 'a=1, responses_websockets=2026-02-06' })
    await client.ping()
  })

  it('is refused with the reset time when a window is full', async () => {
    const { simulator } = await start()
    simulator.setUsed(ada, 'short', 100, 90)
    const { status, headers, text } = await knock(simulator)
    expect(status).toBe(429)
    expect(headers['x-codex-primary-used-percent']).toBe('100')
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'usage_limit_reached', resets_in_seconds: 90 } })
  })

  it('is refused with 426 while there are no sockets, which does not touch open ones', async () => {
    const { simulator } = await start()
    const client = await connect(simulator)
    simulator.setWebSockets(false)
    expect(await knock(simulator)).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } })
    expect(last(await client.turn(fields('hi'))).type).toBe('response.completed')
    const control = await fetch(`${simulator.url}/_sim/sockets`, { method: 'POST', body: '{"webSockets":true}' })
    expect(await control.json()).toEqual({ webSockets: true })
    await connect(simulator)
  })

  it('can be switched off from the start', async () => {
    const { simulator } = await start({ webSockets: false })
    expect((await knock(simulator)).status).toBe(426)
  })

  it('meets the faults scripted for it, and turns those scripted for turns', async () => {
    const { simulator, clock } = await start()
    simulator.script(ada, { kind: 'failed' }, { kind: 'status', status: 503, body: 'html', path: 'handshake' })
    simulator.script(ada, { kind: 'usage_limit', path: 'handshake' }, { kind: 'reset', path: 'handshake' })
    expect(await knock(simulator)).toMatchObject({ status: 503, headers: { 'content-type': /html/ } })
    expect(await knock(simulator)).toMatchObject({ status: 429, headers: { 'x-codex-primary-used-percent': '0' } })
    await expect(connect(simulator)).rejects.toThrow('ECONNRESET')
    simulator.script(ada, { kind: 'slow_headers', ms: 3000, path: 'handshake' })
    const opening = connect(simulator)
    await until(() => simulator.requests.length === 4)
    clock.advance(3000)
    expect(last(await (await opening).turn(fields('hi'))).type).toBe('response.failed')
    simulator.script(ada, { kind: 'close', code: 1013, reason: 'later', path: 'handshake' })
    expect(await (await connect(simulator)).closed).toEqual({ code: 1013, reason: 'later' })
  })

  it('that is never answered ends when the client leaves', async () => {
    const { simulator } = await start()
    simulator.script(ada, { kind: 'hang', path: 'handshake' })
    const socket = new WebSocket(addressOf(simulator).replace('http', 'ws'), {
      headers: handshakeHeaders(simulator, ada),
    })
    socket.on('error', () => {})
    await until(() => simulator.requests.length === 1)
    socket.terminate()
    await until(() => simulator.requests[0]?.outcome === 'client_gone' && simulator.openSockets() === 0)
    expect(simulator.requests[0]?.status).toBeNull()
  })
})

describe('a turn on a socket of the simulated upstream', () => {
  it('has the same events as over HTTP, one to a frame', async () => {
    const { simulator } = await start()
    const changes = { include: ['reasoning.encrypted_content'], reasoning: { effort: 'low', summary: 'auto' } }
    const client = await connect(simulator)
    const frames = await client.turn(fields('FAKE_TEXT: one two three', changes))
    const events = await turnEvents(simulator, ada, turnBody('FAKE_TEXT: one two three', changes))
    const sealed = (text: string) => text.replaceAll(/"encrypted_content":"[^"]+"/g, '"encrypted_content":"sealed"')
    expect(JSON.parse(sealed(JSON.stringify(alike(frames))))).toEqual(JSON.parse(sealed(JSON.stringify(alike(events)))))
    expect(frames.length).toBeGreaterThan(12)
  })

  it('is recorded with the headers of the handshake, and charged', async () => {
    const { simulator } = await start()
    const client = await connect(simulator, { 'thread-id': 'thread-1' })
    const done = last(await client.turn(fields('hello')))
    const [turn] = framesAt(simulator)
    expect(turn).toMatchObject({
      path: '/backend-api/codex/responses',
      headers: { 'thread-id': 'thread-1' },
      body: { type: 'response.create', model: 'gpt-5.5' },
      email: ada,
    })
    await until(() => turn?.outcome === 'finished' && turn.status === 200)
    expect(simulator.accounts[0]?.windows[0]?.usedTokens).toBe(done.response.usage.total_tokens)
  })

  it('goes on from a response of the same connection as if all of the input had come', async () => {
    const { simulator } = await start()
    const client = await connect(simulator)
    const tools = [{ type: 'function', name: 'exec_command', parameters: {} }]
    const settings = { tools, prompt_cache_key: 'thread-1' }
    const long = 'x'.repeat(8000)
    const first = last(await client.turn(fields(`FAKE_TOOL: echo hi\n${long}`, settings)))
    const [call] = first.response.output
    expect(call).toMatchObject({ type: 'function_call', name: 'exec_command' })
    const output = { type: 'function_call_output', call_id: call.call_id, output: 'marker-42' }
    const more = { ...settings, previous_response_id: first.response.id, input: [output] }
    const second = last(await client.turn(fields('', more)))
    expect(second.response).toMatchObject({
      previous_response_id: first.response.id,
      output: [{ content: [{ text: expect.stringContaining('marker-42') }] }],
    })
    const { usage } = second.response
    expect(usage.input_tokens).toBeGreaterThan(first.response.usage.input_tokens)
    expect(usage.input_tokens_details.cached_tokens).toBeGreaterThan(1900)
    // The same in one piece over HTTP, where nothing is known from before.
    const whole = { tools, input: [userMessage(`FAKE_TOOL: echo hi\n${long}`), call, output] }
    const inFull = last(await turnEvents(simulator, ada, turnBody('', whole)))
    expect(Math.abs(inFull.response.usage.input_tokens - usage.input_tokens)).toBeLessThan(100)
    const used = simulator.accounts[0]?.windows[0]?.usedTokens
    const charged = [first, second, inFull].map(({ response }) => response.usage)
    expect(used).toBe(charged.reduce((sum, one) => sum + one.total_tokens - one.input_tokens_details.cached_tokens, 0))
  })

  it('misses the output of a call that the conversation holds', async () => {
    const { simulator } = await start()
    const client = await connect(simulator)
    const first = last(await client.turn(fields('FAKE_TOOL: echo hi')))
    const events = await client.turn(fields('go on', { previous_response_id: first.response.id }))
    expect(events).toMatchObject([
      {
        type: 'error',
        status: 400,
        error: { message: expect.stringMatching(/^No tool output found for function call/) },
      },
    ])
  })

  it('goes on from any of the responses so far, and from none of another connection', async () => {
    const { simulator } = await start()
    const [one, other] = [await connect(simulator), await connect(simulator)]
    const first = last(await one.turn(fields('first'))).response
    const second = last(await one.turn(fields('second', { previous_response_id: first.id }))).response
    const branch = last(await one.turn(fields('second', { previous_response_id: first.id }))).response
    expect(branch.usage).toEqual(second.usage)
    const overHttp = last(await turnEvents(simulator, ada, turnBody('hi'))).response
    for (const id of [first.id, overHttp.id, 'resp_unknown']) {
      expect(await other.turn(fields('on', { previous_response_id: id }))).toMatchObject([
        { type: 'error', status: 400, error: { code: 'previous_response_not_found', param: 'previous_response_id' } },
      ])
    }
    expect(last(await other.turn(fields('in full', { previous_response_id: null }))).type).toBe('response.completed')
    expect(framesAt(simulator).map(({ status }) => status)).toEqual([200, 200, 200, 400, 400, 400, 200])
  })

  it('that only warms the prompt generates nothing, costs nothing and can be continued', async () => {
    const { simulator } = await start()
    const client = await connect(simulator)
    simulator.script(ada, { kind: 'overloaded' })
    const settings = { instructions: 'y'.repeat(8000), prompt_cache_key: 'thread-1' }
    const warm = await client.turn(fields('', { ...settings, input: [], generate: false }))
    expect(kinds(warm)).toEqual(['response.created', 'response.completed'])
    expect(last(warm).response).toMatchObject({ output: [], usage: { output_tokens: 0 } })
    expect(simulator.accounts[0]?.windows[0]?.usedTokens).toBe(0)
    const turn = () => client.turn(fields('hi', { ...settings, previous_response_id: last(warm).response.id }))
    expect(await turn()).toMatchObject([{ type: 'error', status: 503 }])
    const { usage } = last(await turn()).response
    expect(usage.input_tokens_details.cached_tokens).toBeGreaterThan(1900)
    simulator.script(ada, { kind: 'status', status: 500, path: 'prewarm' })
    expect(await client.turn(fields('', { input: [], generate: false }))).toMatchObject([{ status: 500 }])
    expect(await client.turn(fields('', { input: [] }))).toMatchObject([
      { status: 400, error: { message: 'Input must not be empty' } },
    ])
  })

  it('waits for the one before it', async () => {
    const { simulator, clock } = await start({ eventDelayMs: 10 })
    const client = await connect(simulator)
    for (const text of ['FAKE_EVENTS: 2', 'FAKE_TEXT: x']) client.send({ type: 'response.create', ...fields(text) })
    await until(() => framesAt(simulator).length === 2)
    expect((await client.next()).type).toBe('response.created')
    expect(framesAt(simulator).map(({ status }) => status)).toEqual([200, null])
    const both = (async () => [await client.events(), await client.events()] as const)()
    let done = false
    both.finally(() => {
      done = true
    })
    await until(() => {
      clock.advance(10)
      return done
    })
    const [first, second] = await both
    expect(first.map(({ delta }) => delta).filter(Boolean)).toEqual(['tick 1 ', 'tick 2 '])
    expect(second.map(({ delta }) => delta).filter(Boolean)).toEqual(['x'])
    expect(second[0]?.type).toBe('response.created')
  })

  const wrong: [string, object | string, object][] = [
    ['no JSON', '{"type":', { message: 'Invalid JSON body' }],
    ['another type', { type: 'response.cancel' }, { code: 'invalid_value', param: 'type' }],
    ['background', { type: 'response.create', ...fields('hi', { background: false }) }, { message: /background$/ }],
    ['a stored response', { type: 'response.create', ...fields('hi', { store: true }) }, { message: /Store/ }],
    ['a foreign model', { type: 'response.create', ...fields('hi', { model: 'x' }) }, { message: /'x' model is not/ }],
  ]
  it.each(wrong)('is refused with an error frame for %s, and the socket stays open', async (_, frame, error) => {
    const { simulator } = await start()
    const client = await connect(simulator)
    client.send(frame)
    const matching = Object.entries(error).map(([name, value]) => [
      name,
      value instanceof RegExp ? expect.stringMatching(value) : value,
    ])
    expect(await client.next()).toMatchObject({ type: 'error', status: 400, error: Object.fromEntries(matching) })
    expect(last(await client.turn(fields('hi'))).type).toBe('response.completed')
  })

  it('of a spent account is refused with the headers that HTTP would have', async () => {
    const { simulator } = await start()
    const client = await connect(simulator)
    simulator.setUsed(ada, 'weekly', 100, 60)
    expect(await client.turn(fields('hi'))).toMatchObject([
      {
        type: 'error',
        status: 429,
        error: { type: 'usage_limit_reached', plan_type: 'plus', resets_in_seconds: 60 },
        headers: { 'x-codex-secondary-used-percent': '100', 'openai-model': 'gpt-5.5' },
      },
    ])
  })

  it('can begin with the limits of the account', async () => {
    const { simulator } = await start({ rateLimitFrames: true })
    simulator.setUsed(ada, 'short', 30)
    const client = await connect(simulator)
    const events = await client.turn(fields('hi'))
    expect(events[0]).toMatchObject({
      type: 'codex.rate_limits',
      rate_limits: { primary: { used_percent: 30, window_minutes: 300 } },
    })
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at))
  })

  it('goes to a slow client only as fast as that reads', async () => {
    const { simulator } = await start()
    const client = await connect(simulator)
    client.pause()
    client.send({ type: 'response.create', ...fields('FAKE_EVENTS: 60000') })
    await until(() => framesAt(simulator)[0]?.status === 200)
    for (let i = 0; i < 5; i++) await turnEvents(simulator, bob, turnBody('meanwhile'))
    expect(framesAt(simulator)[0]?.outcome).toBe('open')
    client.resume()
    const events = await client.events()
    expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(60_000)
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at))
  })

  it('is over for the simulator when the client drops the connection', async () => {
    const { simulator, clock } = await start({ eventDelayMs: 10 })
    const client = await connect(simulator)
    client.send({ type: 'response.create', ...fields('FAKE_EVENTS: 5') })
    client.send({ type: 'response.create', ...fields('never begun') })
    await until(() => framesAt(simulator).length === 2)
    await client.next()
    client.drop()
    await until(() => framesAt(simulator).every(({ outcome }) => outcome === 'client_gone'))
    clock.advance(1000)
    expect(framesAt(simulator).map(({ status }) => status)).toEqual([200, null])
    await until(() => simulator.openSockets() === 0)
  })
})

describe('a socket of the simulated upstream', () => {
  it('answers pings', async () => {
    const { simulator } = await start()
    await (await connect(simulator)).ping()
  })

  it('is closed with 1009 for a frame over 16 MiB, and with 1003 for a binary one', async () => {
    const { simulator } = await start()
    const large = await connect(simulator)
    large.send('x'.repeat(16 * 1024 * 1024 + 1))
    expect((await large.closed).code).toBe(1009)
    const binary = await connect(simulator)
    binary.send(Buffer.from('{}'))
    expect((await binary.closed).code).toBe(1003)
    const limit = await connect(simulator)
    const empty = JSON.stringify({ type: 'response.create', ...fields('') }).length
    limit.send({ type: 'response.create', ...fields('x'.repeat(16 * 1024 * 1024 - empty)) })
    expect(last(await limit.events()).type).toBe('response.completed')
  })

  it('can be closed between turns, for one account or over the wire for all', async () => {
    const { simulator } = await start()
    const ours = await connect(simulator)
    const theirs = await openSocket(addressOf(simulator), handshakeHeaders(simulator, bob))
    simulator.closeWebSockets({ email: ada, code: 1001, reason: 'moving' })
    expect(await ours.closed).toEqual({ code: 1001, reason: 'moving' })
    await theirs.ping()
    await fetch(`${simulator.url}/_sim/close`, { method: 'POST', body: '{}' })
    expect((await theirs.closed).code).toBe(1012)
    await until(() => simulator.openSockets() <= 1)
  })

  it('outlives a reset, and ends with the simulator', async () => {
    const simulator = await startSimulator({ accounts: [{ email: ada, plan: 'plus' }] })
    const client = await connect(simulator)
    const first = last(await client.turn(fields('hi'))).response
    simulator.reset()
    expect(simulator.requests).toEqual([])
    expect(last(await client.turn(fields('more', { previous_response_id: first.id }))).type).toBe('response.completed')
    await simulator.close()
    expect((await client.closed).code).toBe(1006)
  })
})
