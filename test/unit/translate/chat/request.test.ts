import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { normalizeRequest } from '../../../../src/proxy/normalize.ts'
import { createAccount } from '../../../../src/simulator/accounts.ts'
import { refusalOf } from '../../../../src/simulator/validation.ts'
import { chatParameters } from '../../../../src/translate/chat/parameters.ts'
import { chatToResponses } from '../../../../src/translate/chat/request.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { nowMs } from '../../../support/accounts.ts'

const folder = join(import.meta.dirname, '../../../fixtures/translate/chat/requests')
const account = createAccount({ email: 'a@example.com', plan: 'plus' }, {}, nowMs)
const user = { role: 'user', content: 'Hi' }
const base = { model: 'gpt-5.5', messages: [user] }

function refusal(body: Json): { param: string | undefined; message: string } {
  try {
    chatToResponses(body)
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request') {
      return { param: error.details.param, message: error.message }
    }
    throw error
  }
  throw new Error('It was not refused.')
}

describe('a chat request becomes a response request', () => {
  it.each(readdirSync(folder))('%s', (name) => {
    const { chat, ask } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    const before = structuredClone(chat)
    expect(chatToResponses(chat)).toEqual(ask)
    expect(chat).toEqual(before)
    expect(refusalOf(normalizeRequest(ask.request), account)).toBeNull()
  })

  it('knows every parameter of the public API', () => {
    const sdk = 'node_modules/openai/resources/chat/completions/completions.d.ts'
    const all = /interface ChatCompletionCreateParamsBase \{([\s\S]*?)\n\}/.exec(readFileSync(sdk, 'utf8'))?.[1] ?? ''
    const names = [...all.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name)
    expect(Object.keys(chatParameters).sort()).toEqual(names.sort())
  })

  it('takes null for left out, everywhere', () => {
    const optional = Object.keys(chatParameters).filter((name) => name !== 'model' && name !== 'messages')
    const body = { ...Object.fromEntries(optional.map((name) => [name, null])), ...base }
    expect(chatToResponses(body)).toEqual(chatToResponses(base))
  })

  it.each([
    ['auto', undefined],
    ['default', undefined],
    ['scale', undefined],
    ['flex', 'flex'],
    ['priority', 'priority'],
  ])('service tier %s', (tier, passedOn) => {
    expect(chatToResponses({ ...base, service_tier: tier }).request.service_tier).toBe(passedOn)
  })

  it.each(['none', 'minimal', 'low', 'medium', 'high', 'xhigh'])('reasoning effort %s', (effort) => {
    expect(chatToResponses({ ...base, reasoning_effort: effort }).request.reasoning).toEqual({ effort })
  })

  it.each([
    ['none', 'none'],
    ['required', 'required'],
    [
      { type: 'custom', custom: { name: 'now' } },
      { type: 'custom', name: 'now' },
    ],
  ])('tool choice %j', (choice, passedOn) => {
    const tools = [{ type: 'custom', custom: { name: 'now' } }]
    expect(chatToResponses({ ...base, tools, tool_choice: choice }).request.tool_choice).toEqual(passedOn)
  })

  it.each([{ toolCallId: 'call_1' }, { call_id: 'call_1' }])('a tool message that names its call as %j', (naming) => {
    const call = { id: 'call_1', type: 'function', function: { name: 'now' } }
    const messages = [user, { role: 'assistant', tool_calls: [call] }, { role: 'tool', content: 'noon', ...naming }]
    expect(chatToResponses({ ...base, messages }).request.input).toMatchObject([
      { role: 'user' },
      { type: 'function_call', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'noon' },
    ])
  })
})

describe('what cannot be honoured is refused with its name', () => {
  it.each<[string, Json]>([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 3 }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['audio', { audio: { voice: 'alloy', format: 'wav' } }],
    ['prediction', { prediction: { type: 'content', content: 'x' } }],
    ['moderation', { moderation: { model: 'omni-moderation-latest' } }],
    ['model', { model: '' }],
    ['messages', { messages: undefined }],
    ['messages', { messages: [] }],
    ['messages', { messages: 'Hi' }],
    ['stream', { stream: 'yes' }],
    ['stream_options', { stream_options: true }],
    ['store', { store: 1 }],
    ['metadata', { metadata: ['a'] }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['metadata', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) }],
    ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
    ['stop', { stop: [1] }],
    ['reasoning_effort', { reasoning_effort: 'most' }],
    ['verbosity', { verbosity: 'silent' }],
    ['service_tier', { service_tier: 'gold' }],
    ['prompt_cache_key', { prompt_cache_key: 1 }],
    ['response_format.type', { response_format: { type: 'xml' } }],
    ['response_format.json_schema', { response_format: { type: 'json_schema' } }],
    ['response_format.json_schema.name', { response_format: { type: 'json_schema', json_schema: { name: 'a b' } } }],
    ['response_format.json_schema.schema', { response_format: { type: 'json_schema', json_schema: { name: 'a' } } }],
    ['tools', { tools: {} }],
    ['tools[0]', { tools: ['now'] }],
    ['tools[0].type', { tools: [{ type: 'code_interpreter' }] }],
    ['tools[0].function', { tools: [{ type: 'function' }] }],
    ['tools[0].function.name', { tools: [{ type: 'function', function: {} }] }],
    ['tools[0].function.parameters', { tools: [{ type: 'function', function: { name: 'a', parameters: [] } }] }],
    ['tools[0].custom.format', { tools: [{ type: 'custom', custom: { name: 'a', format: { type: 'grammar' } } }] }],
    ['functions', { functions: [{ name: 'a' }], tools: [{ type: 'function', function: { name: 'a' } }] }],
    ['functions[0].name', { functions: [{}] }],
    ['function_call', { functions: [{ name: 'a' }], function_call: 'required' }],
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice', { tools: [{ type: 'function', function: { name: 'a' } }], tool_choice: 'a' }],
    [
      'tool_choice.allowed_tools',
      { tools: [{ type: 'function', function: { name: 'a' } }], tool_choice: { type: 'allowed_tools' } },
    ],
    ['web_search_options', { web_search_options: true }],
  ])('%s: %j', (param, fields) => {
    const { param: named, message } = refusal({ ...base, ...fields })
    expect(named).toBe(param)
    expect(message.length).toBeGreaterThan(20)
  })

  const call = { id: 'call_1', type: 'function', function: { name: 'a', arguments: '{}' } }
  it.each<[string, unknown[]]>([
    ['messages[0]', ['Hi']],
    ['messages[0].role', [{ role: 'critic', content: 'Hi' }]],
    ['messages[0].content', [{ role: 'user', content: null }]],
    ['messages[0].content', [{ role: 'user', content: [] }]],
    ['messages[0].content[0]', [{ role: 'user', content: ['Hi'] }]],
    ['messages[0].content[0].type', [{ role: 'system', content: [{ type: 'image_url' }] }]],
    ['messages[0].content[0].text', [{ role: 'user', content: [{ type: 'text' }] }]],
    ['messages[0].content[0].type', [{ role: 'user', content: [{ type: 'input_audio' }] }]],
    ['messages[0].content[0].type', [{ role: 'user', content: [{ type: 'video' }] }]],
    ['messages[0].content[0].image_url', [{ role: 'user', content: [{ type: 'image_url', image_url: 'x' }] }]],
    [
      'messages[0].content[0].image_url.url',
      [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }],
    ],
    [
      'messages[0].content[0].image_url.detail',
      [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,', detail: 'all' } }] }],
    ],
    ['messages[0].content[0].file', [{ role: 'user', content: [{ type: 'file', file: {} }] }]],
    [
      'messages[0].content[0].file',
      [{ role: 'user', content: [{ type: 'file', file: { file_id: 'f', file_url: 'https://a' } }] }],
    ],
    ['messages[0].content[0].type', [{ role: 'assistant', content: [{ type: 'image_url' }] }]],
    ['messages[0].audio', [{ role: 'assistant', audio: { id: 'audio_1' } }]],
    ['messages[0].tool_calls', [{ role: 'assistant', tool_calls: {} }]],
    ['messages[0].tool_calls[0].id', [{ role: 'assistant', tool_calls: [{}] }]],
    ['messages[0].tool_calls[0].type', [{ role: 'assistant', tool_calls: [{ id: 'a', type: 'web' }] }]],
    ['messages[0].tool_calls[0].function.name', [{ role: 'assistant', tool_calls: [{ id: 'a' }] }]],
    [
      'messages[0].tool_calls[0].function.arguments',
      [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'a', arguments: {} } }] }],
    ],
    ['messages[1].tool_calls', [user, { role: 'assistant', tool_calls: [call] }, user]],
    ['messages[1].tool_call_id', [user, { role: 'tool', content: 'x' }]],
    ['messages[1].tool_call_id', [user, { role: 'tool', tool_call_id: 'call_1', content: 'x' }]],
    ['messages[1].name', [user, { role: 'function', name: 'a', content: 'x' }]],
  ])('%s in %j', (param, messages) => {
    expect(refusal({ ...base, messages }).param).toBe(param)
  })

  it('names every call that has no answer', () => {
    const calls = [call, { ...call, id: 'call_2' }, { ...call, id: 'call_3' }]
    const answer = { role: 'tool', tool_call_id: 'call_2', content: 'x' }
    const { message } = refusal({ ...base, messages: [user, { role: 'assistant', tool_calls: calls }, answer] })
    expect(message).toContain('call_1, call_3.')
  })
})
