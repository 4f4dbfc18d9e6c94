import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { eventsIn, jsonOf, type SimulatedEvent } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import {
  a,
  ask,
  askedOf,
  b,
  closeClean,
  expectNoHandles,
  follow,
  hurry,
  post,
  publicPath,
  startPool,
  turnsAt,
} from '../support/turns.ts'

// Responses that are kept: found again, deleted, listed by their input, continued on any account, streamed again.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock } })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const model = 'gpt-5.5'
const dayMs = 24 * 60 * 60_000
const create = async (body: object) => jsonOf(await post(rig, { model, ...body }, { path: publicPath }))
const kept = (input: unknown, body: object = {}) => create({ input, store: true, ...body })
const at = (id: string, rest = '') => fetch(`${rig.url}${publicPath}/${id}${rest}`)
const settings = (change: object) =>
  fetch(`${rig.url}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })
const inputSent = () => ((turnsAt(rig.simulator).at(-1)?.body ?? {}) as { input: Record<string, unknown>[] }).input
const textsSent = () => JSON.stringify(inputSent())

describe('a response that is kept', () => {
  it('is found again as it was answered, also after a restart', async () => {
    const made = await kept('FAKE_TEXT: remember me', { metadata: { topic: 'tests' } })
    expect(made).toMatchObject({ store: true, status: 'completed', metadata: { topic: 'tests' } })
    expect(await jsonOf(await at(made.id))).toEqual(made)
    await rig.restart()
    const found = await at(made.id)
    expect(found.status).toBe(200)
    expect(await jsonOf(found)).toEqual(made)
  })

  it('cannot be read from the database without its key', async () => {
    const { id } = await kept('FAKE_TEXT: a secret that nobody reads', { metadata: { topic: 'hidden topic' } })
    const { events } = await ask(
      rig,
      { model, input: 'FAKE_TEXT: a streamed secret', store: true, stream: true },
      { path: publicPath },
    )
    expect(events).not.toEqual([])
    await rig.restart()
    expect((await at(id)).status).toBe(200)
    const files = await Promise.all(['', '-wal'].map((end) => readFile(`${rig.dataDir}/codex-lb.db${end}`, 'latin1')))
    expect(files.join('')).toContain(id)
    for (const secret of ['nobody reads', 'streamed secret', 'hidden topic', 'gAAAA'])
      expect(files.join('')).not.toContain(secret)
  })

  it('is kept only on somebody’s word, and the answer says which holds', async () => {
    for (const [rule, store, holds] of [
      ['asked', undefined, false],
      ['asked', true, true],
      ['asked', false, false],
      ['always', undefined, true],
      ['always', false, false],
      ['never', true, false],
    ] as const) {
      await settings({ keepResponses: rule })
      const made = await create({ input: 'FAKE_TEXT: hi', ...(store === undefined ? {} : { store }) })
      expect([rule, store, made.store, (await at(made.id)).status]).toEqual([rule, store, holds, holds ? 200 : 404])
    }
  })

  it('is not found by an id that is not kept, with the reason why', async () => {
    const { error } = await jsonOf(await at('resp_nobody'))
    expect(error).toEqual({
      message:
        'No response with id resp_nobody is kept here. Responses are kept only for requests with "store": true (setting keepResponses), for 30 days.',
      type: 'invalid_request_error',
      code: 'response_not_found',
      param: 'id',
    })
    await settings({ keepResponses: 'never' })
    expect((await jsonOf(await at('resp_nobody'))).error.message).toContain('are not kept by this server')
    for (const [method, rest] of [
      ['GET', '/input_items'],
      ['POST', '/cancel'],
      ['DELETE', ''],
    ] as const)
      expect((await fetch(`${rig.url}${publicPath}/resp_nobody${rest}`, { method })).status).toBe(404)
    expect((await at(encodeURIComponent('resp\0\u{1f600}'))).status).toBe(404)
  })

  it('is gone at once when it is deleted', async () => {
    const made = await kept('FAKE_TEXT: forget me')
    const answer = await fetch(`${rig.url}${publicPath}/${made.id}`, { method: 'DELETE' })
    expect(await jsonOf(answer)).toEqual({ id: made.id, object: 'response', deleted: true })
    expect((await at(made.id)).status).toBe(404)
    expect((await fetch(`${rig.url}${publicPath}/${made.id}`, { method: 'DELETE' })).status).toBe(404)
  })

  it('ends with its time', async () => {
    const made = await kept('FAKE_TEXT: for a while')
    clock.advance(29 * dayMs)
    expect((await at(made.id)).status).toBe(200)
    await settings({ keepResponseDays: 28 })
    expect((await at(made.id)).status).toBe(404)
  })

  it('shows sealed reasoning only where it was asked for', async () => {
    const made = await kept('FAKE_TEXT: think')
    expect(JSON.stringify(made)).not.toContain('encrypted_content')
    const sealed = await jsonOf(await at(made.id, '?include[]=reasoning.encrypted_content'))
    expect(sealed.output[0].encrypted_content).toMatch(/^gAAAA/)
    const asked = await kept('FAKE_TEXT: think', { include: ['reasoning.encrypted_content'] })
    expect(asked.output[0].encrypted_content).toMatch(/^gAAAA/)
  })

  it('refuses metadata that nothing could hold', async () => {
    const { error } = await kept('hi', { metadata: { a: 1 } })
    expect(error).toMatchObject({ type: 'invalid_request_error', param: 'metadata' })
    expect((await create({ input: 'hi', metadata: { a: 1 } })).status).toBe('completed')
  })
})

describe('its input', () => {
  it('comes page by page, newest first, with all that it continues', async () => {
    const first = await kept('FAKE_TEXT: one')
    const second = await kept(
      [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }] },
        { role: 'user', content: 'FAKE_TEXT: two' },
      ],
      { previous_response_id: first.id },
    )
    const list = async (query: string) => jsonOf(await at(second.id, `/input_items?${query}`))
    const all = await list('order=asc')
    expect(all).toMatchObject({ object: 'list', has_more: false })
    const kinds = all.data.map((item: SimulatedEvent) => item.role ?? item.type)
    expect(kinds).toEqual(['user', 'reasoning', 'assistant', 'system', 'user', 'user'])
    expect(new Set(all.data.map(({ id }: { id: string }) => id)).size).toBe(6)
    const newest = await list('limit=2')
    expect(newest.data.map(({ id }: { id: string }) => id)).toEqual([all.data[5].id, all.data[4].id])
    expect(newest).toMatchObject({ has_more: true, first_id: all.data[5].id, last_id: all.data[4].id })
    expect(newest.data[0].content).toEqual([{ type: 'input_text', text: 'FAKE_TEXT: two' }])
    expect(newest.data[1].content).toEqual([{ type: 'input_image' }])
    const rest = await list(`limit=10&after=${newest.last_id}&include=message.input_image.image_url`)
    expect(rest).toMatchObject({ has_more: false })
    expect(rest.data).toHaveLength(4)
    expect((await list('include[]=message.input_image.image_url')).data[1].content[0].image_url).toMatch(/^data:/)
    expect((await list('after=msg_other')).error).toMatchObject({ param: 'after' })
    expect((await at(second.id, '/input_items?limit=0')).status).toBe(400)
  })
})

describe('a conversation of kept responses', () => {
  it('goes on without its account', async () => {
    const first = await kept('FAKE_TEXT: my name is Ann', { instructions: 'Old instructions.' })
    expect(askedOf(rig.simulator)).toBe('a')
    rig.simulator.script(a, { kind: 'usage_limit', times: 'always' })
    const second = await kept('FAKE_TEXT: second', { previous_response_id: first.id })
    expect(second).toMatchObject({ status: 'completed', previous_response_id: first.id, store: true })
    // The other account cannot read the reasoning: it was asked once more without it.
    expect(askedOf(rig.simulator)).toBe('aabb')
    expect(textsSent()).toContain('my name is Ann')
    expect(inputSent().map((item) => item.role ?? item.type)).toEqual(['user', 'assistant', 'user'])
    expect(turnsAt(rig.simulator).at(-1)?.body).toMatchObject({ instructions: '' })
    expect(turnsAt(rig.simulator).at(-1)?.body).not.toHaveProperty('previous_response_id')
    const third = await kept('FAKE_TEXT: third', { previous_response_id: second.id })
    expect(third.status).toBe('completed')
    expect(inputSent().map((item) => item.role ?? item.type)).toEqual([
      ...['user', 'assistant', 'user', 'assistant', 'user'],
    ])
  })

  it('keeps its reasoning for the account that can read it', async () => {
    const first = await kept('FAKE_TEXT: one')
    await kept('FAKE_TEXT: two', { previous_response_id: first.id })
    expect(askedOf(rig.simulator)).toBe('aa')
    expect(inputSent().map((item) => item.role ?? item.type)).toEqual(['user', 'reasoning', 'assistant', 'user'])
    expect(inputSent().every((item) => item.id === undefined)).toBe(true)
  })

  it('has a home without any key of the client’s', async () => {
    const first = await kept('FAKE_TEXT: one')
    rig.simulator.setUsed(b, 'short', 95)
    await settings({ strategy: 'cache_value' })
    for (let previous = first.id, turn = 0; turn < 3; turn++) {
      const next = await kept('FAKE_TEXT: on', { previous_response_id: previous })
      previous = next.id
    }
    expect(new Set(askedOf(rig.simulator).slice(1)).size).toBe(1)
  })

  it('continues with a response that is not kept itself, and from one that called a tool', async () => {
    const tool = { type: 'function', name: 'exec_command', parameters: {}, strict: false }
    const first = await kept('FAKE_TOOL: ls', { tools: [tool] })
    const call = first.output.find(({ type }: SimulatedEvent) => type === 'function_call')
    const output = { type: 'function_call_output', call_id: call.call_id, output: 'README.md' }
    const second = await create({ tools: [tool], input: [output], previous_response_id: first.id, store: false })
    expect(second).toMatchObject({ store: false, previous_response_id: first.id, status: 'completed' })
    expect(JSON.stringify(second.output)).toContain('README.md')
    expect((await at(second.id)).status).toBe(404)
  })

  it('is as before where the previous response is not kept', async () => {
    const first = await create({ input: 'FAKE_TEXT: one' })
    const second = await create({ input: 'FAKE_TEXT: two', previous_response_id: first.id })
    expect(second.status).toBe('completed')
    expect(turnsAt(rig.simulator).at(-1)?.body).toMatchObject({ previous_response_id: first.id })
    // What was kept after something that was not cannot be told in full: its account goes on with it.
    const third = await kept('FAKE_TEXT: three', { previous_response_id: second.id })
    const fourth = await kept('FAKE_TEXT: four', { previous_response_id: third.id })
    expect(turnsAt(rig.simulator).at(-1)?.body).toMatchObject({ previous_response_id: third.id })
    expect(fourth.previous_response_id).toBe(third.id)
    const lost = await create({ input: 'hi', previous_response_id: 'resp_unknown' })
    expect(lost.error).toMatchObject({ code: 'previous_response_not_found', param: 'previous_response_id' })
  })

  it('names the item at fault as the client counts it', async () => {
    const first = await kept('FAKE_TEXT: one')
    const { error } = await kept(['not an item'], { previous_response_id: first.id })
    expect(error).toMatchObject({ param: 'input[0]' })
  })
})

describe('the stream of a kept response', () => {
  const stream = (input: string, body: object = {}) =>
    ask(rig, { model, input, store: true, stream: true, ...body }, { path: publicPath })
  const again = async (id: string, rest = '') => eventsIn(await (await at(id, `?stream=true${rest}`)).text())
  const idOf = (events: SimulatedEvent[]) => String((events[0]?.response as { id?: string } | undefined)?.id)

  it('has one id from its first event to the store, and can be read again from any place', async () => {
    const { events } = await stream('FAKE_EVENTS: 30')
    const id = idOf(events)
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, place) => place))
    const responses = events.flatMap(({ response }) => (response ? [response] : []))
    expect(responses.every((one) => (one as { id: string; store: boolean }).id === id)).toBe(true)
    expect(responses.every((one) => (one as { store: boolean }).store)).toBe(true)
    expect(await jsonOf(await at(id))).toEqual(events.at(-1)?.response)
    expect(await again(id)).toEqual(events)
    expect(await again(id, '&starting_after=10')).toEqual(events.slice(11))
    expect(await again(id, `&starting_after=${events.length - 1}`)).toEqual([])
    expect((await at(id, '?stream=true&starting_after=-1')).status).toBe(400)
    await rig.restart()
    expect(await again(id, '&starting_after=3')).toEqual(events.slice(4))
  })

  it('can be read by a second client while the first one still gets it', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 1_000 })
    const first = follow(
      await post(rig, { model, input: 'FAKE_EVENTS: 20', store: true, stream: true }, { path: publicPath }),
    )
    await eventually('output has come', async () => first.text().includes('output_text.delta'))
    const id = idOf(eventsIn(first.text()))
    const second = follow(await at(id, '?stream=true&starting_after=1'))
    await eventually('the second has begun', async () => second.text().includes('sequence_number'))
    expect(first.text()).not.toContain('response.completed')
    await hurry(clock, Promise.all([first.done, second.done]))
    expect(eventsIn(second.text())).toEqual(eventsIn(first.text()).slice(2))
  })

  it('is cancelled when its client leaves, with what was made by then', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const first = follow(
      await post(rig, { model, input: 'FAKE_EVENTS: 20', store: true, stream: true }, { path: publicPath }),
    )
    await eventually('output has come', async () => first.text().includes('output_text.delta'))
    const id = idOf(eventsIn(first.text()))
    expect((await jsonOf(await at(id))).status).toBe('in_progress')
    await first.cancel()
    await eventually('it was cancelled', async () => (await jsonOf(await at(id))).status === 'cancelled')
    expect((await again(id)).at(-1)).toMatchObject({ type: 'error', code: 'client_disconnected' })
    expect((await kept('on', { previous_response_id: id })).error).toMatchObject({ param: 'previous_response_id' })
  })

  it('goes on for its client when it is deleted, and is not kept again', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 60_000 })
    const body = { model, input: 'FAKE_EVENTS: 20', store: true, stream: true }
    const first = follow(await post(rig, body, { path: publicPath }))
    await eventually('output has come', async () => first.text().includes('output_text.delta'))
    const id = idOf(eventsIn(first.text()))
    expect((await fetch(`${rig.url}${publicPath}/${id}`, { method: 'DELETE' })).status).toBe(200)
    await hurry(clock, first.done, 1_000)
    const events = eventsIn(first.text())
    expect(events.at(-1)).toMatchObject({ type: 'response.completed', sequence_number: events.length - 1 })
    expect((await at(id)).status).toBe(404)
  })

  it('says that it broke off, then and later', async () => {
    rig.simulator.script(a, { kind: 'cut_after_output' })
    const { events } = await stream('FAKE_EVENTS: 20')
    const id = idOf(events)
    expect(events.at(-1)).toMatchObject({ type: 'error', code: 'stream_incomplete' })
    expect(await jsonOf(await at(id))).toMatchObject({ status: 'failed', error: { code: 'stream_incomplete' } })
    expect(await again(id)).toEqual(events)
  })

  it('is told from the object where there are no events', async () => {
    const made = await kept('FAKE_TEXT: whole')
    const { error } = await jsonOf(await at(made.id, '?stream=true'))
    expect(error).toMatchObject({ param: 'stream', message: expect.stringContaining('without "stream"') })
  })
})

describe('the count of input tokens', () => {
  const count = async (body: object, name = 'input_tokens') =>
    jsonOf(await post(rig, body, { path: `${publicPath}/${name}` }))

  it('is an estimate that grows with the input, and counts what is continued', async () => {
    const short = await count({ model, input: 'Hello there, how are you today?' })
    expect(short).toEqual({ object: 'response.input_tokens', input_tokens: expect.any(Number) })
    expect(short.input_tokens).toBeGreaterThan(5)
    expect(short.input_tokens).toBeLessThan(20)
    expect(await count({ model, input: 'Hello there, how are you today?' }, 'count_tokens')).toEqual(short)
    const first = await kept(`FAKE_TEXT: ${'word '.repeat(500)}`)
    const more = await count({ model, input: 'Hello there, how are you today?', previous_response_id: first.id })
    expect(more.input_tokens - short.input_tokens).toBeGreaterThan(900)
    expect((await count({ input: 'x', previous_response_id: 'resp_unknown' })).error).toMatchObject({
      code: 'previous_response_not_found',
    })
    expect((await count({ conversation: 'conv_1', input: 'x' })).error).toMatchObject({ param: 'conversation' })
    const answer = await post(rig, { input: 'x' }, { path: `${publicPath}/input_tokens` })
    expect(answer.headers.get('x-codex-lb-token-count')).toBe('estimate')
    expect(askedOf(rig.simulator)).toBe('a')
  })
})
