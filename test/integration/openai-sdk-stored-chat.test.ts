import OpenAI, { APIError, BadRequestError, NotFoundError } from 'openai'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { jsonOf } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import { a, b, c, closeClean, expectNoHandles, startPool, turnsAt } from '../support/turns.ts'

// Chat completions that are kept, through the real OpenAI SDK.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
let client: OpenAI
let chat: OpenAI['chat']['completions']
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock } })
  client = new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: 'not-needed-here', maxRetries: 0, timeout: 20_000 })
  chat = client.chat.completions
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const model = 'gpt-5.5'
const user = (content: string) => [{ role: 'user' as const, content }]
const kept = (text: string, given: object = {}) =>
  chat.create({ model, store: true, messages: user(`FAKE_TEXT: ${text}`), ...given, stream: false })
const execCommand = {
  type: 'function' as const,
  function: { name: 'exec_command', parameters: { type: 'object', properties: { cmd: { type: 'string' } } } },
}
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )
const settings = (change: object) =>
  fetch(`${rig.url}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })
async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of pages) found.push(one)
  return found
}

describe('a chat completion that is kept', () => {
  it('is retrieved as it was answered, with its metadata, also after a restart', async () => {
    const made = await kept('remember me', { metadata: { topic: 'tests' } })
    expect(turnsAt(rig.simulator)[0]?.body).toMatchObject({ store: false })
    const expected = { ...made, metadata: { topic: 'tests' } }
    expect(await chat.retrieve(made.id)).toEqual(expected)
    await rig.restart()
    client = new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: 'any', maxRetries: 0 })
    expect(await client.chat.completions.retrieve(made.id)).toEqual(expected)
  })

  it('is the whole object when it was streamed, calls of tools included', async () => {
    const stream = chat.stream({
      ...{ model, store: true, messages: user('FAKE_TOOL: ls'), tools: [execCommand] },
      stream_options: { include_usage: true },
    })
    const streamed = await stream.finalChatCompletion()
    const found = await chat.retrieve(streamed.id)
    expect(found).toMatchObject({ object: 'chat.completion', id: streamed.id, created: streamed.created, metadata: {} })
    expect(found.usage).toEqual(streamed.usage)
    const [call] = found.choices[0]?.message.tool_calls ?? []
    expect(call).toMatchObject({ type: 'function', function: { name: 'exec_command', arguments: '{"cmd":"ls"}' } })
    expect(call?.id).toBe(streamed.choices[0]?.message.tool_calls?.[0]?.id)
    expect(found.choices[0]?.finish_reason).toBe('tool_calls')
  })

  it('is kept only on somebody’s word', async () => {
    for (const [rule, store, holds] of [
      ['asked', undefined, false],
      ['asked', true, true],
      ['asked', false, false],
      ['always', undefined, true],
      ['always', false, false],
      ['never', true, false],
    ] as const) {
      await settings({ keepResponses: rule })
      const made = await chat.create({
        model,
        messages: user('FAKE_TEXT: hi'),
        ...(store === undefined ? {} : { store }),
      })
      const failure = await failureOf(chat.retrieve(made.id))
      expect([rule, store, failure === null]).toEqual([rule, store, holds])
    }
  })

  it('is not kept when it was not finished', async () => {
    for (const one of [a, b, c]) rig.simulator.script(one, { kind: 'cut_after_output', times: 'always' })
    const stream = await chat.create({ model, store: true, messages: user('FAKE_EVENTS: 9'), stream: true })
    expect(await failureOf(all(stream))).toBeInstanceOf(APIError)
    expect(await failureOf(kept('one two'))).toBeInstanceOf(APIError)
    expect((await chat.list()).data).toEqual([])
  })

  it('gets other metadata, which takes the place of all that was there', async () => {
    const { id } = await kept('hi', { metadata: { topic: 'one', more: 'yes' } })
    expect(await chat.update(id, { metadata: { topic: 'two' } })).toMatchObject({ id, metadata: { topic: 'two' } })
    expect(await chat.retrieve(id)).toHaveProperty('metadata', { topic: 'two' })
    expect(await chat.update(id, { metadata: null })).toHaveProperty('metadata', {})
    const change = (metadata: unknown) => failureOf(chat.update(id, { metadata: metadata as Record<string, string> }))
    for (const wrong of [undefined, { a: 1 }, ['a'], { a: 'x'.repeat(513) }]) {
      expect(await change(wrong)).toBeInstanceOf(BadRequestError)
      expect(await change(wrong)).toMatchObject({ param: 'metadata' })
    }
    expect(await chat.retrieve(id)).toHaveProperty('metadata', {})
  })

  it('is gone at once when it is deleted', async () => {
    const { id } = await kept('forget me')
    expect(await chat.delete(id)).toEqual({ id, object: 'chat.completion.deleted', deleted: true })
    for (const again of [chat.retrieve(id), chat.delete(id), chat.update(id, { metadata: {} })])
      expect(await failureOf(again)).toBeInstanceOf(NotFoundError)
    expect((await chat.list()).data).toEqual([])
  })

  it('is not found by an id that is not kept, with the reason why', async () => {
    const { id } = await client.responses.create({ model, input: 'FAKE_TEXT: hi', store: true })
    for (const unknown of ['chatcmpl-nobody', id, 'a\0b']) {
      expect(await failureOf(chat.retrieve(unknown))).toBeInstanceOf(NotFoundError)
      expect(await failureOf(chat.messages.list(unknown))).toBeInstanceOf(NotFoundError)
    }
    expect(await failureOf(chat.retrieve('chatcmpl-nobody'))).toMatchObject({
      ...{ status: 404, code: 'not_found', param: 'id', type: 'invalid_request_error' },
      message: expect.stringContaining(
        'No chat completion with id chatcmpl-nobody is kept here. Chat completions are kept only for requests with "store": true (setting keepResponses), for 30 days.',
      ),
    })
    // Nor the other way round.
    const made = await kept('hi')
    expect(await failureOf(client.responses.retrieve(made.id))).toBeInstanceOf(NotFoundError)
  })
})

describe('the list of chat completions', () => {
  it('comes page by page, oldest first or newest first', async () => {
    const ids: string[] = []
    for (let place = 0; place < 5; place++) {
      ids.push((await kept(`number ${place}`)).id)
      clock.advance(1_000)
    }
    await chat.create({ model, messages: user('FAKE_TEXT: not kept') })
    expect((await all(chat.list({ limit: 2 }))).map(({ id }) => id)).toEqual(ids)
    expect((await all(chat.list({ limit: 2, order: 'desc' }))).map(({ id }) => id)).toEqual(ids.toReversed())
    const page = await jsonOf(await fetch(`${rig.url}/v1/chat/completions?limit=2&after=${ids[0]}`))
    expect(page).toMatchObject({ object: 'list', first_id: ids[1], last_id: ids[2], has_more: true })
    expect(await jsonOf(await fetch(`${rig.url}/v1/chat/completions?after=${ids[4]}`))).toEqual({
      ...{ object: 'list', data: [], first_id: null, last_id: null, has_more: false },
    })
    for (const wrong of ['after=chatcmpl-nobody', 'limit=0', 'limit=101', 'order=up', 'metadata[a]=1&metadata[a]=2'])
      expect((await fetch(`${rig.url}/v1/chat/completions?${wrong}`)).status).toBe(400)
  })

  it('is narrowed to a model and to metadata', async () => {
    const one = await kept('one', { metadata: { topic: 'a', 'by [whom]': 'x=y&z' } })
    clock.advance(1_000)
    const two = await kept('two', { metadata: { topic: 'a' } })
    const three = await kept('three', { model: 'gpt-5.6-sol', metadata: { topic: 'b' } })
    const idsOf = async (query: OpenAI.Chat.ChatCompletionListParams) =>
      (await all(chat.list(query))).map(({ id }) => id)
    expect(await idsOf({ metadata: { topic: 'a' } })).toEqual([one.id, two.id])
    expect(await idsOf({ metadata: { topic: 'a', 'by [whom]': 'x=y&z' } })).toEqual([one.id])
    expect(await idsOf({ metadata: { topic: 'c' } })).toEqual([])
    expect(await idsOf({ model: 'gpt-5.6-sol' })).toEqual([three.id])
    expect(await idsOf({ model, metadata: { topic: 'b' } })).toEqual([])
  })
})

describe('the messages of a chat completion', () => {
  it('are those of its request, page by page', async () => {
    const parts = [
      { type: 'text' as const, text: 'FAKE_TEXT: a picture' },
      { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AAAA' } },
    ]
    const { id } = await kept('', {
      messages: [
        { role: 'system', content: 'Be kind.' },
        ...user('one'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'done' },
        { role: 'user', name: 'ann', content: parts },
      ],
    })
    const messages = await all(chat.messages.list(id, { limit: 2 }))
    expect(messages).toMatchObject([
      { id: `${id}-0`, role: 'system', content: 'Be kind.', name: null, content_parts: null },
      { id: `${id}-1`, role: 'user', content: 'one' },
      { id: `${id}-2`, role: 'assistant', content: null, tool_calls: [{ id: 'call_1' }] },
      { id: `${id}-3`, role: 'tool', tool_call_id: 'call_1', content: 'done' },
      { id: `${id}-4`, role: 'user', name: 'ann', content: null, content_parts: parts },
    ])
    expect(await all(chat.messages.list(id, { order: 'desc', limit: 3 }))).toEqual(messages.toReversed())
    expect(await failureOf(chat.messages.list(id, { after: 'nobody' }))).toMatchObject({ status: 400, param: 'after' })
  })
})
