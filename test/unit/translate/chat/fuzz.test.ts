import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { normalizeRequest } from '../../../../src/proxy/normalize.ts'
import { createAccount } from '../../../../src/simulator/accounts.ts'
import { refusalOf } from '../../../../src/simulator/validation.ts'
import { chatCompletionOf } from '../../../../src/translate/chat/completion.ts'
import { chatToResponses } from '../../../../src/translate/chat/request.ts'
import { createTextCompletionStream, textCompletionOf } from '../../../../src/translate/completions/answer.ts'
import { completionToResponses } from '../../../../src/translate/completions/request.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { nowMs } from '../../../support/accounts.ts'
import { answerOptions, dataOf, recordedAnswers, sdkReading, streamText } from './answers.ts'

const ask = { model: 'gpt-5.5', messages: [{ role: 'user' as const, content: 'Hi' }] }
const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n', '"', '😀', '\u2028'), maxLength: 4 }), {
  maxLength: 5,
})

/** An item of an answer: what it is in the end, and the deltas that spell it. */
type Spoken = { item: Json; deltas: Json[]; whole: Json | null }

const message = fc
  .record({ kind: fc.constantFrom('output_text', 'refusal'), words })
  .map(({ kind, words }): ((at: number) => Spoken) => {
    const said = words.join('')
    const part = kind === 'refusal' ? { type: kind, refusal: said } : { type: kind, text: said, annotations: [] }
    return (at) => {
      const place = { output_index: at, item_id: `msg_${at}`, content_index: 0 }
      return {
        item: { id: `msg_${at}`, type: 'message', role: 'assistant', content: [part] },
        deltas: words.map((delta) => ({ type: `response.${kind}.delta`, ...place, delta })),
        whole: { type: 'response.content_part.done', ...place, part },
      }
    }
  })
const call = fc.record({ isCustom: fc.boolean(), words }).map(({ isCustom, words }): ((at: number) => Spoken) => {
  const type = isCustom ? 'custom_tool_call' : 'function_call'
  const [field, events] = isCustom ? ['input', 'custom_tool_call_input'] : ['arguments', 'function_call_arguments']
  return (at) => {
    const place = { output_index: at, item_id: `fc_${at}` }
    const whole = words.join('')
    return {
      item: { id: `fc_${at}`, type, call_id: `call_${at}`, name: 'now', [field as string]: whole },
      deltas: words.map((delta) => ({ type: `response.${events}.delta`, ...place, delta })),
      whole: { type: `response.${events}.done`, ...place, [field as string]: whole },
    }
  }
})
const reasoning = fc.constant((at: number): Spoken => {
  return { item: { id: `rs_${at}`, type: 'reasoning', summary: [] }, deltas: [], whole: null }
})

/**
 * A whole answer. Any event of an item may be missing but its last, and the last items may be missing altogether until
 * the answer is complete. (An item that came later than the one after it would stand behind it in a stream.)
 */
const answer = fc
  .record({
    items: fc.array(fc.oneof(message, call, reasoning), { maxLength: 5 }),
    told: fc.nat(5),
    kept: fc.array(fc.tuple(fc.boolean(), fc.nat(6), fc.boolean()), { minLength: 5, maxLength: 5 }),
    ending: fc.constantFrom('completed', 'incomplete'),
  })
  .map(({ items, told, kept, ending }) => {
    const spoken = items.map((make, at) => make(at))
    const events = spoken.slice(0, told).flatMap(({ item, deltas, whole }, output_index) => {
      const [begins, deltaCount, hasWhole] = kept[output_index] ?? [true, 0, true]
      const begun = { ...item, content: [], arguments: '', input: '' }
      return [
        ...(begins ? [{ type: 'response.output_item.added', output_index, item: begun }] : []),
        // With a gap in the middle, the rest of the deltas would be another text.
        ...deltas.slice(0, deltaCount),
        ...(hasWhole && whole !== null ? [whole] : []),
        { type: 'response.output_item.done', output_index, item },
      ]
    })
    const response = { id: 'resp_1', model: 'm', status: ending, output: spoken.map(({ item }) => item) }
    return { events: [...events, { type: `response.${ending}`, response }], response }
  })

/** Joins the deltas of a stream as a client would. */
function messageOf(sse: string) {
  const whole = { content: '', refusal: '', calls: [] as { name: string; input: string }[], finish: null as unknown }
  for (const data of dataOf(sse)) {
    for (const { delta, finish_reason } of typeof data === 'string'
      ? []
      : (data.choices as { delta: Json; finish_reason: unknown }[])) {
      whole.content += delta.content ?? ''
      whole.refusal += delta.refusal ?? ''
      whole.finish ??= finish_reason
      for (const { index, function: fn, custom } of (delta.tool_calls ?? []) as {
        index: number
        function?: Json
        custom?: Json
      }[]) {
        const call = whole.calls[index] ?? { name: '', input: '' }
        whole.calls[index] = call
        call.name += fn?.name ?? custom?.name ?? ''
        call.input += fn?.arguments ?? custom?.input ?? ''
      }
    }
  }
  return whole
}

const known = recordedAnswers().flatMap(({ events }) => events)
const types = [
  ...new Set(known.map(({ type }) => type as string)),
  'response.text.delta',
  'codex.rate_limits',
  'toString',
]
const fields = [
  'output_index',
  'item_id',
  'call_id',
  'content_index',
  'delta',
  'text',
  'refusal',
  'arguments',
  'input',
  'part',
]
const wildFields = [...fields, 'item', 'response', 'annotation', 'error', 'code', 'message', 'status']
const chances = fc.array(fc.nat(), { minLength: 16, maxLength: 16 })
const wildEvent = fc.oneof(
  fc.constantFrom(...known),
  fc
    .tuple(
      fc.constantFrom(...types),
      fc.dictionary(fc.constantFrom(...wildFields), fc.oneof(fc.jsonValue(), fc.constantFrom(...known))),
    )
    .map(([type, rest]): Json => ({ ...rest, type })),
  fc
    .tuple(fc.constantFrom(...known), fc.jsonValue(), chances)
    .map(([event, value, chance]) => changed(event, value, chance)),
)

/** A copy in which one place, anywhere in the depth, holds another value. */
function changed(original: Json, value: unknown, chances: readonly number[]): Json {
  const left = [...chances]
  const chance = () => left.pop() ?? 0
  const copy = structuredClone(original)
  let place: Record<string, unknown> = copy
  for (;;) {
    const names = Object.keys(place)
    const name = names[chance() % Math.max(1, names.length)]
    if (name === undefined) return copy
    const inside = place[name]
    if (typeof inside === 'object' && inside !== null && chance() % 4 !== 0) {
      place = inside as Record<string, unknown>
      continue
    }
    place[name] = value
    return copy
  }
}

describe('any answer', () => {
  it('is the same as a stream and as an object, whatever events are missing', () => {
    const stops = fc.array(fc.constantFrom('a', 'ab', 'b"', '😀'), { maxLength: 2 })
    const run = fc.property(answer, stops, ({ events, response }, stop) => {
      const streamed = messageOf(streamText(events, { stop }))
      const object = chatCompletionOf(response, { ...answerOptions, stop }) as {
        choices: { message: Json; finish_reason: string }[]
      }
      const { message, finish_reason } = object.choices[0] as { message: Json; finish_reason: string }
      const calls = ((message.tool_calls ?? []) as { function?: Json; custom?: Json }[]).map(
        ({ function: fn, custom }) => ({
          name: fn?.name ?? custom?.name,
          input: fn?.arguments ?? custom?.input,
        }),
      )
      const { content, refusal } = message
      expect(streamed).toEqual({ content: content ?? '', refusal: refusal ?? '', calls, finish: finish_reason })
    })
    fc.assert(run, { numRuns: 1000, seed: 2 })
  })

  it('is read by the SDK as what it is', async () => {
    const run = fc.asyncProperty(answer, async ({ events, response }) => {
      const read = await sdkReading(streamText(events)).chat.completions.stream(ask).finalChatCompletion()
      const { choices } = chatCompletionOf(response, answerOptions) as {
        choices: { message: Json; finish_reason: string }[]
      }
      const { annotations: _none, ...message } = choices[0]?.message ?? {}
      expect(read.choices).toMatchObject([{ message, finish_reason: choices[0]?.finish_reason }])
    })
    await fc.assert(run, { numRuns: 150, seed: 3 })
  })
})

describe('events of any kind', () => {
  it('become whole chunks and one end, which the SDK reads or takes for the error it is', async () => {
    const run = fc.asyncProperty(fc.array(wildEvent, { maxLength: 12 }), fc.boolean(), async (events, includeUsage) => {
      const sse = streamText(events, { includeUsage })
      const data = dataOf(sse)
      expect(data.indexOf('[DONE]')).toBe(data.length - 1)
      const failed = data.some((one) => typeof one !== 'string' && 'error' in one)
      expect(
        failed || data.some((one) => typeof one !== 'string' && JSON.stringify(one).includes('"finish_reason":"')),
      ).toBe(true)
      const stream = await sdkReading(sse).chat.completions.create({ ...ask, stream: true })
      const reading = (async () => {
        for await (const chunk of stream)
          expect(chunk).toMatchObject({ id: 'chatcmpl-1', object: 'chat.completion.chunk' })
      })()
      if (failed) await expect(reading).rejects.toThrow(OpenAI.APIError)
      else await reading
    })
    await fc.assert(run, { numRuns: 400, seed: 4 })
  })

  it('become a text completion as well', () => {
    const run = fc.property(fc.array(wildEvent, { maxLength: 12 }), (events) => {
      const stream = createTextCompletionStream(answerOptions)
      const data = dataOf(events.map((event) => stream.event(event)).join('') + stream.end())
      expect(data.indexOf('[DONE]')).toBe(data.length - 1)
    })
    fc.assert(run, { numRuns: 400, seed: 5 })
  })

  it('and responses of any kind, become an object or an error', () => {
    const run = fc.property(wildEvent, (event) => {
      const response = (typeof event.response === 'object' && event.response !== null ? event.response : event) as Json
      for (const translate of [chatCompletionOf, textCompletionOf]) {
        try {
          expect(translate(response, answerOptions).choices).toHaveLength(1)
        } catch (error) {
          if (!(error instanceof AppError)) throw error
        }
      }
    })
    fc.assert(run, { numRuns: 1000, seed: 6 })
  })
})

describe('a request of any kind', () => {
  const folder = join(import.meta.dirname, '../../../fixtures/translate/chat/requests')
  const requests: Json[] = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).chat)
  const account = createAccount({ email: 'a@example.com', plan: 'plus' }, {}, nowMs)
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(null, '', 'auto', 'user', 'text', [], {}, 1, true))
  const wildRequest = fc.tuple(fc.constantFrom(...requests), value, value, chances)

  it('is translated into one that the upstream takes, or refused by field', () => {
    let taken = 0
    const run = fc.property(wildRequest, ([request, one, other, chance]) => {
      const body: Json = { ...changed(changed(request, one, chance), other, chance.toReversed()), model: 'gpt-5.5' }
      try {
        const { request: made } = chatToResponses(body)
        // A response body that came as such is checked where all of them are.
        if (!Array.isArray(body.messages)) return
        expect(refusalOf(normalizeRequest(made), account)).toBeNull()
        taken++
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        expect(error).toMatchObject({ code: 'invalid_request', details: { param: expect.stringMatching(/./) } })
      }
    })
    fc.assert(run, { numRuns: 3000, seed: 7 })
    expect(taken).toBeGreaterThan(300)
  })

  it('for a text completion likewise', () => {
    const names = fc.constantFrom(
      'prompt',
      'model',
      'n',
      'best_of',
      'echo',
      'suffix',
      'logprobs',
      'stop',
      'stream',
      'stream_options',
    )
    const run = fc.property(fc.dictionary(names, fc.oneof(value, fc.array(fc.string()))), (body) => {
      try {
        const { request } = completionToResponses(body)
        expect(refusalOf(normalizeRequest({ ...request, model: 'gpt-5.5' }), account)).toBeNull()
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        expect(error).toMatchObject({ code: 'invalid_request', details: { param: expect.stringMatching(/./) } })
      }
    })
    fc.assert(run, { numRuns: 1000, seed: 8 })
  })
})
