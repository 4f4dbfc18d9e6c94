import OpenAI, { APIError, BadRequestError, RateLimitError } from 'openai'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import type { Rig } from '../support/start.ts'
import { a, askedOf, b, c, closeClean, expectNoHandles, startPool, turnsAt } from '../support/turns.ts'

// Chat Completions and legacy completions, asked for by the real OpenAI SDK.

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
const user = (content: string) => [{ role: 'user' as const, content }]
const execCommand = {
  type: 'function' as const,
  function: { name: 'exec_command', parameters: { type: 'object', properties: { cmd: { type: 'string' } } } },
}
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe('a chat completion', () => {
  it('comes as one object, with usage', async () => {
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: 'system', content: 'Be kind.' }, ...user('FAKE_TEXT: good morning')],
      temperature: 0.2,
      max_completion_tokens: 500,
    })
    expect(answer).toMatchObject({ object: 'chat.completion', model, id: expect.stringMatching(/^chatcmpl-/) })
    expect(answer.choices).toMatchObject([
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'good morning' } },
    ])
    expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0))
    expect(turnsAt(rig.simulator)[0]?.body).toMatchObject({ instructions: 'Be kind.', store: false, stream: true })
    expect((await rig.requests())[0]).toMatchObject({ route: '/v1/chat/completions', status: 'success' })
  })

  it('streams, with the usage in the last chunk', async () => {
    const stream = await client.chat.completions.create({
      ...{ model, messages: user('FAKE_TEXT: one two three'), stream: true },
      stream_options: { include_usage: true },
    })
    let text = ''
    let usage: unknown = null
    const reasons: (string | null)[] = []
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason)
      usage = chunk.usage ?? usage
    }
    expect(text).toBe('one two three')
    expect(reasons).toEqual(['stop'])
    expect(usage).toMatchObject({ completion_tokens: expect.any(Number) })
  })

  it('calls a tool and goes on with its output', async () => {
    const first = client.chat.completions.stream({ model, messages: user('FAKE_TOOL: ls'), tools: [execCommand] })
    const { choices } = await first.finalChatCompletion()
    expect(choices[0]?.finish_reason).toBe('tool_calls')
    const message = choices[0]?.message
    const [call] = message?.tool_calls ?? []
    expect(call).toMatchObject({ type: 'function', function: { name: 'exec_command', arguments: '{"cmd":"ls"}' } })
    const second = await client.chat.completions.create({
      model,
      tools: [execCommand],
      messages: [
        ...user('FAKE_TOOL: ls'),
        { role: 'assistant', content: null, tool_calls: message?.tool_calls ?? [] },
        { role: 'tool', tool_call_id: call?.id ?? '', content: 'README.md' },
      ],
    })
    expect(second.choices[0]?.message.content).toContain('README.md')
  })

  it('is parsed by its schema', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'number' } },
      required: ['n'],
      additionalProperties: false,
    }
    const answer = await client.chat.completions.parse({
      model,
      messages: user('FAKE_TEXT: {"n":7}'),
      response_format: { type: 'json_schema', json_schema: { name: 'number', strict: true, schema } },
    })
    expect(answer.choices[0]?.message.content).toBe('{"n":7}')
    expect(turnsAt(rig.simulator)[0]?.body).toMatchObject({ text: { format: { type: 'json_schema', strict: true } } })
  })

  it('is cut off at a stop sequence', async () => {
    const answer = await client.chat.completions.create({
      model,
      messages: user('FAKE_TEXT: one STOP two'),
      stop: 'STOP',
    })
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'one ' } })
  })

  it('moves to another account when one is used up, streaming or not', async () => {
    rig.simulator.script(a, { kind: 'usage_limit' })
    const answer = await client.chat.completions.create({ model, messages: user('FAKE_TEXT: here') })
    expect(answer.choices[0]?.message.content).toBe('here')
    expect(askedOf(rig.simulator)).toBe('ab')
  })

  it('stays with the account that has the conversation cached, although nothing names it', async () => {
    await fetch(`${rig.url}/api/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ strategy: 'round_robin' }),
    })
    const messages: OpenAI.ChatCompletionMessageParam[] = [...user('FAKE_TEXT: first')]
    for (const next of ['second', 'third', 'fourth']) {
      const { choices } = await client.chat.completions.create({ model, messages })
      messages.push(...choices.map(({ message }) => message), ...user(`FAKE_TEXT: ${next}`))
    }
    await client.chat.completions.create({ model, messages: user('FAKE_TEXT: another conversation') })
    const asked = askedOf(rig.simulator)
    expect(new Set(asked.slice(0, 3)).size).toBe(1)
    expect(asked[3]).not.toBe(asked[0])
  })

  it('is refused with the field that is wrong', async () => {
    const failure = await failureOf(client.chat.completions.create({ model, messages: user('hi'), n: 3 }))
    expect(failure).toBeInstanceOf(BadRequestError)
    expect(failure).toMatchObject({ param: 'n', type: 'invalid_request_error' })
    expect(turnsAt(rig.simulator)).toHaveLength(0)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', httpStatus: 400, errorCode: 'invalid_request' })
  })

  it('tells a used-up pool as a limit', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds: 7_200 })
    const failure = await failureOf(client.chat.completions.create({ model, messages: user('hi') }))
    expect(failure).toBeInstanceOf(RateLimitError)
    expect(failure).toMatchObject({ type: 'usage_limit_reached', error: { resets_in_seconds: 7_200 } })
  })

  it('that breaks off ends with an error, not in silence', async () => {
    rig.simulator.script(a, { kind: 'cut_after_output' })
    const stream = await client.chat.completions.create({ model, messages: user('FAKE_EVENTS: 20'), stream: true })
    const read = async () => {
      for await (const _chunk of stream);
    }
    expect(await failureOf(read())).toBeInstanceOf(APIError)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error' })
  })
})

describe('a legacy completion', () => {
  it('comes as one object and as a stream', async () => {
    const answer = await client.completions.create({ model, prompt: 'FAKE_TEXT: plain words' })
    expect(answer).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'plain words', finish_reason: 'stop' }],
    })
    const stream = await client.completions.create({ model, prompt: 'FAKE_TEXT: plain words', stream: true })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? ''
    expect(text).toBe('plain words')
  })
})
