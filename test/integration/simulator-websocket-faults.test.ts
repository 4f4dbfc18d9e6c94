import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import type { Simulator } from '../../src/simulator/upstream.ts'
import { turnBody, turnEvents, until } from '../support/simulator-client.ts'
import { ada, connect, fields, framesAt, kinds, last, simulators } from '../support/socket-rig.ts'

const start = simulators()

describe('scripted faults on a socket', () => {
  async function suffer(fault: Fault) {
    const { simulator, clock } = await start()
    const client = await connect(simulator)
    simulator.script(ada, fault)
    client.send({ type: 'response.create', ...fields('FAKE_EVENTS: 6') })
    return { simulator, clock, client }
  }
  const outcomeOf = (simulator: Simulator) => framesAt(simulator)[0]

  const refusals: [Fault, number, object][] = [
    [{ kind: 'usage_limit', resetsInSeconds: 60 }, 429, { type: 'usage_limit_reached', resets_in_seconds: 60 }],
    [{ kind: 'rate_limit', retryAfterSeconds: 7 }, 429, { code: 'rate_limit_exceeded' }],
    [{ kind: 'unauthorized' }, 401, { code: 'token_expired' }],
    [{ kind: 'overloaded' }, 503, { code: 'server_is_overloaded' }],
    [
      { kind: 'model_not_supported' },
      400,
      { type: 'invalid_request_error', message: expect.stringMatching(/^The 'gpt/) },
    ],
    [
      { kind: 'status', status: 502, body: 'html' },
      502,
      { type: 'server_error', message: expect.stringMatching('html') },
    ],
    [{ kind: 'status', status: 404, body: 'detail', message: 'gone' }, 404, { message: 'gone' }],
    [
      { kind: 'status', status: 400, code: 'websocket_connection_limit_reached' },
      400,
      { code: 'websocket_connection_limit_reached' },
    ],
  ]
  it.each(refusals)('%o is an error frame, and the socket stays open', async (fault, status, error) => {
    const { simulator, client } = await suffer(fault)
    const events = await client.events()
    expect(events).toMatchObject([{ type: 'error', status, error }])
    const retryAfter = fault.kind === 'rate_limit' ? { 'retry-after': '7' } : {}
    expect(events[0]?.headers).toMatchObject({ 'x-codex-primary-window-minutes': '300', ...retryAfter })
    expect(events[0]?.headers).not.toHaveProperty('content-type')
    await until(() => outcomeOf(simulator)?.outcome === 'finished')
    expect(outcomeOf(simulator)?.status).toBe(status)
    expect(last(await client.turn(fields('hi'))).type).toBe('response.completed')
  })

  const started = ['response.created', 'response.in_progress']
  const endings: [Fault, object][] = [
    [
      { kind: 'failed', code: 'rate_limit_exceeded' },
      { type: 'response.failed', response: { status: 'failed' } },
    ],
    [{ kind: 'error_event' }, { type: 'error', error: { code: 'server_error' } }],
    [
      { kind: 'flat_error', status: 429, code: 'x' },
      { type: 'error', status_code: 429, error_type: 'invalid_request_error' },
    ],
  ]
  it.each(endings)('%o ends the turn like over HTTP, and the socket stays open', async (fault, end) => {
    const { client, simulator } = await suffer(fault)
    const events = await client.events()
    expect(kinds(events).slice(0, -1)).toEqual(started)
    expect(last(events)).toMatchObject(end)
    expect(simulator.accounts[0]?.windows[0]?.usedTokens).toBe(0)
    expect(last(await client.turn(fields('hi'))).type).toBe('response.completed')
  })

  it('cuts an answer short with an incomplete one', async () => {
    const { client } = await suffer({ kind: 'incomplete' })
    expect(last(await client.events())).toMatchObject({ type: 'response.incomplete' })
  })

  const closes: [Fault, number, string, number][] = [
    [{ kind: 'close' }, 1000, '', 0],
    [{ kind: 'close', code: 1011, reason: 'fault' }, 1011, 'fault', 0],
    [{ kind: 'close_before_output', code: 1012 }, 1012, '', 2],
    [{ kind: 'close_after_output', code: 1011 }, 1011, '', 7],
    [{ kind: 'cut_before_output' }, 1006, '', 2],
    [{ kind: 'cut_after_output' }, 1006, '', 7],
    [{ kind: 'reset' }, 1006, '', 0],
    [{ kind: 'empty' }, 1000, '', 0],
    [{ kind: 'end_early' }, 1000, '', 1],
    [{ kind: 'end_after_output' }, 1000, '', 7],
  ]
  it.each(closes)('%o ends the socket with %i "%s" after %i events', async (fault, code, reason, count) => {
    const { client, simulator } = await suffer(fault)
    expect(await client.events()).toHaveLength(count)
    expect(await client.closed).toEqual({ code, reason })
    await until(() => outcomeOf(simulator)?.outcome === (fault.kind.startsWith('end') ? 'finished' : 'cut'))
    expect(simulator.accounts[0]?.windows[0]?.usedTokens).toBe(0)
    await until(() => simulator.openSockets() === 0)
    expect(last(await (await connect(simulator)).turn(fields('hi'))).type).toBe('response.completed')
  })

  it('closes behind a whole turn, which is charged', async () => {
    const { client, simulator } = await suffer({ kind: 'close_after_turn', code: 1012 })
    expect(last(await client.events()).type).toBe('response.completed')
    expect((await client.closed).code).toBe(1012)
    await until(() => outcomeOf(simulator)?.outcome === 'finished')
    expect(simulator.accounts[0]?.windows[0]?.usedTokens).toBeGreaterThan(0)
  })

  it.each<[Fault, number]>([
    [{ kind: 'malformed' }, 2],
    [{ kind: 'html200' }, 0],
  ])('%o sends a frame that is no JSON, and closes', async (fault, before) => {
    const { client } = await suffer(fault)
    for (let i = 0; i < before; i++) await client.next()
    const text = await client.nextText()
    expect(() => JSON.parse(text)).toThrow()
    expect((await client.closed).code).toBe(1000)
  })

  it('keeps silent for a while, or for good', async () => {
    const { client, clock, simulator } = await suffer({ kind: 'stall_after_output', ms: 60_000 })
    for (let i = 0; i < 7; i++) await client.next()
    await client.ping()
    expect(outcomeOf(simulator)?.outcome).toBe('open')
    clock.advance(60_000)
    expect(last(await client.events()).type).toBe('response.completed')
    simulator.script(ada, { kind: 'hang' })
    client.send({ type: 'response.create', ...fields('hi') })
    await until(() => framesAt(simulator).length === 2)
    await client.ping()
    await client.close()
    await until(() => framesAt(simulator)[1]?.outcome === 'client_gone')
    expect(framesAt(simulator)[1]?.status).toBeNull()
  })

  it('holds back the first event for a while', async () => {
    const { client, clock, simulator } = await suffer({ kind: 'slow_headers', ms: 5000 })
    await until(() => framesAt(simulator).length === 1)
    await client.ping()
    expect(outcomeOf(simulator)?.status).toBeNull()
    clock.advance(5000)
    expect(last(await client.events()).type).toBe('response.completed')
  })

  it('are closed ends over HTTP', async () => {
    const { simulator } = await start()
    simulator.script(ada, { kind: 'close' }, { kind: 'close_after_output' })
    expect(await turnEvents(simulator, ada, turnBody('FAKE_EVENTS: 6'))).toEqual([])
    expect(await turnEvents(simulator, ada, turnBody('FAKE_EVENTS: 6'))).toHaveLength(7)
  })
})
