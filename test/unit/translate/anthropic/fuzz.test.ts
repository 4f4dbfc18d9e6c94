import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { countTokens } from '../../../../src/translate/anthropic/count.ts'
import type { MessageOptions } from '../../../../src/translate/anthropic/flow.ts'
import { messageOf } from '../../../../src/translate/anthropic/message.ts'
import { messagesToResponses } from '../../../../src/translate/anthropic/request.ts'
import { createMessagesStream } from '../../../../src/translate/anthropic/stream.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { eventsIn, optionsOf, readBySdk, upstreamRefusal } from './fixtures.ts'

const seeded = { seed: 20_261_012, numRuns: 300 }

/** Gives the value, or null when it was refused in the one way that is allowed. */
function unlessRefused<T>(run: () => T): T | null {
  try {
    return run()
  } catch (error) {
    expect(error).toBeInstanceOf(AppError)
    return null
  }
}

const word = fc.constantFrom('', 'a', 'STOP', 'Read', 't1', 't2', '{', '{}', '{"a":1}', 'codex-lb.reasoning.1.x', '😀')
const types = ['text', 'image', 'document', 'search_result', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking']
const block = fc.record(
  {
    type: fc.constantFrom<unknown>(...types, 'server_tool_use', 'web_search_tool_result', 'odd', 7),
    text: word,
    id: word,
    tool_use_id: word,
    name: word,
    input: fc.oneof(fc.constant({}), fc.jsonValue()),
    content: fc.oneof(word, fc.array(fc.record({ type: fc.constant('text'), text: word })), fc.jsonValue()),
    source: fc.record({ type: fc.constantFrom('base64', 'url', 'text', 'content', 'file'), data: word, url: word }),
    signature: word,
    thinking: word,
    is_error: fc.boolean(),
  },
  { requiredKeys: [] },
)
const mostly = <T>(usual: fc.Arbitrary<T>) =>
  fc.oneof<fc.MaybeWeightedArbitrary<unknown>[]>({ arbitrary: usual, weight: 30 }, fc.jsonValue())
const seldom = (value: fc.Arbitrary<unknown>) => mostly(fc.option(value, { nil: undefined, freq: 2 }))
const said = fc.constantFrom('Hi', 'STOP', '😀').map((text) => ({ type: 'text', text }))
const user = fc.record({ role: fc.constant('user'), content: mostly(fc.array(said, { minLength: 1, maxLength: 3 })) })
const thinking = fc.record({ type: fc.constant('thinking'), thinking: word, signature: word })

/** Two messages that belong together: calls, maybe with something before them, and their results. */
const exchange = fc
  .record({
    ids: fc.uniqueArray(fc.nat(), { maxLength: 3 }),
    before: fc.array(fc.oneof(said, thinking)),
    odd: fc.nat(9),
  })
  .chain(({ ids, before, odd }) => {
    const calls = ids.map((id) => ({ type: 'tool_use', id: `t${id}`, name: 'Read', input: { id } }))
    const results = ids.map((id) => ({ type: 'tool_result', tool_use_id: `t${id}`, content: 'ok' }))
    const messages = [
      { role: 'assistant', content: [...before, ...calls, { type: 'text', text: 'So.' }] },
      { role: 'user', content: [...results, { type: 'text', text: 'On.' }] },
    ]
    // Now and then something is where it does not belong.
    return odd > 0 ? fc.constant(messages) : block.map((one) => [...messages, { role: 'user', content: [one] }])
  })
const conversation = fc
  .record({ first: user, exchanges: fc.array(exchange, { maxLength: 3 }), last: user })
  .map(({ first, exchanges, last }) => [first, ...exchanges.flat(), last])
const noise = fc.array(
  fc.record({
    role: fc.constantFrom<unknown>('user', 'assistant', 'system', 'tool'),
    content: fc.oneof(word, fc.array(block, { maxLength: 4 }), fc.jsonValue()),
  }),
  { maxLength: 6 },
)
const tool = fc.record({ name: fc.constantFrom('Read', 'Grep', ''), input_schema: fc.constant({ type: 'object' }) })
const body = fc.record({
  model: mostly(fc.constant('claude-opus-4-8')),
  max_tokens: mostly(fc.constant(100)),
  messages: fc.oneof({ arbitrary: conversation, weight: 3 }, noise),
  system: seldom(fc.oneof(word, fc.array(said))),
  tools: seldom(fc.array(tool, { maxLength: 2 })),
  tool_choice: seldom(fc.record({ type: fc.constantFrom('auto', 'any', 'none', 'tool'), name: fc.constant('Read') })),
  thinking: seldom(fc.record({ type: fc.constantFrom('enabled', 'adaptive'), budget_tokens: fc.nat(40_000) })),
  output_config: seldom(fc.record({ effort: fc.constantFrom('low', 'max') })),
  metadata: seldom(fc.record({ user_id: word })),
  stop_sequences: seldom(fc.array(fc.constant('STOP'))),
  stream: seldom(fc.boolean()),
})

describe('any request', () => {
  it('is translated into one that the upstream takes, or refused', () => {
    let accepted = 0
    fc.assert(
      fc.property(body, (one) => {
        const asked = unlessRefused(() => messagesToResponses(one as Json, { model: 'gpt-5.6-sol' }))
        if (asked === null) return
        accepted++
        expect(upstreamRefusal(asked.request)).toBeNull()
      }),
      { ...seeded, numRuns: 3_000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })

  it('is counted, or refused', () => {
    fc.assert(
      fc.property(body, (one) => {
        const tokens = unlessRefused(() => countTokens(one as Json)) ?? 0
        expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true)
      }),
      { ...seeded, numRuns: 1_000 },
    )
  })
})

/** Texts of calls that are whole; an answer that is cut off has the beginning of one. */
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify({ value }))
const itemType = fc.constantFrom('message', 'function_call', 'reasoning', 'web_search_call', 'image_generation_call')
const item = fc.record({
  type: itemType,
  content: fc.array(fc.record({ type: fc.constantFrom('output_text', 'refusal', 'odd'), text: word, refusal: word }), {
    maxLength: 3,
  }),
  call_id: fc.constantFrom('c1', 'c2', ''),
  name: fc.constantFrom('Read', ''),
  arguments: fc.oneof(json, fc.constant('')),
  summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: word }), { maxLength: 2 }),
  encrypted_content: fc.constantFrom<unknown>('enc', null),
  action: fc.record({ type: fc.constantFrom('search', 'open_page'), query: word }),
})

/** The events of one item, whole or not, in their order. */
function eventsOf(one: Json, index: number, cut: number, isDone: boolean): Json[] {
  const place = { output_index: index, item_id: `i_${index}`, content_index: 0, summary_index: 0 }
  const whole = { ...one, id: `i_${index}`, call_id: `c_${index}`, name: 'Read' }
  const input = String(one.arguments)
  const deltas: Json[] =
    one.type === 'function_call'
      ? [input.slice(0, cut), input.slice(cut)].map((delta) => ({
          type: 'response.function_call_arguments.delta',
          delta,
        }))
      : [
          { type: 'response.output_text.delta', delta: 'some text' },
          { type: 'response.refusal.delta', content_index: 1, delta: 'no' },
          { type: 'response.reasoning_summary_text.delta', delta: 'thought' },
        ].slice(0, cut % 4)
  return [
    { type: 'response.output_item.added', ...place, item: { ...whole, content: [], arguments: '', summary: [] } },
    ...deltas.map((one) => ({ ...place, ...one })),
    ...(isDone ? [{ type: 'response.output_item.done', ...place, item: whole }] : []),
  ]
}

const plan = fc.array(fc.record({ item, cut: fc.nat({ max: 12 }), isDone: fc.boolean() }), { maxLength: 5 })
const ending = fc.constantFrom('completed', 'incomplete', 'failed', 'none')
const options = fc.record({
  thinking: fc.constantFrom('shown', 'omitted', 'none'),
  stopSequences: fc.constantFrom<string[]>([], ['STOP', 'text'], ['😀']),
})

/** Every client may rely on these: one block at a time, numbered in order, one end. */
function checkOrder(events: Json[]): void {
  let open: number | null = null
  let next = 0
  const kinds = events.map(({ type }) => type)
  for (const { type, index } of events) {
    if (type === 'content_block_start') {
      expect(open).toBeNull()
      expect(index).toBe(next++)
      open = Number(index)
    }
    if (type === 'content_block_delta') expect(index).toBe(open)
    if (type === 'content_block_stop') {
      expect(index).toBe(open)
      open = null
    }
  }
  const ends = kinds.filter((kind) => kind === 'message_stop' || kind === 'error')
  expect(ends).toHaveLength(1)
  expect(kinds.at(-1)).toBe(ends[0])
  if (ends[0] === 'message_stop') {
    expect(open).toBeNull()
    expect(kinds[0]).toBe('message_start')
    expect(kinds.at(-2)).toBe('message_delta')
  }
}

describe('any answer', () => {
  it('becomes a stream that the SDK reads to its end, or reports as the error that it tells', async () => {
    let read = 0
    const property = fc.asyncProperty(
      plan,
      ending,
      options,
      fc.infiniteStream(fc.nat()),
      async (items, end, own, dice) => {
        const queues = items.map((one, index) => eventsOf(one.item, index, one.cut, one.isDone))
        const stream = createMessagesStream(optionsOf(own as Partial<MessageOptions>))
        let text = ''
        // The items grow side by side.
        while (queues.some(({ length }) => length > 0)) {
          const waiting = queues.filter(({ length }) => length > 0)
          const event = waiting[Number(dice.next().value) % waiting.length]?.shift()
          if (event) text += stream.event(event)
        }
        if (end !== 'none') text += stream.event({ type: `response.${end}`, response: { status: end, output: [] } })
        text += stream.end()
        const events = eventsIn(text)
        checkOrder(events)
        if (events.at(-1)?.type === 'error') {
          await expect(readBySdk(text)).rejects.toHaveProperty('type', 'api_error')
          return
        }
        const message = await readBySdk(text)
        expect(message.stop_reason).not.toBeNull()
        read++
      },
    )
    await fc.assert(property, seeded)
    expect(read).toBeGreaterThan(80)
  })

  it('however senseless, gives a whole stream', async () => {
    const names = ['output_item.added', 'output_item.done', 'output_text.delta', 'output_text.done', 'refusal.delta']
    const more = ['function_call_arguments.delta', 'function_call_arguments.done', 'reasoning_summary_text.delta']
    const ends = ['content_part.done', 'completed', 'incomplete', 'failed', 'created', 'odd']
    const event = fc.record(
      {
        type: fc.constantFrom<unknown>(...[...names, ...more, ...ends].map((name) => `response.${name}`), 'error', 4),
        output_index: fc.constantFrom<unknown>(0, 1, 2, -1, 'x'),
        item_id: fc.constantFrom<unknown>('i_0', 'i_1', null),
        content_index: fc.constantFrom<unknown>(0, 1, {}),
        delta: fc.oneof(word, fc.jsonValue()),
        text: fc.oneof(word, fc.jsonValue()),
        arguments: fc.oneof(word, json),
        item: fc.oneof(item, fc.jsonValue()),
        part: fc.oneof(item, fc.jsonValue()),
        response: fc.oneof(fc.record({ output: fc.array(item) }), fc.jsonValue()),
      },
      { requiredKeys: ['type'] },
    )
    const property = fc.property(fc.array(event, { maxLength: 12 }), options, (events, own) => {
      const stream = createMessagesStream(optionsOf(own as Partial<MessageOptions>))
      checkOrder(eventsIn(events.map((one) => stream.event(one as Json)).join('') + stream.end()))
    })
    fc.assert(property, { ...seeded, numRuns: 3_000 })
  })

  it('that is no stream is a message or an error', () => {
    const response = fc.record({
      status: fc.constantFrom<unknown>('completed', 'incomplete', 'failed', null),
      output: fc.oneof(fc.array(item), fc.jsonValue()),
      usage: fc.jsonValue(),
      error: fc.jsonValue(),
    })
    const property = fc.property(response, options, (one, own) => {
      const message = unlessRefused(() => messageOf(one, optionsOf(own as Partial<MessageOptions>)))
      if (message !== null) expect(message).toMatchObject({ type: 'message', role: 'assistant', id: 'msg_01Test' })
    })
    fc.assert(property, { ...seeded, numRuns: 1_000 })
  })
})
