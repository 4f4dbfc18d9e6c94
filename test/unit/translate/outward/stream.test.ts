import { describe, expect, it } from 'vitest'
import { createOutwardStream } from '../../../../src/translate/outward/stream.ts'
import { eventsIn } from '../../../support/simulator-client.ts'
import type { Untyped } from '../../../support/untyped.ts'

const streamOf = (...customTools: string[]) => {
  let ids = 0
  return createOutwardStream({
    ...{ id: 'resp_1', createdSeconds: 7, model: 'm', customTools: new Set(customTools) },
    newId: (prefix) => `${prefix}${++ids}`,
  })
}
const delta = (fields: object, finish: string | null = null) =>
  JSON.stringify({ choices: [{ index: 0, delta: fields, finish_reason: finish }] })
const usage = {
  ...{ prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  ...{ prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 } },
}
const counted = JSON.stringify({ choices: [], usage })
const read = (stream: ReturnType<typeof streamOf>, ...chunks: string[]): Untyped[] =>
  eventsIn(chunks.map((chunk) => stream.chunk(chunk)).join('') + stream.end())
const types = (events: Untyped[]) => events.map(({ type }) => type.replace('response.', ''))

describe('the stream of a chat completion as that of a response', () => {
  it('tells text step by step, and ends with the whole and the usage', () => {
    const chunks = [delta({ role: 'assistant', content: '' }), delta({ content: 'Hel' }), delta({ content: 'lo' })]
    const events = read(streamOf(), ...chunks, delta({}, 'stop'), counted, '[DONE]')
    expect(types(events)).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
      ...['output_text.delta', 'output_text.delta', 'output_text.done', 'content_part.done', 'output_item.done'],
      'completed',
    ])
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
    const content = [{ type: 'output_text', text: 'Hello', annotations: [] }]
    expect(events.at(-1).response).toEqual({
      ...{ id: 'resp_1', object: 'response', created_at: 7, status: 'completed', model: 'm', error: null },
      output: [{ id: 'msg_1', type: 'message', status: 'completed', role: 'assistant', content }],
      incomplete_details: null,
      usage: {
        ...{ input_tokens: 10, input_tokens_details: { cached_tokens: 4 }, output_tokens: 5, total_tokens: 15 },
        output_tokens_details: { reasoning_tokens: 2 },
      },
    })
  })

  it('tells calls at once, side by side, and drops reasoning', () => {
    const call = (index: number, fields: object, id?: string) =>
      delta({ tool_calls: [{ index, ...(id && { id }), function: fields }] })
    const events = read(
      streamOf(),
      delta({ reasoning_content: 'hmm' }),
      delta({ content: 'I look.' }),
      call(0, { name: 'f', arguments: '' }, 'c1'),
      call(1, { name: 'g', arguments: '{' }, 'c2'),
      call(0, { arguments: '{"a":1}' }),
      call(1, { arguments: '}' }),
      delta({}, 'tool_calls'),
      '[DONE]',
    )
    expect(JSON.stringify(events)).not.toContain('hmm')
    expect(events.at(-1).response.output).toMatchObject([
      { type: 'message', content: [{ text: 'I look.' }] },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"a":1}', status: 'completed' },
      { type: 'function_call', call_id: 'c2', name: 'g', arguments: '{}' },
    ])
    const added = events.filter(({ type }) => type === 'response.output_item.added')
    expect(added.map(({ output_index }) => output_index)).toEqual([0, 1, 2])
    const deltas = events.filter(({ type }) => type === 'response.function_call_arguments.delta')
    expect(deltas.map(({ output_index, delta: text }) => [output_index, text])).toEqual([
      [2, '{'],
      [1, '{"a":1}'],
      [2, '}'],
    ])
  })

  it.each([
    ['{"input":"ls -l\\n"}', 'ls -l\n'],
    ['ls', 'ls'],
    ['{"cmd":"ls"}', '{"cmd":"ls"}'],
  ])('gives a tool of text its text: %s', (given, input) => {
    const calls = [{ index: 0, id: 'c1', function: { name: 'exec', arguments: given } }]
    const events = read(streamOf('exec'), delta({ tool_calls: calls }), delta({}, 'tool_calls'), '[DONE]')
    expect(events.at(-1).response.output).toMatchObject([
      { type: 'custom_tool_call', call_id: 'c1', name: 'exec', input },
    ])
    expect(events.find(({ type }) => type === 'response.custom_tool_call_input.done').input).toBe(input)
  })

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('an answer that was cut (%s) is incomplete', (finish, reason) => {
    const last = read(streamOf(), delta({ content: 'x' }), delta({}, finish), '[DONE]').at(-1)
    expect(last).toMatchObject({ type: 'response.incomplete', response: { incomplete_details: { reason } } })
  })

  it('tells a refusal, an error, and nothing more after the end', () => {
    const stream = streamOf()
    const refused = read(stream, delta({ refusal: 'No.' }), delta({}, 'stop'), '[DONE]', delta({ content: 'x' }))
    expect(refused.at(-1).response.output[0].content).toEqual([{ type: 'refusal', refusal: 'No.' }])
    const error = JSON.stringify({ error: { message: 'Overloaded.', code: 'overloaded' } })
    const failed = read(streamOf(), delta({ content: 'x' }), error, delta({}, 'stop'), '[DONE]')
    expect(failed.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'overloaded', message: 'Overloaded.' } },
    })
  })

  it('does not end what broke off, and does end what only lacks its last line', () => {
    expect(types(read(streamOf(), delta({ content: 'x' }), '{"choices":[{"del'))).not.toContain('completed')
    expect(types(read(streamOf(), delta({ content: 'x' }), delta({}, 'stop'))).at(-1)).toBe('completed')
  })
})
