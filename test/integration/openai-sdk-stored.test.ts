import OpenAI, { BadRequestError, NotFoundError } from 'openai'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import type { Rig } from '../support/start.ts'
import { a, closeClean, expectNoHandles, hurry, startPool } from '../support/turns.ts'

// Kept responses through the real OpenAI SDK.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
let client: OpenAI
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock } })
  client = new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: 'not-needed-here', maxRetries: 0, timeout: 20_000 })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const model = 'gpt-5.5'
const kept = { model, store: true } as const
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe('the OpenAI SDK', () => {
  it('retrieves, lists the input of and deletes a response', async () => {
    const made = await client.responses.create({ ...kept, input: 'FAKE_TEXT: hello there' })
    const found = await client.responses.retrieve(made.id)
    expect(found).toEqual(made)
    expect(found.output_text).toBe('hello there')
    const sealed = await client.responses.retrieve(made.id, { include: ['reasoning.encrypted_content'] })
    expect(JSON.stringify(sealed)).toContain('encrypted_content')
    await client.responses.delete(made.id)
    expect(await failureOf(client.responses.retrieve(made.id))).toBeInstanceOf(NotFoundError)
    expect(await failureOf(client.responses.inputItems.list(made.id))).toBeInstanceOf(NotFoundError)
  })

  it('goes through all input items, page after page', async () => {
    const input = Array.from({ length: 25 }, (_, place) => ({ role: 'user' as const, content: `Line ${place}` }))
    const made = await client.responses.create({ ...kept, input })
    const texts: string[] = []
    for await (const item of client.responses.inputItems.list(made.id, { order: 'asc', limit: 10 }))
      texts.push(JSON.stringify(item))
    expect(texts).toHaveLength(25)
    expect(texts.map((text) => /Line (\d+)/.exec(text)?.[1])).toEqual(input.map((_, place) => String(place)))
  })

  it('counts the tokens of an input', async () => {
    const counted = await client.responses.inputTokens.count({ model, input: 'Tell me a joke.' })
    expect(counted).toMatchObject({ object: 'response.input_tokens', input_tokens: expect.any(Number) })
    expect(counted.input_tokens).toBeGreaterThan(3)
  })

  it('polls a response in the background', async () => {
    let response = await client.responses.create({ ...kept, input: 'FAKE_TEXT: done at last', background: true })
    expect(response.status).toBe('queued')
    await eventually('it is done', async () => {
      response = await client.responses.retrieve(response.id)
      return response.status === 'completed'
    })
    expect(response.output_text).toBe('done at last')
    const refused = await failureOf(client.responses.create({ model, input: 'hi', background: true }))
    expect(refused).toBeInstanceOf(BadRequestError)
    expect(refused).toMatchObject({ param: 'background' })
  })

  it('cancels a response in the background, and no other', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const { id } = await client.responses.create({ ...kept, input: 'FAKE_EVENTS: 20', background: true })
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' })
    expect(await client.responses.retrieve(id)).toMatchObject({ status: 'cancelled' })
    const made = await client.responses.create({ ...kept, input: 'FAKE_TEXT: hi' })
    expect(await failureOf(client.responses.cancel(made.id))).toBeInstanceOf(BadRequestError)
  })

  it('takes up a stream in the background where it left it', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 60_000 })
    const first = await client.responses.create({ ...kept, input: 'FAKE_EVENTS: 12', background: true, stream: true })
    let id = ''
    let text = ''
    let last = -1
    for await (const event of first) {
      last = event.sequence_number
      if (event.type === 'response.created') id = event.response.id
      if (event.type !== 'response.output_text.delta') continue
      text += event.delta
      break
    }
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: last })
    const read = async () => {
      for await (const event of rest) {
        expect(event.sequence_number).toBe(++last)
        if (event.type === 'response.output_text.delta') text += event.delta
        if (event.type === 'response.completed') return event.response
      }
      return null
    }
    expect(await hurry(clock, read(), 1_000)).toMatchObject({ id, status: 'completed' })
    expect(text.trim().split(/ tick /)).toHaveLength(12)
    const helper = client.responses.stream({ response_id: id })
    expect((await helper.finalResponse()).output_text).toBe(text)
  })

  it('continues a kept response on another account', async () => {
    const first = await client.responses.create({ ...kept, input: 'FAKE_TEXT: my name is Ann' })
    rig.simulator.script(a, { kind: 'usage_limit', times: 'always' })
    const next = await client.responses.create({ ...kept, input: 'FAKE_TEXT: two', previous_response_id: first.id })
    expect(next).toMatchObject({ previous_response_id: first.id, output_text: 'two' })
  })
})
