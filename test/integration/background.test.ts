import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { eventsIn, jsonOf } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import {
  a,
  ask,
  b,
  c,
  closeClean,
  expectNoHandles,
  follow,
  hurry,
  post,
  publicPath,
  startPool,
  turnsAt,
} from '../support/turns.ts'

// Responses that are made in the background, whether or not their client stays.

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
const begin = (input: string, body: object = {}) =>
  post(rig, { model, input, store: true, background: true, ...body }, { path: publicPath })
const started = async (input: string, body: object = {}) => jsonOf(await begin(input, body))
const at = (id: string, rest = '', method = 'GET') => fetch(`${rig.url}${publicPath}/${id}${rest}`, { method })
const get = async (id: string) => jsonOf(await at(id))
const reaches = (id: string, status: string) =>
  eventually(`it is ${status}`, async () => (await get(id)).status === status)
const streamOf = async (id: string, rest = '') => eventsIn(await (await at(id, `?stream=true${rest}`)).text())
const settings = (change: object) =>
  fetch(`${rig.url}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })

describe('a response in the background', () => {
  it('is answered at once, and can be polled until it is done', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 60_000 })
    const queued = await started('FAKE_EVENTS: 20', { metadata: { a: 'b' } })
    expect(queued).toMatchObject({
      ...{ object: 'response', status: 'queued', background: true, store: true, output: [], model },
      ...{ usage: null, error: null, metadata: { a: 'b' } },
    })
    await reaches(queued.id, 'in_progress')
    await hurry(clock, reaches(queued.id, 'completed'), 1_000)
    const done = await get(queued.id)
    expect(done).toMatchObject({
      id: queued.id,
      background: true,
      store: true,
      usage: { output_tokens: expect.any(Number) },
    })
    expect(done.output.at(-1).content[0].text).toContain('tick 20')
    const [logged] = await rig.requests()
    expect(logged).toMatchObject({ status: 'success', transport: 'json', route: publicPath })
  })

  it('goes on when its client leaves the stream, which can be taken up again', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 60_000 })
    const first = follow(await begin('FAKE_EVENTS: 20', { stream: true }))
    await eventually('output has come', async () => first.text().includes('tick 3'))
    const seen = eventsIn(first.text())
    expect(seen.slice(0, 3).map(({ type }) => type)).toEqual([
      ...['response.created', 'response.queued', 'response.in_progress'],
    ])
    const id = String((seen[0]?.response as { id?: string } | undefined)?.id)
    expect(JSON.stringify(seen)).not.toContain(`resp_${'0'.repeat(4)}`)
    await first.cancel()
    const second = follow(await at(id, `?stream=true&starting_after=${seen.length - 1}`))
    await hurry(clock, second.done, 1_000)
    const events = [...seen, ...eventsIn(second.text())]
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, place) => place))
    expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { id, status: 'completed' } })
    for (const { response } of events) if (response) expect((response as { id: string }).id).toBe(id)
    expect(turnsAt(rig.simulator)[0]?.outcome).toBe('finished')
    expect(await streamOf(id)).toEqual(events)
    expect((await get(id)).id).toBe(id)
  })

  it('can be continued, though no account knows its id', async () => {
    const { id } = await started('FAKE_TEXT: my name is Ann')
    await reaches(id, 'completed')
    const next = await started('FAKE_TEXT: on', { previous_response_id: id })
    await reaches(next.id, 'completed')
    expect(JSON.stringify(turnsAt(rig.simulator).at(-1)?.body)).toContain('my name is Ann')
    expect(await get(next.id)).toMatchObject({ previous_response_id: id })
  })

  it('cannot be continued before it is done', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const { id } = await started('FAKE_EVENTS: 20')
    await reaches(id, 'in_progress')
    const { error } = await started('on', { previous_response_id: id })
    expect(error).toMatchObject({ param: 'previous_response_id', message: expect.stringContaining('still being made') })
    await at(id, '/cancel', 'POST')
  })

  it('fails with the reason, and so does its stream', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit' })
    const { id } = await started('hello')
    await reaches(id, 'failed')
    expect((await get(id)).error).toMatchObject({ code: 'usage_limit_reached' })
    const events = await streamOf(id)
    expect(events.map(({ type }) => type)).toEqual(['response.created', 'response.queued', 'response.failed'])
    expect(events.at(-1)?.response).toMatchObject({ id, status: 'failed', error: { code: 'usage_limit_reached' } })
  })

  it('fails when the upstream breaks off', async () => {
    rig.simulator.script(a, { kind: 'cut_after_output' })
    const { id } = await started('FAKE_EVENTS: 20')
    await reaches(id, 'failed')
    expect((await streamOf(id)).at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed' } })
  })
})

describe('cancelling', () => {
  it('ends what runs in the background, upstream too', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const { id } = await started('FAKE_EVENTS: 20')
    await reaches(id, 'in_progress')
    const reader = follow(await at(id, '?stream=true'))
    const answer = await at(id, '/cancel', 'POST')
    expect(answer.status).toBe(200)
    expect(await jsonOf(answer)).toMatchObject({ id, status: 'cancelled', background: true })
    await reader.done
    expect(eventsIn(reader.text()).at(-1)).toMatchObject({ type: 'error', code: 'response_cancelled' })
    await eventually('the upstream was left', async () => turnsAt(rig.simulator)[0]?.outcome === 'client_gone')
    await eventually('it is in the log', async () => (await rig.requests())[0]?.status === 'cancelled')
    expect(await get(id)).toMatchObject({ status: 'cancelled' })
    expect((await jsonOf(await at(id, '/cancel', 'POST'))).status).toBe('cancelled')
  })

  it('leaves what is done as it is, and refuses what never ran in the background', async () => {
    const { id } = await started('FAKE_TEXT: quick')
    await reaches(id, 'completed')
    expect((await jsonOf(await at(id, '/cancel', 'POST'))).status).toBe('completed')
    const made = await jsonOf(await post(rig, { model, input: 'hi', store: true }, { path: publicPath }))
    const refused = await at(made.id, '/cancel', 'POST')
    expect(refused.status).toBe(400)
    expect((await jsonOf(refused)).error).toMatchObject({ type: 'invalid_request_error', param: 'id' })
  })

  it('is part of deleting', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const { id } = await started('FAKE_EVENTS: 20')
    await reaches(id, 'in_progress')
    expect((await at(id, '', 'DELETE')).status).toBe(200)
    expect((await at(id)).status).toBe(404)
    await eventually('the upstream was left', async () => turnsAt(rig.simulator)[0]?.outcome === 'client_gone')
    expect((await at(id)).status).toBe(404)
  })
})

describe('the limits of the background', () => {
  it('are told: it needs to be kept, and no more than so many run', async () => {
    const refusal = async (body: object) =>
      (await jsonOf(await post(rig, { model, input: 'hi', background: true, ...body }, { path: publicPath }))).error
    expect(await refusal({})).toMatchObject({ param: 'background', message: expect.stringContaining('"store": true') })
    expect(await refusal({ store: false })).toMatchObject({ param: 'background' })
    expect(await refusal({ store: true, background: 'yes' })).toMatchObject({ param: 'background' })
    await settings({ keepResponses: 'never' })
    expect(await refusal({ store: true })).toMatchObject({ message: expect.stringContaining('keepResponses') })
    const elsewhere = await ask(rig, { model, input: 'hi', background: true }, { path: `${publicPath}/compact` })
    expect(elsewhere.error).toMatchObject({ param: 'background' })
    await settings({ keepResponses: 'always', maxStreams: 100, maxTurnStarts: 100 })
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'stall_after_output', times: 64 })
    const begun = await Promise.all(Array.from({ length: 64 }, () => started('FAKE_EVENTS: 5', { store: undefined })))
    expect(begun.every(({ status }) => status === 'queued')).toBe(true)
    const tooMany = await begin('one more')
    expect(tooMany.status).toBe(503)
    expect(tooMany.headers.get('retry-after')).toBe('5')
    for (const { id } of begun) await at(id, '/cancel', 'POST')
    const again = await started('There is room again.')
    expect(again.status).toBe('queued')
    await at(again.id, '/cancel', 'POST')
  })
})

describe('a server that stops', () => {
  it('ends what runs in the background, and says so afterwards', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const { id } = await started('FAKE_EVENTS: 20')
    await reaches(id, 'in_progress')
    await rig.restart()
    expect(await get(id)).toMatchObject({ id, status: 'failed', error: { code: 'shutting_down' } })
    expect((await streamOf(id)).at(-1)).toMatchObject({ type: 'response.failed' })
  })
})
