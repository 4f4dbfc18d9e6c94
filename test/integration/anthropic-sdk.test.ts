import Anthropic, { APIError, BadRequestError, NotFoundError, RateLimitError } from '@anthropic-ai/sdk'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import type { Rig } from '../support/start.ts'
import { a, askedOf, b, c, closeClean, expectNoHandles, startPool, turnsAt } from '../support/turns.ts'

// Anthropic's Messages, asked for by the real Anthropic SDK.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
let client: Anthropic
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock } })
  client = new Anthropic({ baseURL: rig.url, apiKey: 'not-needed-here', maxRetries: 0, timeout: 20_000 })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const model = 'claude-opus-4-8'
const ask = (content: string) => ({ model, max_tokens: 1_000, messages: [{ role: 'user' as const, content }] })
const tools = [
  {
    name: 'exec_command',
    description: 'Runs a command.',
    input_schema: { type: 'object' as const, properties: { cmd: { type: 'string' } } },
  },
]
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe('a message', () => {
  it('comes as one object, with usage', async () => {
    const answer = await client.messages.create({
      ...ask('FAKE_TEXT: good morning'),
      system: 'Be kind.',
    })
    expect(answer).toMatchObject({ type: 'message', role: 'assistant', model, stop_reason: 'end_turn' })
    expect(answer.content).toMatchObject([{ type: 'text', text: 'good morning' }])
    expect(answer.usage.output_tokens).toBeGreaterThan(0)
    expect(turnsAt(rig.simulator)[0]?.body).toMatchObject({ instructions: 'Be kind.', store: false, stream: true })
    expect((await rig.requests())[0]).toMatchObject({ route: '/v1/messages', status: 'success' })
  })

  it('streams', async () => {
    const stream = client.messages.stream(ask('FAKE_TEXT: one two three'))
    let text = ''
    stream.on('text', (delta) => {
      text += delta
    })
    expect(await stream.finalText()).toBe('one two three')
    expect(text).toBe('one two three')
  })

  it('uses a tool and goes on with its result', async () => {
    const first = await client.messages.stream({ ...ask('FAKE_TOOL: ls'), tools }).finalMessage()
    expect(first.stop_reason).toBe('tool_use')
    const use = first.content.find((block) => block.type === 'tool_use')
    expect(use).toMatchObject({ name: 'exec_command', input: { cmd: 'ls' } })
    const second = await client.messages.create({
      ...{ model, max_tokens: 1_000, tools },
      messages: [
        { role: 'user', content: 'FAKE_TOOL: ls' },
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: 'README.md' }] },
      ],
    })
    expect(JSON.stringify(second.content)).toContain('README.md')
  })

  it('is counted before it is sent', async () => {
    const { input_tokens } = await client.messages.countTokens({ model, messages: ask('hello there').messages })
    expect(input_tokens).toBeGreaterThan(1)
    expect(input_tokens).toBeLessThan(50)
    expect(turnsAt(rig.simulator)).toHaveLength(0)
  })

  it('goes to the model that the settings name', async () => {
    const answer = await fetch(`${rig.url}/api/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ claudeModels: { 'claude-*': 'gpt-5.5' } }),
    })
    expect(answer.status).toBe(200)
    await client.messages.create({ ...ask('hi'), model: 'claude-something-new' })
    await client.messages.create({ ...ask('hi'), model: 'gpt-5.4' })
    expect(turnsAt(rig.simulator).map(({ body }) => body?.model)).toEqual(['gpt-5.5', 'gpt-5.4'])
  })

  it('moves to another account when one is used up', async () => {
    rig.simulator.script(a, { kind: 'usage_limit' })
    const answer = await client.messages.create(ask('FAKE_TEXT: here'))
    expect(JSON.stringify(answer.content)).toContain('here')
    expect(askedOf(rig.simulator)).toBe('ab')
  })
})

describe('an error', () => {
  it('of the request names what is wrong, in the envelope of this protocol', async () => {
    const failure = await failureOf(client.messages.create({ ...ask('hi'), messages: [] }))
    expect(failure).toBeInstanceOf(BadRequestError)
    expect(failure).toMatchObject({ error: { type: 'error', error: { type: 'invalid_request_error' } } })
    expect((failure as APIError).requestID).toMatch(/^req_/)
    expect(turnsAt(rig.simulator)).toHaveLength(0)
  })

  it('of a body that is no JSON, too', async () => {
    const answer = await fetch(`${rig.url}/v1/messages`, { method: 'POST', body: '{' })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } })
  })

  it('of a path that is not there, too', async () => {
    const failure = await failureOf(client.messages.batches.list())
    expect(failure).toBeInstanceOf(NotFoundError)
    expect(failure).toMatchObject({ error: { type: 'error', error: { type: 'not_found_error' } } })
  })

  it('of a used-up pool is a limit that is not worth waiting for', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds: 7_200 })
    const failure = await failureOf(client.messages.create(ask('hi')))
    expect(failure).toBeInstanceOf(RateLimitError)
    expect((failure as APIError).headers?.get('x-should-retry')).toBe('false')
    expect((failure as APIError).headers?.get('retry-after')).toBe('61')
  })

  it('of a pool that is back within a minute is waited for', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds: 40 })
    const failure = await failureOf(client.messages.create(ask('hi')))
    expect((failure as APIError).headers?.get('x-should-retry')).toBeNull()
    expect((failure as APIError).headers?.get('retry-after')).toBe('40')
  })

  it('after the first output ends the stream', async () => {
    rig.simulator.script(a, { kind: 'cut_after_output' })
    const failure = await failureOf(client.messages.stream(ask('FAKE_EVENTS: 20')).finalMessage())
    expect(failure).toBeInstanceOf(APIError)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error' })
  })
})

describe('the models', () => {
  it('are listed in the form of Anthropic', async () => {
    const list = await client.models.list()
    const ids = list.data.map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(['claude-opus', 'claude-sonnet', 'claude-haiku', 'gpt-5.5']))
    expect(await client.models.retrieve('gpt-5.5')).toMatchObject({ type: 'model', id: 'gpt-5.5' })
  })
})
