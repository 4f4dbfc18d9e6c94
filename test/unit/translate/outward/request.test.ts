import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { responsesToChat } from '../../../../src/translate/outward/request.ts'

const translated = (body: object) => responsesToChat({ model: 'm', input: 'hi', ...body }).request
const paramOf = (body: object) => {
  try {
    translated(body)
  } catch (error) {
    if (error instanceof AppError) return error.details.param
    throw error
  }
  return null
}
const user = (...content: object[]) => ({ type: 'message', role: 'user', content })
const text = (said: string) => ({ type: 'input_text', text: said })

describe('a response request as one for a chat completion', () => {
  it('has its instructions first, and always streams with usage', () => {
    expect(translated({ instructions: 'Be kind.' })).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'hi' },
      ],
      stream: true,
      stream_options: { include_usage: true },
    })
  })

  it('keeps roles, text and images in their order', () => {
    const picture = { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'original' }
    const input = [
      { type: 'message', role: 'developer', content: [text('rules')] },
      user(text('one'), text('two')),
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'three' }] },
      user(text('see'), picture),
    ]
    expect(translated({ input }).messages).toEqual([
      { role: 'system', content: 'rules' },
      { role: 'user', content: 'one\ntwo' },
      { role: 'assistant', content: 'three' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'see' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'high' } },
        ],
      },
    ])
  })

  it('puts the calls of one turn into one message, and pictures of tools behind their texts', () => {
    const input = [
      user(text('go')),
      { type: 'reasoning', summary: [] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] },
      { type: 'function_call', call_id: 'c1', name: 'view', arguments: '{"a":1}' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'exec', input: 'ls' },
      {
        type: 'function_call_output',
        call_id: 'c1',
        output: [text('a cat'), { type: 'input_image', image_url: 'https://x.example/cat.png' }],
      },
      { type: 'custom_tool_call_output', call_id: 'c2', output: 'README' },
      user(text('and?')),
    ]
    expect(translated({ input }).messages).toEqual([
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: 'I look.',
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'view', arguments: '{"a":1}' } },
          { id: 'c2', type: 'function', function: { name: 'exec', arguments: '{"input":"ls"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'a cat\n(The picture follows.)' },
      { role: 'tool', tool_call_id: 'c2', content: 'README' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.example/cat.png' } }] },
      { role: 'user', content: 'and?' },
    ])
  })

  it('offers functions, and tools of text as functions; hosted tools are left out', () => {
    const format = { type: 'grammar', syntax: 'lark', definition: 'start: "x"' }
    const { request, customTools } = responsesToChat({
      model: 'm',
      input: 'hi',
      tools: [
        { type: 'function', name: 'f', description: 'F', parameters: { type: 'object' }, strict: true },
        { type: 'custom', name: 'apply_patch', description: 'Patches.', format },
        { type: 'web_search' },
      ],
      tool_choice: { type: 'custom', name: 'apply_patch' },
      parallel_tool_calls: false,
    })
    expect([...customTools]).toEqual(['apply_patch'])
    expect(request.tools).toMatchObject([
      { type: 'function', function: { name: 'f', description: 'F', strict: true, parameters: { type: 'object' } } },
      {
        function: {
          name: 'apply_patch',
          description: 'Patches.\n\nThe input must follow this lark grammar:\nstart: "x"',
          parameters: { properties: { input: { type: 'string' } }, required: ['input'] },
        },
      },
    ])
    expect(request).toMatchObject({
      tool_choice: { type: 'function', function: { name: 'apply_patch' } },
      parallel_tool_calls: false,
    })
    expect(translated({ tools: [{ type: 'web_search' }], tool_choice: 'auto' })).not.toHaveProperty('tool_choice')
  })

  it('narrows the tools to those that are allowed', () => {
    const tools = ['a', 'b'].map((name) => ({ type: 'function', name, parameters: {} }))
    const choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'b' }] }
    const request = translated({ tools, tool_choice: choice })
    expect(request.tools).toMatchObject([{ function: { name: 'b' } }])
    expect(request.tool_choice).toBe('required')
  })

  it('keeps format, effort, length and chance', () => {
    const format = { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true }
    const body = { text: { format, verbosity: 'low' }, reasoning: { effort: 'xhigh', summary: 'auto' } }
    const more = { max_output_tokens: 9, temperature: 0, top_p: 1, store: false, prompt_cache_key: 'k' }
    const { messages: _messages, ...request } = translated({ ...body, ...more })
    expect(request).toEqual({
      model: 'm',
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
      ...{ reasoning_effort: 'high', max_completion_tokens: 9, temperature: 0, top_p: 1 },
      ...{ stream: true, stream_options: { include_usage: true } },
    })
  })

  it.each<[param: string, body: object]>([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['tools[0].type', { tools: [{ type: 'mcp' }] }],
    ['tools[1].type', { tools: [{ type: 'web_search' }, { type: 'local_shell' }] }],
    ['tool_choice', { tool_choice: { type: 'web_search' } }],
    ['text.format', { text: { format: { type: 'xml' } } }],
    ['input', { input: 5 }],
    ['input[0]', { input: ['x'] }],
    ['input[0].type', { input: [{ type: 'compaction' }] }],
    ['input[0].type', { input: [{ type: 'additional_tools', tools: [] }] }],
    ['input[0].role', { input: [{ role: 'critic', content: 'x' }] }],
    ['input[0].content', { input: [{ role: 'user', content: 5 }] }],
    ['input[0].content[1].type', { input: [user(text('x'), { type: 'input_video' })] }],
    ['input[0].content[0]', { input: [user({ type: 'input_image', file_id: 'f' })] }],
    ['input[0].content[0]', { input: [user({ type: 'input_file', file_id: 'f' })] }],
    [
      'input[0].content[0].type',
      { input: [{ role: 'developer', content: [{ type: 'input_image', image_url: 'x' }] }] },
    ],
  ])('refuses by name what has no counterpart: %s', (param, body) => expect(paramOf(body)).toBe(param))
})
