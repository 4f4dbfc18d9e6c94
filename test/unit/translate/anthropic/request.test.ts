import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { messageOf } from '../../../../src/translate/anthropic/message.ts'
import { messagesToResponses } from '../../../../src/translate/anthropic/request.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { fixtureNames, fixtureText, optionsOf, upstreamRefusal } from './fixtures.ts'

const hi = { role: 'user', content: 'Hi' }
const bodyWith = (own: Json = {}): Json => ({ model: 'claude-opus-4-8', max_tokens: 100, messages: [hi], ...own })
const ask = (own: Json = {}, efforts?: string[]) =>
  messagesToResponses(bodyWith(own), { model: 'gpt-5.6-sol', ...(efforts ? { efforts } : {}) })
const input = (messages: unknown[]) => ask({ messages }).request.input

function refusal(body: Json): { message: string; param: string | undefined } {
  try {
    messagesToResponses(body, { model: 'gpt-5.6-sol' })
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request') {
      return { message: error.message, param: error.details.param }
    }
    throw error
  }
  throw new Error('The request was accepted.')
}

const use = (id: string, name = 'Read') => ({ type: 'tool_use', id, name, input: {} })
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' })

describe('a Messages request becomes a Responses request', () => {
  it.each(fixtureNames('requests'))('word by word: %s', (name) => {
    const { body, options } = JSON.parse(fixtureText(`requests/${name}.json`))
    const asked = messagesToResponses(body, options)
    const plain = { ...asked, reply: { ...asked.reply, toolNames: [...asked.reply.toolNames] } }
    expect(plain).toEqual(JSON.parse(fixtureText(`requests/${name}.ask.json`)))
  })

  it.each(fixtureNames('requests'))('that the upstream takes: %s', (name) => {
    const { body, options } = JSON.parse(fixtureText(`requests/${name}.json`))
    expect(upstreamRefusal(messagesToResponses(body, options).request)).toBeNull()
  })

  it('leaves out what the client left out', () => {
    expect(ask().request).toEqual({
      model: 'gpt-5.6-sol',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
    })
  })

  it('finds the session in every form that Claude Code gives it, and none in the id of a person', () => {
    const hint = (user_id: unknown) => ask({ metadata: { user_id } }).sessionHint
    expect(hint('{"device_id":"d","account_uuid":"","session_id":"s-1"}')).toBe('s-1')
    expect(hint('user_ab_account_cd_session_s-2')).toBe('s-2')
    expect(hint('ann@example.com')).toBeNull()
    expect(hint('{"broken')).toBeNull()
    expect(hint(undefined)).toBeNull()
    expect(hint(`user_a_session_${'x'.repeat(65)}`)).toMatch(/^[0-9a-f]{64}$/)
  })

  it('keeps the system prompt the same from request to request', () => {
    const with_ = (mark: string) =>
      ask({
        system: [
          { type: 'text', text: `x-anthropic-billing-header: cch=${mark};` },
          { type: 'text', text: 'Be kind.' },
        ],
      })
    expect(with_('a').request).toEqual(with_('b').request)
    expect(ask({ system: 'x-anthropic-billing-header: cch=a;\nBe kind.' }).request.instructions).toBe('Be kind.')
    expect(ask({ system: '' }).request).not.toHaveProperty('instructions')
  })
})

describe('how hard the model thinks', () => {
  const reasoning = (own: Json, efforts?: string[]) => ask(own, efforts).request.reasoning
  it.each([
    [1_024, 'low'],
    [3_999, 'low'],
    [4_000, 'medium'],
    [15_999, 'medium'],
    [16_000, 'high'],
    [31_999, 'high'],
    [32_000, 'xhigh'],
  ])('a budget of %i tokens means %s', (budget_tokens, effort) => {
    expect(reasoning({ thinking: { type: 'enabled', budget_tokens } })).toEqual({ effort, summary: 'auto' })
  })

  it('a level that is named goes before a budget, and stays within what the model has', () => {
    const thinking = { type: 'enabled', budget_tokens: 1_024 }
    const named = (effort: string, efforts?: string[]) => reasoning({ thinking, output_config: { effort } }, efforts)
    expect(named('max')).toEqual({ effort: 'max', summary: 'auto' })
    expect(named('max', ['low', 'medium', 'high'])).toEqual({ effort: 'high', summary: 'auto' })
    expect(named('low', ['medium', 'high'])).toEqual({ effort: 'medium', summary: 'auto' })
    expect(reasoning({ output_config: { effort: 'low' } })).toEqual({ effort: 'low' })
  })

  it('no thinking is as little as the model can do', () => {
    expect(reasoning({ thinking: { type: 'disabled' } })).toEqual({ effort: 'low' })
    expect(reasoning({ thinking: { type: 'disabled' } }, ['none', 'low'])).toEqual({ effort: 'none' })
  })

  it('without a word about it, nothing is asked for and nothing is shown', () => {
    expect(reasoning({})).toBeUndefined()
    expect(ask().reply.thinking).toBe('none')
    expect(ask({ thinking: { type: 'adaptive' } }).reply.thinking).toBe('shown')
    expect(ask({ thinking: { type: 'adaptive', display: 'omitted' } })).toMatchObject({
      reply: { thinking: 'omitted' },
      request: { include: ['reasoning.encrypted_content'] },
    })
  })
})

describe('reasoning goes to the client and comes back', () => {
  const item = { type: 'reasoning', id: 'rs_1', encrypted_content: 'gAAAAABo-enc' }
  const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'Read', arguments: '{}' }
  it.each([
    ['with its summary', 'shown', [{ type: 'summary_text', text: 'Hm.' }], [{ type: 'summary_text', text: 'Hm.' }]],
    ['without a summary', 'shown', [], []],
    ['unseen', 'omitted', [{ type: 'summary_text', text: 'Hm.' }], []],
  ] as const)('%s', (_how, thinking, summary, back) => {
    const response = { status: 'completed', output: [{ ...item, summary }, call] }
    const { content } = messageOf(response, optionsOf({ thinking }))
    const messages = [hi, { role: 'assistant', content }, { role: 'user', content: [result('call_1')] }]
    expect(input(messages)).toMatchObject([
      { role: 'user' },
      { type: 'reasoning', summary: back, encrypted_content: 'gAAAAABo-enc' },
      { type: 'function_call', call_id: 'call_1', name: 'Read', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'ok' },
    ])
  })

  it('but not that of others, nor what led to nothing', () => {
    const thinking = (signature: string) => ({ type: 'thinking', thinking: 'Hm.', signature })
    const content = [thinking('EqQB'), { type: 'text', text: 'Yes.' }, thinking('codex-lb.reasoning.1.enc')]
    expect(input([hi, { role: 'assistant', content }, hi])).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ type: 'output_text', text: 'Yes.' }] },
      { role: 'user' },
    ])
  })
})

describe('names of tools', () => {
  it('too long for the upstream are shortened, always to the same, and given back in full', () => {
    const name = `mcp__${'server'.repeat(12)}__read`
    const tools = [{ name, input_schema: { type: 'object' } }]
    const { request, reply } = ask({ tools, tool_choice: { type: 'tool', name } })
    const [[short = '', long] = []] = [...reply.toolNames]
    expect(long).toBe(name)
    expect(short).toHaveLength(64)
    expect(request).toMatchObject({ tools: [{ name: short }], tool_choice: { type: 'function', name: short } })
    const output = [{ type: 'function_call', call_id: 'call_1', name: short, arguments: '{}' }]
    const { content } = messageOf({ status: 'completed', output }, optionsOf(reply))
    expect(content).toMatchObject([{ type: 'tool_use', name }])
  })

  it('that are held back until they are looked for are all shown, and the search for them is not', () => {
    const search = { type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' }
    const tool = { name: 'Read', input_schema: { type: 'object' }, defer_loading: true }
    expect(ask({ tools: [search, tool] }).request.tools).toMatchObject([{ type: 'function', name: 'Read' }])
    expect(ask({ tools: [search] }).request).not.toHaveProperty('tools')
  })

  it.each([
    ['auto', { tool_choice: 'auto' }],
    ['any', { tool_choice: 'required' }],
    ['none', { tool_choice: 'none' }],
  ])('%s is told in the upstream’s word', (type, expected) => {
    const tools = [{ name: 'Read', input_schema: { type: 'object' } }]
    expect(ask({ tools, tool_choice: { type } }).request).toMatchObject(expected)
    expect(ask({ tool_choice: { type } }).request).not.toHaveProperty('tool_choice')
  })
})

describe('a request that the Messages API would refuse is refused in its words', () => {
  const tool = (own: Json) => bodyWith({ tools: [{ name: 'a', input_schema: { type: 'object' }, ...own }] })
  const block = (one: unknown) => bodyWith({ messages: [{ role: 'user', content: [one] }] })
  const said = (content: unknown[], ...rest: unknown[]) =>
    bodyWith({ messages: [hi, { role: 'assistant', content }, ...rest] })
  it.each<[string, Json]>([
    ['model: Field required', bodyWith({ model: undefined })],
    ['max_tokens: Field required', bodyWith({ max_tokens: undefined })],
    ['max_tokens: Input should be a valid integer', bodyWith({ max_tokens: 1.5 })],
    ['max_tokens: Input should be greater than or equal to 1', bodyWith({ max_tokens: -1 })],
    ['messages: Field required', bodyWith({ messages: undefined })],
    ['messages: at least one message is required', bodyWith({ messages: [] })],
    ['messages.0.role: Field required', bodyWith({ messages: [{ content: 'a' }] })],
    [
      "messages.0.role: Input should be 'user' or 'assistant'",
      bodyWith({ messages: [{ role: 'tool', content: 'a' }] }),
    ],
    ['messages.0.content: Field required', bodyWith({ messages: [{ role: 'user' }] })],
    [
      'messages.0: all messages must have non-empty content except for the optional final assistant message',
      bodyWith({ messages: [{ role: 'user', content: [] }, hi] }),
    ],
    ['messages: text content blocks must be non-empty', block({ type: 'text', text: '' })],
    [
      "messages.0.content.0: Input tag 'audio' found using 'type' does not match any of the expected tags: " +
        "'text', 'image', 'document', 'search_result', 'tool_result'",
      block({ type: 'audio' }),
    ],
    ['messages.0.content.0.type: Field required', block({ text: 'a' })],
    ['messages.0.content.0.image.source: Field required', block({ type: 'image' })],
    [
      "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
      block({ type: 'image', source: { type: 'base64', media_type: 'image/bmp', data: 'AA' } }),
    ],
    [
      'messages.0.content.0.image.source: Uploaded files are not offered here; send the content itself as base64',
      block({ type: 'image', source: { type: 'file', file_id: 'file_1' } }),
    ],
    [
      'messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. ' +
        'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.',
      block(result('t1')),
    ],
    [
      'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1, t2. ' +
        'Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
      said([use('t1'), use('t2')], hi),
    ],
    [
      'messages.1.content.1: `tool_use` ids must be unique',
      said([use('t1'), use('t1')], { role: 'user', content: [result('t1')] }),
    ],
    [
      'This model does not support assistant message prefill. The conversation must end with a user message.',
      said([{ type: 'text', text: '{' }]),
    ],
    ['tools.0.custom.input_schema: Field required', tool({ input_schema: undefined })],
    ["tools.0.custom.input_schema.type: Input should be 'object'", tool({ input_schema: {} })],
    [
      'tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level',
      tool({ input_schema: { type: 'object', anyOf: [] } }),
    ],
    ["tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", tool({ name: 'a b' })],
    [
      'tools: Tool names must be unique.',
      bodyWith({ tools: ['a', 'a'].map((name) => ({ name, input_schema: { type: 'object' } })) }),
    ],
    [
      'tools.0: The tool type "code_execution_20260521" is not offered here. Offered are: custom tools (with an ' +
        'input_schema), bash, text_editor, memory and web_search.',
      bodyWith({ tools: [{ type: 'code_execution_20260521', name: 'code_execution' }] }),
    ],
    [
      'tools.0: The tool type "mcp_toolset" is not offered here. Offered are: custom tools (with an input_schema), ' +
        'bash, text_editor, memory and web_search.',
      bodyWith({ tools: [{ type: 'mcp_toolset', mcp_server_name: 'a' }] }),
    ],
    [
      "messages.1.content.0: Input tag 'image' found using 'type' does not match any of the expected tags: 'text'",
      bodyWith({ messages: [hi, { role: 'system', content: [{ type: 'image' }] }] }),
    ],
    ["Tool 'b' not found in provided tools", { ...tool({}), tool_choice: { type: 'tool', name: 'b' } }],
    [
      'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
      bodyWith({ thinking: { type: 'enabled', budget_tokens: 1 } }),
    ],
    ['stop_sequences: each stop sequence must contain non-whitespace', bodyWith({ stop_sequences: ['\n'] })],
    [
      'thread: Threads are not offered here; send the full conversation without `thread`',
      bodyWith({ thread: { type: 'create' } }),
    ],
  ])('%s', (message, body) => {
    expect(refusal(body).message).toBe(message)
  })

  it('names the field at fault', () => {
    expect(refusal(tool({ input_schema: {} })).param).toBe('tools.0.custom.input_schema.type')
    expect(refusal(block({ type: 'text', text: '' })).param).toBe('messages.0.content.0.text')
  })
})

describe('messages', () => {
  it('of one role in a row are one turn, so that results may come in several messages', () => {
    const assistant = { role: 'assistant', content: [use('t1'), use('t2')] }
    const results = ['t2', 't1'].map((id) => ({ role: 'user', content: [result(id)] }))
    expect(input([hi, hi, assistant, ...results])).toMatchObject([
      { role: 'user', content: [{ text: 'Hi' }, { text: 'Hi' }] },
      { call_id: 't1' },
      { call_id: 't2' },
      { call_id: 't2', output: 'ok' },
      { call_id: 't1', output: 'ok' },
    ])
  })

  it('may end with an assistant’s that is empty', () => {
    expect(input([hi, { role: 'assistant', content: '' }])).toHaveLength(1)
  })

  it('say what a tool gave, and that it failed', () => {
    const output = (content: unknown, is_error = false) => {
      const answered = { role: 'user', content: [{ ...result('t1'), content, is_error }] }
      return input([hi, { role: 'assistant', content: [use('t1')] }, answered])
    }
    const text = (one: string) => ({ type: 'text', text: one })
    expect(output(undefined)).toMatchObject([{}, {}, { output: '' }])
    expect(output([])).toMatchObject([{}, {}, { output: '' }])
    expect(output([text('a'), text('b')])).toMatchObject([{}, {}, { output: 'a\nb' }])
    expect(output('no such file', true)).toMatchObject([{}, {}, { output: 'The tool failed:\nno such file' }])
    expect(output('', true)).toMatchObject([{}, {}, { output: 'The tool failed.' }])
    expect(output([{ type: 'tool_reference', tool_name: 'Grep' }])).toMatchObject([{}, {}, { output: 'Tool: Grep' }])
  })
})
