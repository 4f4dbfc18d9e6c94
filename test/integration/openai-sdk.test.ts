import OpenAI, { APIError, BadRequestError, InternalServerError, NotFoundError, RateLimitError } from 'openai'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import type { Rig } from '../support/start.ts'
import { a, askedOf, b, c, closeClean, expectNoHandles, hurry, startPool, turnsAt } from '../support/turns.ts'

// The real OpenAI SDK against the product.

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
const ask = (input: string) => client.responses.create({ model, input })
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe('the OpenAI SDK', () => {
  it('gets a response', async () => {
    const response = await client.responses.create({
      model,
      input: 'FAKE_TEXT: good morning',
      instructions: 'Be kind.',
      temperature: 0.5,
      max_output_tokens: 1_000,
      metadata: { a: 'b' },
    })
    expect(response.output_text).toBe('good morning')
    expect(response).toMatchObject({ status: 'completed', model, usage: { output_tokens: expect.any(Number) } })
  })

  it('gets a conversation with roles, a tool and its output', async () => {
    const tool = { type: 'function', name: 'exec_command', parameters: {}, strict: false } as const
    const first = await client.responses.create({ model, input: 'FAKE_TOOL: ls', tools: [tool] })
    const call = first.output.find((item) => item.type === 'function_call')
    expect(call).toMatchObject({ name: 'exec_command', arguments: '{"cmd":"ls"}' })
    const second = await client.responses.create({
      model,
      tools: [tool],
      input: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'FAKE_TOOL: ls' },
        ...(call ? [call] : []),
        { type: 'function_call_output', call_id: call?.call_id ?? '', output: 'README.md' },
      ],
    })
    expect(second.output_text).toContain('README.md')
  })

  it('continues a previous response', async () => {
    const first = await ask('FAKE_TEXT: one')
    const second = await client.responses.create({ model, input: 'FAKE_TEXT: two', previous_response_id: first.id })
    expect(second).toMatchObject({ previous_response_id: first.id, output_text: 'two' })
  })

  it('gets a stream, event by event', async () => {
    const types: string[] = []
    let text = ''
    const stream = await client.responses.create({ model, input: 'FAKE_EVENTS: 20', stream: true })
    for await (const event of stream) {
      types.push(event.type)
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    expect(types.at(0)).toBe('response.created')
    expect(types.at(-1)).toBe('response.completed')
    expect(text.trim().split(/ tick /)).toHaveLength(20)
  })

  it('collects a stream with its own helper', async () => {
    const stream = client.responses.stream({ model, input: 'FAKE_TEXT: collected words' })
    expect((await stream.finalResponse()).output_text).toBe('collected words')
  })

  it('leaves a stream early, which ends the upstream call', async () => {
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const stream = await client.responses.create({ model, input: 'FAKE_EVENTS: 20', stream: true })
    for await (const event of stream) if (event.type === 'response.output_text.delta') break
    await vi.waitFor(() => expect(turnsAt(rig.simulator)[0]?.outcome).toBe('client_gone'), 10_000)
  })

  it('does not see that an account was used up', async () => {
    rig.simulator.script(a, { kind: 'usage_limit' })
    rig.simulator.script(b, { kind: 'failed', code: 'usage_limit_reached' })
    expect((await ask('FAKE_TEXT: here')).output_text).toBe('here')
    expect(askedOf(rig.simulator)).toBe('abc')
  })

  it('lists the models and finds one of them', async () => {
    const models = await client.models.list()
    const ids = models.data.map(({ id }) => id)
    expect(ids).toContain(model)
    expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: 'model' })
    expect(await failureOf(client.models.retrieve('gpt-0'))).toBeInstanceOf(NotFoundError)
  })

  it('throws its own error for a bad request, with message and param', async () => {
    const error = await failureOf(client.responses.create({ model, input: [] }))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ status: 400, param: 'input', type: 'invalid_request_error' })
    expect(askedOf(rig.simulator)).toBe('')
  })

  it('throws its own error for what the upstream finds wrong', async () => {
    rig.simulator.script(a, { kind: 'context_length' })
    const error = await failureOf(ask('hello'))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ code: 'context_length_exceeded', message: expect.stringContaining('context window') })
  })

  it('throws its own error for a spent pool', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit' })
    const error = await failureOf(ask('hello'))
    expect(error).toBeInstanceOf(RateLimitError)
    expect(error).toMatchObject({
      status: 429,
      type: 'usage_limit_reached',
      error: { resets_in_seconds: expect.any(Number) },
    })
  })

  it('throws its own error for a failing upstream', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'overloaded', times: 'always' })
    expect(await hurry(clock, failureOf(ask('hello')))).toBeInstanceOf(InternalServerError)
  })

  it('notices that a stream broke off', async () => {
    rig.simulator.script(a, { kind: 'cut_after_output' })
    const read = async () => {
      const stream = await client.responses.create({ model, input: 'FAKE_EVENTS: 20', stream: true })
      for await (const event of stream)
        if (event.type === 'error') throw new APIError(undefined, event, undefined, undefined)
    }
    expect(await failureOf(read())).toBeInstanceOf(APIError)
    expect(askedOf(rig.simulator)).toBe('a')
  })

  it('keeps counting usage over many turns at once', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`FAKE_TEXT: number ${i}`)))
    expect(answers.map(({ output_text }) => output_text)).toEqual(Array.from({ length: 30 }, (_, i) => `number ${i}`))
    expect((await rig.requests()).filter(({ status, usage }) => status === 'success' && usage.output > 0)).toHaveLength(
      30,
    )
  })
})
