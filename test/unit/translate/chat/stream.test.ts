import { describe, expect, it } from 'vitest'
import { createAccount } from '../../../../src/simulator/accounts.ts'
import { turnOf } from '../../../../src/simulator/events.ts'
import type { Reply } from '../../../../src/simulator/turns.ts'
import { chatCompletionOf } from '../../../../src/translate/chat/completion.ts'
import { chatErrorOf } from '../../../../src/translate/chat/errors.ts'
import { createChatStream } from '../../../../src/translate/chat/stream.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { nowMs } from '../../../support/accounts.ts'
import { answerOptions, dataOf, recordedAnswers, streamText } from './answers.ts'

const text = (delta: string, item_id = 'msg_1'): Json => ({
  type: 'response.output_text.delta',
  output_index: 0,
  item_id,
  content_index: 0,
  delta,
})
const call = (fields: Json = {}): Json => ({
  id: 'fc_1',
  type: 'function_call',
  call_id: 'call_1',
  name: 'now',
  arguments: '{}',
  ...fields,
})
const done = (item: Json, output_index = 0): Json => ({ type: 'response.output_item.done', output_index, item })
const completed = (fields: Json = {}): Json => ({
  type: 'response.completed',
  response: { id: 'resp_1', status: 'completed', output: [], ...fields },
})

const deltas = (sse: string) =>
  dataOf(sse)
    .flatMap((data) => (typeof data === 'string' ? [] : ((data.choices ?? []) as { delta: Json }[])))
    .map(({ delta }) => delta)
const contentOf = (sse: string) =>
  deltas(sse)
    .map(({ content }) => content ?? '')
    .join('')
const finishOf = (sse: string) =>
  dataOf(sse).flatMap((data) => {
    const choices = typeof data === 'string' ? [] : ((data.choices ?? []) as { finish_reason: string | null }[])
    return choices.flatMap(({ finish_reason }) => finish_reason ?? [])
  })

describe('recorded answers', () => {
  it.each(recordedAnswers())('$name as a stream', ({ events, sse }) => {
    const stream = createChatStream(answerOptions)
    expect(events.map((event) => stream.event(event)).join('')).toBe(sse)
    expect(
      [stream.end(), stream.fail('upstream_error', 'x'), ...events.map((event) => stream.event(event))].join(''),
    ).toBe('')
  })

  it.each(recordedAnswers())('$name as an object', ({ events, object }) => {
    const last = events.at(-1) ?? {}
    const response = (last.response ?? last) as Json
    const isError = 'error' in object
    expect(isError ? chatErrorOf(response) : chatCompletionOf(response, answerOptions)).toEqual(object)
    // The same is read out of the event and out of the response in it.
    if (isError) expect(chatErrorOf(last)).toEqual(object)
  })
})

describe('what the simulated upstream says today', () => {
  const account = createAccount({ email: 'a@example.com', plan: 'plus' }, {}, nowMs)
  const say = (reply: Reply): { events: Json[]; response: Json } => {
    const { steps } = turnOf(reply, { model: 'gpt-5.5', include: ['reasoning.encrypted_content'] }, 400, account, nowMs)
    const events = steps.flatMap((step) =>
      step.kind === 'event' ? [JSON.parse(`{"type":"${step.type}",${step.fields}}`) as Json] : [],
    )
    return { events, response: events.at(-1)?.response as Json }
  }

  it('in words', () => {
    const { events, response } = say({ kind: 'text', deltas: ['It ', 'rains.'] })
    expect(contentOf(streamText(events))).toBe('It rains.')
    expect(finishOf(streamText(events))).toEqual(['stop'])
    expect(chatCompletionOf(response, answerOptions).choices).toMatchObject([{ message: { content: 'It rains.' } }])
  })

  it.each<[Reply, Json]>([
    [{ kind: 'function_call', name: 'now', arguments: '{"a":1}' }, { function: { name: 'now', arguments: '{"a":1}' } }],
    [{ kind: 'custom_tool_call', name: 'now', input: 'a b' }, { custom: { name: 'now', input: 'a b' } }],
  ])('in a call: $kind', (reply, call) => {
    const { events, response } = say(reply)
    expect(finishOf(streamText(events))).toEqual(['tool_calls'])
    const message = { content: null, tool_calls: [call] }
    expect(chatCompletionOf(response, answerOptions).choices).toMatchObject([{ message, finish_reason: 'tool_calls' }])
  })
})

describe('a stream', () => {
  it('says nothing of usage when nobody asked', () => {
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    const sse = streamText([text('Hi'), completed({ usage })], { includeUsage: false })
    expect(sse).not.toContain('usage')
    expect(dataOf(sse).at(-1)).toBe('[DONE]')
  })

  it('names the model asked for until the upstream has named another, and then keeps its word', () => {
    const late = streamText([text('Hi'), completed({ model: 'gpt-other' })])
    expect(new Set(dataOf(late).map((data) => typeof data !== 'string' && data.model))).toEqual(
      new Set(['gpt-5.5', false]),
    )
  })

  it('ends with an error when the upstream just stops', () => {
    expect(dataOf(streamText([text('Hi')])).slice(-2)).toEqual([
      {
        error: {
          message: 'The upstream ended the answer early.',
          type: 'server_error',
          code: 'stream_incomplete',
          param: null,
        },
      },
      '[DONE]',
    ])
    expect(dataOf(streamText([]))).toHaveLength(2)
  })

  it('says why it broke off, once', () => {
    const stream = createChatStream(answerOptions)
    stream.event(text('Hi'))
    expect(dataOf(stream.fail('invalid_value', 'No.', 'input'))).toEqual([
      { error: { message: 'No.', type: 'invalid_request_error', code: 'invalid_value', param: 'input' } },
      '[DONE]',
    ])
    expect(stream.fail('upstream_error', 'Again.') + stream.end() + stream.event(completed())).toBe('')
  })

  it('shows no reasoning and nothing of events it does not know', () => {
    const quiet = [
      { type: 'response.reasoning_summary_text.delta', delta: 'secret' },
      { type: 'response.reasoning_text.delta', delta: 'secret' },
      { type: 'codex.rate_limits', rate_limits: {} },
      { type: 'constructor', delta: 'secret' },
      { type: '__proto__', delta: 'secret' },
      { delta: 'secret' },
      done({ id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'secret' }] }),
    ]
    expect(streamText([...quiet, text('Hi', 'msg_2'), completed()])).not.toContain('secret')
  })

  it('does not repeat what a later form says differently', () => {
    const other = { id: 'msg_1', type: 'message', content: [{ type: 'output_text', text: 'Bye' }] }
    expect(contentOf(streamText([text('Hi'), done(other), completed({ output: [other] })]))).toBe('Hi')
  })

  it.each<[string, Json]>([
    ['its place', { output_index: 0 }],
    ['its id', { item_id: 'fc_1' }],
    ['the id of the call', { call_id: 'call_1' }],
    ['nothing', {}],
  ])('knows a call again by %s', (_name, naming) => {
    const begin = { type: 'response.output_item.added', output_index: 0, item: call({ arguments: '' }) }
    const delta = { type: 'response.function_call_arguments.delta', delta: '{"a"', ...naming }
    const whole = { type: 'response.function_call_arguments.done', arguments: '{"a":1}', ...naming }
    const sse = streamText([begin, delta, whole, completed({ output: [call({ arguments: '{"a":1}' })] })])
    const calls = deltas(sse).flatMap((delta) => (delta.tool_calls ?? []) as { index: number; function: Json }[])
    expect(calls.map(({ index }) => index)).toEqual([0, 0, 0])
    expect(calls.map((one) => one.function.arguments).join('')).toBe('{"a":1}')
    expect(finishOf(sse)).toEqual(['tool_calls'])
  })

  it('ends an answer that was cut off as cut off, though a call had begun', () => {
    const response = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [] }
    const begin = { type: 'response.output_item.added', output_index: 0, item: call({ arguments: '' }) }
    expect(finishOf(streamText([begin, { type: 'response.incomplete', response }]))).toEqual(['length'])
  })

  it('takes a completed event with a failed response for a failure', () => {
    const sse = streamText([completed({ status: 'failed', error: { code: 'server_error', message: 'Sorry.' } })])
    expect(sse).toContain('"message":"Sorry."')
    expect(finishOf(sse)).toEqual([])
  })

  it('moves citations behind the text that came before their part', () => {
    const annotation = { type: 'url_citation', start_index: 0, end_index: 3, url: 'https://a', title: 'A' }
    const part = { type: 'output_text', text: 'sun', annotations: [annotation] }
    const message = { id: 'msg_1', type: 'message', content: [{ type: 'output_text', text: 'Rain or ' }, part] }
    const annotations = deltas(streamText([done(message), completed()])).flatMap((delta) => delta.annotations ?? [])
    expect(annotations).toEqual([
      { type: 'url_citation', url_citation: { start_index: 8, end_index: 11, url: 'https://a', title: 'A' } },
    ])
  })
})

describe('a stop sequence in a stream', () => {
  const usage = { input_tokens: 1, output_tokens: 9, total_tokens: 10 }
  it('ends the text there, waits for the usage, and shows nothing more', () => {
    const stream = createChatStream({ ...answerOptions, stop: ['END'] })
    const first = [text('one E'), text('ND two')].map((event) => stream.event(event)).join('')
    expect(contentOf(first)).toBe('one ')
    expect(finishOf(first)).toEqual(['stop'])
    expect(stream.event(text('three')) + stream.event(done(call(), 1))).toBe('')
    expect(dataOf(stream.event(completed({ usage })))).toMatchObject([
      { choices: [], usage: { completion_tokens: 9 } },
      '[DONE]',
    ])
  })

  it('gives out what was held back when it was none', () => {
    const sse = streamText([text('one E'), completed()], { stop: ['END'] })
    expect(contentOf(sse)).toBe('one E')
    expect(finishOf(sse)).toEqual(['stop'])
    expect(contentOf(streamText([text('one E')], { stop: ['END'] }))).toBe('one E')
  })

  it('makes a later failure nobody’s concern', () => {
    const failed = { type: 'response.failed', response: { status: 'failed', error: { code: 'x', message: 'Sorry.' } } }
    expect(dataOf(streamText([text('oneEND'), failed], { stop: ['END'] })).at(-1)).toBe('[DONE]')
    expect(streamText([text('oneEND'), failed], { stop: ['END'] })).not.toContain('error')
  })

  it('cuts an object at the same place, with the citations behind it', () => {
    const annotation = { type: 'url_citation', start_index: 8, end_index: 11, url: 'https://a', title: 'A' }
    const content = [{ type: 'output_text', text: 'one END two', annotations: [annotation] }]
    const response = { status: 'completed', output: [{ type: 'message', content }] }
    expect(chatCompletionOf(response, { ...answerOptions, stop: ['END'] }).choices).toMatchObject([
      { message: { content: 'one ', annotations: [] }, finish_reason: 'stop' },
    ])
  })
})

describe('the older form of calls', () => {
  const options = { calls: 'function' as const }
  const events = [done(call()), done(call({ id: 'fc_2', call_id: 'call_2', name: 'later' }), 1), completed()]
  it('streams the one call that it has room for', () => {
    const sse = streamText(events, options)
    const calls = deltas(sse).flatMap((delta) => (delta.function_call ?? []) as Json[])
    expect(calls).toEqual([{ name: 'now', arguments: '' }, { arguments: '{}' }])
    expect(finishOf(sse)).toEqual(['function_call'])
    expect(sse).not.toContain('tool_calls')
  })
  it('answers with the call in the message', () => {
    const object = chatCompletionOf({ status: 'completed', output: [call()] }, { ...answerOptions, ...options })
    const message = { role: 'assistant', content: null, function_call: { name: 'now', arguments: '{}' } }
    expect(object.choices).toMatchObject([{ message, finish_reason: 'function_call' }])
  })
})

describe('an error of the upstream', () => {
  it.each<[string, string]>([
    ['rate_limit_exceeded', 'rate_limit_error'],
    ['Usage_Limit_Reached', 'usage_limit_reached'],
    ['context_length_exceeded', 'invalid_request_error'],
    ['invalid_prompt', 'invalid_request_error'],
    ['unsupported_image_media_type', 'invalid_request_error'],
    ['server_error', 'server_error'],
    ['something_new', 'server_error'],
  ])('%s has the type %s', (code, type) => {
    expect(chatErrorOf({ status: 'failed', error: { code, message: 'x' } }).error).toMatchObject({
      code: code.toLowerCase(),
      type,
    })
  })

  it('has words even when the upstream found none', () => {
    const said = [{ status: 'failed', error: null }, { type: 'error' }, { response: null }, {}].map(chatErrorOf)
    for (const { error } of said)
      expect(error).toMatchObject({
        type: 'server_error',
        code: null,
        message: expect.stringContaining('without a message'),
      })
  })

  it('is no completion', () => {
    const response = { status: 'failed', error: { code: 'server_error', message: 'Sorry.' } }
    expect(() => chatCompletionOf(response, answerOptions)).toThrow('Sorry.')
  })
})
