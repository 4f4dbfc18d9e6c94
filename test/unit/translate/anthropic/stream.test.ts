import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { messageOf } from '../../../../src/translate/anthropic/message.ts'
import { createMessagesStream } from '../../../../src/translate/anthropic/stream.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { eventsIn, fixtureNames, fixtureText, optionsOf, readBySdk, streamFixture, streamText } from './fixtures.ts'

const names = fixtureNames('streams')
const broken = ['failed-midway', 'broken-off']
const cut = ['length', 'stop-sequence']
const whole = names.filter((name) => !broken.includes(name) && !cut.includes(name))

const delta = (output_index: number, text: string): Json => ({
  type: 'response.output_text.delta',
  output_index,
  item_id: `msg_${output_index}`,
  content_index: 0,
  delta: text,
})
const added = (output_index: number, item: Json): Json => ({ type: 'response.output_item.added', output_index, item })
const done = (output_index: number, item: Json): Json => ({ type: 'response.output_item.done', output_index, item })
const completed = (output: Json[] = []): Json => ({
  type: 'response.completed',
  response: { status: 'completed', output },
})
const message = (index: number, ...texts: string[]): Json => ({
  id: `msg_${index}`,
  type: 'message',
  content: texts.map((text) => ({ type: 'output_text', text, annotations: [] })),
})
const call = (index: number, json: string, own: Json = {}): Json => ({
  id: `fc_${index}`,
  type: 'function_call',
  call_id: `call_${index}`,
  name: 'Read',
  arguments: json,
  ...own,
})
const read = (events: Json[], own = {}) => readBySdk(streamText(events, optionsOf(own)))

describe('a response becomes a stream of a message', () => {
  it.each(names)('byte by byte: %s', (name) => {
    const { options, events } = streamFixture(name)
    expect(streamText(events, options)).toBe(fixtureText(`streams/${name}.sse`))
  })

  it.each(whole)('that the SDK reads like the message it gets without a stream: %s', async (name) => {
    const { options, events } = streamFixture(name)
    const response = events.at(-1)?.response as Json // Every one of these ends with its response.
    const items = events.filter(({ type }) => type === 'response.output_item.done')
    const ordered = items.toSorted((a, b) => Number(a.output_index) - Number(b.output_index)).map(({ item }) => item)
    const output = ordered.length > 0 ? ordered : response.output
    const streamed = JSON.parse(JSON.stringify(await readBySdk(streamText(events, options))))
    expect(streamed).toMatchObject(messageOf({ ...response, output }, options))
  })

  it('that ends where the answer reached its length, with as much of a call as there was', async () => {
    const message = await readBySdk(fixtureText('streams/length.sse'))
    expect(message).toMatchObject({ stop_reason: 'max_tokens', content: [{ type: 'tool_use', name: 'Bash' }] })
  })

  it.each(broken)('that the SDK reports as broken: %s', async (name) => {
    await expect(readBySdk(fixtureText(`streams/${name}.sse`))).rejects.toMatchObject({
      type: name === 'failed-midway' ? 'overloaded_error' : 'api_error',
    })
  })

  it('tells the usage as Anthropic counts: what came from the cache is not input', async () => {
    const { options, events } = streamFixture('text')
    expect((await readBySdk(streamText(events, options))).usage).toMatchObject({
      input_tokens: 176,
      cache_read_input_tokens: 1024,
      cache_creation_input_tokens: 0,
      output_tokens: 88,
      output_tokens_details: { thinking_tokens: 64 },
    })
  })

  it('estimates a usage that the upstream does not tell', async () => {
    const { usage } = await read([delta(0, 'Hello there, Ann.'), completed()], { inputTokens: 42 })
    expect(usage).toMatchObject({ input_tokens: 42, cache_read_input_tokens: 0, output_tokens: 5 })
  })
})

describe('blocks', () => {
  it('are one after the other, in the order of the output, however the events are mixed', async () => {
    const events = [
      added(0, call(0, '')),
      added(1, message(1)),
      delta(1, 'second'),
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'fc_0', delta: '{"a"' },
      done(2, message(2, 'third')),
      done(1, message(1, 'second')),
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'fc_0', delta: ':1}' },
      done(0, call(0, '{"a":1}')),
      completed(),
    ]
    const text = streamText(events, optionsOf())
    const order = eventsIn(text).flatMap(({ type, index }) => (index === undefined ? [] : [`${type} ${index}`]))
    expect(order.map((one) => one.replace('content_block_', ''))).toEqual([
      ...['start 0', 'delta 0', 'delta 0', 'stop 0'],
      ...['start 1', 'delta 1', 'stop 1', 'start 2', 'delta 2', 'stop 2'],
    ])
    expect((await readBySdk(text)).content).toMatchObject([
      { type: 'tool_use', input: { a: 1 } },
      { type: 'text', text: 'second' },
      { type: 'text', text: 'third' },
    ])
  })

  it('have what only the whole item told', async () => {
    const { content } = await read([delta(0, 'Hel'), done(0, message(0, 'Hello', 'again')), completed()])
    expect(content).toMatchObject([{ text: 'Hello' }, { text: 'again' }])
  })

  it('keep what was shown when the whole item says something else', async () => {
    const { content } = await read([delta(0, 'Hallo'), done(0, message(0, 'Hello')), completed()])
    expect(content).toMatchObject([{ text: 'Hallo' }])
  })

  it('are none where nothing was said, for an empty one would be refused later', async () => {
    const { content, stop_reason } = await read([added(0, message(0)), done(0, message(0, '')), completed()])
    expect(content).toEqual([])
    expect(stop_reason).toBe('end_turn')
  })

  it('do not show reasoning that nobody asked for', async () => {
    const reasoning = { id: 'rs_0', type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] }
    const part = { type: 'response.content_part.done', output_index: 0, item_id: 'rs_0', content_index: 0 }
    const events = [
      added(0, reasoning),
      {
        type: 'response.reasoning_summary_text.delta',
        output_index: 0,
        item_id: 'rs_0',
        summary_index: 0,
        delta: 'Hm.',
      },
      { ...part, part: { type: 'reasoning_text', text: 'secret' } },
      done(0, reasoning),
      done(1, message(1, 'Yes.')),
      completed(),
    ]
    expect((await read(events)).content).toMatchObject([{ type: 'text', text: 'Yes.' }])
  })

  it('have an empty input where the model gave none', async () => {
    const { content, stop_reason } = await read([done(0, call(0, '')), completed()])
    expect(content).toMatchObject([{ type: 'tool_use', id: 'call_0', input: {} }])
    expect(stop_reason).toBe('tool_use')
  })

  it('end in an error when the input of a call is no JSON', async () => {
    const events = [added(0, call(0, '')), done(0, call(0, '{"a" 1}')), done(1, message(1, 'x')), completed()]
    await expect(read(events)).rejects.toMatchObject({ type: 'api_error' })
    const response = { status: 'completed', output: [call(0, 'nonsense'), message(1, 'x')] }
    expect(() => messageOf(response, optionsOf())).toThrow(AppError)
  })
})

describe('a stop sequence', () => {
  const sequences = { stopSequences: ['STOP', 'ST. END'] }
  it('ends the answer at once, wherever it is cut', async () => {
    const said = 'All fine. STOP and more'
    for (let cut = 0; cut <= said.length; cut++) {
      const stream = createMessagesStream(optionsOf(sequences))
      const text = [delta(0, said.slice(0, cut)), delta(0, said.slice(cut))].map(stream.event).join('')
      expect(stream.isOver()).toBe(true)
      expect(stream.event(completed()) + stream.end() + stream.ping()).toBe('')
      expect(await readBySdk(text)).toMatchObject({
        content: [{ type: 'text', text: 'All fine. ' }],
        stop_reason: 'stop_sequence',
        stop_sequence: 'STOP',
      })
    }
  })

  it('holds nothing back that turns out to be none', async () => {
    const { content, stop_reason } = await read([delta(0, 'ST'), delta(0, '. EN'), completed()], sequences)
    expect(content).toMatchObject([{ text: 'ST. EN' }])
    expect(stop_reason).toBe('end_turn')
  })

  it('does not count in tools', async () => {
    const { content } = await read([done(0, call(0, '{"a":"STOP"}')), completed()], sequences)
    expect(content).toMatchObject([{ input: { a: 'STOP' } }])
  })

  it('ends a message that is no stream too, with its true usage', () => {
    const usage = { input_tokens: 5, output_tokens: 7 }
    const response = { status: 'completed', output: [message(0, 'a STOP b'), call(1, '{}')], usage }
    expect(messageOf(response, optionsOf(sequences))).toMatchObject({
      content: [{ type: 'text', text: 'a ' }],
      stop_reason: 'stop_sequence',
      usage: { input_tokens: 5, output_tokens: 7 },
    })
  })
})

describe('the end of a stream', () => {
  it('comes once, and nothing after it', () => {
    const stream = createMessagesStream(optionsOf())
    expect(stream.ping()).toBe('event: ping\ndata: {"type":"ping"}\n\n')
    expect(stream.event(completed())).toContain('message_stop')
    expect(stream.event(delta(0, 'late')) + stream.end() + stream.fail('overloaded', 'x', 503)).toBe('')
  })

  it('is an error where the upstream only stopped', () => {
    const stream = createMessagesStream(optionsOf())
    stream.event(delta(0, 'Hel'))
    expect(eventsIn(stream.end())).toEqual([
      { type: 'error', error: { type: 'api_error', message: 'The upstream ended the answer early.' } },
    ])
    expect(stream.isOver()).toBe(true)
  })

  it.each<[string, Json, string]>([
    ['length', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }, 'max_tokens'],
    ['a filter', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }, 'refusal'],
    ['its own will', { status: 'completed' }, 'end_turn'],
  ])('says that it was for %s', (_why, response, reason) => {
    const { stop_reason, content } = messageOf({ ...response, output: [message(0, 'x')] }, optionsOf())
    expect(stop_reason).toBe(reason)
    expect(content).toHaveLength(1)
  })
})
