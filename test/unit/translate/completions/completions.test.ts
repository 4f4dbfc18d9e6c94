import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { createTextCompletionStream, textCompletionOf } from '../../../../src/translate/completions/answer.ts'
import { completionParameters, completionToResponses } from '../../../../src/translate/completions/request.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { dataOf, recordedAnswers, sdkReading } from '../chat/answers.ts'

const base = { model: 'gpt-5.5', prompt: 'Say hi' }
const options = { id: 'cmpl-1', createdSeconds: 1_780_000_000, model: 'gpt-5.5', stop: [], includeUsage: true }
const recorded = (wanted: string) => {
  const found = recordedAnswers().find(({ name }) => name === wanted)
  if (!found) throw new Error(`There is no recorded answer ${wanted}.`)
  const stream = createTextCompletionStream(options)
  const last = found.events.at(-1) as { response: Json }
  return { sse: found.events.map((event) => stream.event(event)).join('') + stream.end(), response: last.response }
}

describe('a text completion request becomes a response request', () => {
  it.each<[string, unknown]>([
    ['a text', 'Say hi'],
    ['a list of one text', ['Say hi']],
  ])('with the prompt as %s', (_form, prompt) => {
    const options = {
      temperature: 0,
      max_tokens: 16,
      echo: false,
      best_of: 1,
      n: 1,
      suffix: null,
      logprobs: null,
      user: 'u',
    }
    expect(completionToResponses({ ...base, ...options, prompt, stop: '\n', stream: true })).toEqual({
      request: {
        model: 'gpt-5.5',
        instructions: '',
        input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Say hi' }] }],
      },
      stream: true,
      includeUsage: false,
      stop: ['\n'],
    })
  })

  it('knows every parameter of the public API', () => {
    const sdk = readFileSync('node_modules/openai/resources/completions.d.ts', 'utf8')
    const all = /interface CompletionCreateParamsBase \{([\s\S]*?)\n\}/.exec(sdk)?.[1] ?? ''
    const names = [...all.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name)
    expect(Object.keys(completionParameters).sort()).toEqual(names.sort())
  })

  it.each<[string, Json]>([
    ['prompt', { prompt: ['a', 'b'] }],
    ['prompt', { prompt: [1, 2] }],
    ['prompt', { prompt: [[1, 2]] }],
    ['prompt', { prompt: [] }],
    ['prompt', { prompt: null }],
    ['prompt', { prompt: '' }],
    ['suffix', { suffix: 'x' }],
    ['echo', { echo: true }],
    ['best_of', { best_of: 3 }],
    ['n', { n: 2 }],
    ['logprobs', { logprobs: 0 }],
    ['model', { model: null }],
    ['stop', { stop: { a: 1 } }],
  ])('or is refused for %s: %j', (param, fields) => {
    const translate = () => completionToResponses({ ...base, ...fields })
    expect(translate).toThrow(AppError)
    expect(translate).toThrow(
      expect.objectContaining({ code: 'invalid_request', details: expect.objectContaining({ param }) }),
    )
  })
})

describe('a response becomes a text completion', () => {
  it('as a stream', () => {
    const { sse } = recorded('cut-by-length')
    const head = { id: 'cmpl-1', object: 'text_completion', created: 1_780_000_000, model: 'gpt-5.5-2026-04-23' }
    const choice = { index: 0, logprobs: null }
    expect(dataOf(sse)).toEqual([
      { ...head, choices: [{ ...choice, text: 'It rai', finish_reason: null }], usage: null },
      { ...head, choices: [{ ...choice, text: '', finish_reason: 'length' }], usage: null },
      { ...head, choices: [], usage: expect.objectContaining({ prompt_tokens: 20, total_tokens: 29 }) },
      '[DONE]',
    ])
  })

  it('as an object', () => {
    expect(textCompletionOf(recorded('cut-by-length').response, options)).toEqual({
      id: 'cmpl-1',
      object: 'text_completion',
      created: 1_780_000_000,
      model: 'gpt-5.5-2026-04-23',
      choices: [{ text: 'It rai', index: 0, logprobs: null, finish_reason: 'length' }],
      usage: expect.objectContaining({ completion_tokens: 9 }),
    })
  })

  it('that says what was refused', () => {
    const { sse, response } = recorded('refusal')
    expect(textCompletionOf(response, options).choices).toMatchObject([{ text: 'I cannot help with that.' }])
    expect(dataOf(sse)).toMatchObject([
      { choices: [{ text: 'I cannot ' }] },
      { choices: [{ text: 'help with that.' }] },
      { choices: [{ text: '', finish_reason: 'stop' }] },
      { choices: [] },
      '[DONE]',
    ])
  })

  it('or the error that it ended with', () => {
    const { sse, response } = recorded('failed-after-output')
    expect(dataOf(sse).slice(-2)).toMatchObject([{ error: { code: 'rate_limit_exceeded' } }, '[DONE]'])
    expect(() => textCompletionOf(response, options)).toThrow('Slow down')
  })

  it('that ends at a stop sequence', () => {
    const { response } = recorded('text-with-reasoning')
    const cut = textCompletionOf(response, { ...options, stop: [' Oslo'] })
    expect(cut.choices).toEqual([{ text: 'It rains in', index: 0, logprobs: null, finish_reason: 'stop' }])
  })

  it('without usage when nobody asked for it', () => {
    const stream = createTextCompletionStream({ ...options, includeUsage: false })
    const events = recordedAnswers().find(({ name }) => name === 'cut-by-length')?.events ?? []
    expect(events.map((event) => stream.event(event)).join('')).not.toContain('usage')
  })

  it('which the SDK reads', async () => {
    const { sse, response } = recorded('text-with-reasoning')
    const stream = await sdkReading(sse).completions.create({ ...base, stream: true })
    const chunks = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks.flatMap(({ choices }) => choices.map(({ text }) => text)).join('')).toBe('It rains in Oslo.')
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(1020)
    const object = textCompletionOf(response, options)
    expect(await sdkReading(JSON.stringify(object), 'application/json').completions.create(base)).toMatchObject(object)
  })
})
