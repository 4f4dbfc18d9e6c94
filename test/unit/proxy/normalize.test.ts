import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { compactionRequest, normalizeRequest, parseBody, withoutReasoning } from '../../../src/proxy/normalize.ts'

const message = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })
const base = { model: 'gpt-5', input: [message('Hi')] }
const normal = { ...base, instructions: '', store: false, stream: true }

type Json = Record<string, unknown>
const paramOf = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return `${error.code} ${error.details.param}`
  }
  return 'nothing was wrong'
}

describe('a public request becomes one that the upstream takes', () => {
  it.each<[string, Json, Json]>([
    ['nothing but the needed fields is added', {}, {}],
    ['a text becomes a message', { input: 'Hi' }, {}],
    ['instructions stay', { instructions: 'Be kind.' }, { instructions: 'Be kind.' }],
    ['instructions that are null become empty', { instructions: null }, {}],
    ['nothing is stored, whatever was asked', { store: true }, {}],
    ['everything streams, whatever was asked', { stream: false }, {}],
    ['a background of false is no fault', { background: false }, {}],
    ['the fast tier is called priority', { service_tier: 'fast' }, { service_tier: 'priority' }],
    ['priority stays', { service_tier: 'priority' }, { service_tier: 'priority' }],
    ['flex stays', { service_tier: 'flex' }, { service_tier: 'flex' }],
    ['an unknown tier is the upstream’s to judge', { service_tier: 'new' }, { service_tier: 'new' }],
    ['the automatic tier is left out', { service_tier: 'auto' }, {}],
    ['the default tier is left out', { service_tier: 'default' }, {}],
    ['no tier is left out', { service_tier: null }, {}],
    [
      'minimal effort becomes low',
      { reasoning: { effort: 'minimal', summary: 'auto' } },
      { reasoning: { effort: 'low', summary: 'auto' } },
    ],
    ['ultra effort becomes max', { reasoning: { effort: 'ultra' } }, { reasoning: { effort: 'max' } }],
    ['other efforts stay', { reasoning: { effort: 'xhigh' } }, { reasoning: { effort: 'xhigh' } }],
    ['no reasoning stays none', { reasoning: null }, { reasoning: null }],
    [
      'tools stay, in order',
      { tools: [{ type: 'b' }, { type: 'a', x: 1 }] },
      { tools: [{ type: 'b' }, { type: 'a', x: 1 }] },
    ],
    [
      'an old tool gets its new name',
      { tools: [{ type: 'web_search_preview', x: 1 }] },
      { tools: [{ type: 'web_search', x: 1 }] },
    ],
    [
      'also where it is chosen',
      { tool_choice: { type: 'web_search_preview' } },
      { tool_choice: { type: 'web_search' } },
    ],
    ['another choice stays', { tool_choice: 'auto' }, { tool_choice: 'auto' }],
    [
      'what may be included stays',
      { include: ['reasoning.encrypted_content'] },
      { include: ['reasoning.encrypted_content'] },
    ],
    ['nothing included stays nothing', { include: null }, { include: null }],
    ['the cache key stays as it is', { prompt_cache_key: ' K ' }, { prompt_cache_key: ' K ' }],
    [
      'what is forwarded stays',
      { parallel_tool_calls: false, text: { verbosity: 'low' }, client_metadata: { a: 'b' } },
      { parallel_tool_calls: false, text: { verbosity: 'low' }, client_metadata: { a: 'b' } },
    ],
    ['a field that nobody knows stays', { new_field: [1] }, { new_field: [1] }],
    [
      'the system speaks as the developer',
      { input: [{ role: 'system', content: 'x' }, message('y')] },
      { input: [{ role: 'developer', content: 'x' }, message('y')] },
    ],
  ])('%s', (_rule, given, expected) => {
    const body = { ...base, ...given }
    const before = structuredClone(body)
    expect(normalizeRequest(body)).toEqual({ ...normal, ...expected })
    expect(body, 'the original is left alone').toEqual(before)
  })

  it.each([
    'max_output_tokens',
    'max_tool_calls',
    'metadata',
    'prompt_cache_options',
    'prompt_cache_retention',
    'safety_identifier',
    'stream_options',
    'temperature',
    'top_logprobs',
    'top_p',
    'truncation',
    'user',
  ])('%s is left out', (field) => expect(normalizeRequest({ ...base, [field]: 1 })).toEqual(normal))

  it('tools that were not given are not given', () => {
    expect(normalizeRequest(base)).not.toHaveProperty('tools')
    expect(normalizeRequest(base)).not.toHaveProperty('tool_choice')
  })

  it.each<[string, Json, string]>([
    ['a background', { background: true }, 'background'],
    ['an input that is a number', { input: 7 }, 'input'],
    ['an input without items', { input: [] }, 'input'],
    ['an item that is a text', { input: [message('a'), 'b'] }, 'input[1]'],
    ['an item that is a list', { input: [[]] }, 'input[0]'],
    ['an item that is null', { input: [null] }, 'input[0]'],
    ['an include that is a text', { include: 'reasoning.encrypted_content' }, 'include'],
    ['an include that nobody knows', { include: ['reasoning.encrypted_content', 'x'] }, 'include[1]'],
  ])('%s is refused with its name', (_what, given, param) => {
    expect(paramOf(() => normalizeRequest({ ...base, ...given }))).toBe(`invalid_request ${param}`)
  })
})

describe('a compaction', () => {
  const trigger = { type: 'compaction_trigger' }
  it('is an ordinary turn that ends with its trigger', () => {
    const body = {
      ...base,
      tools: [{ type: 'a' }],
      tool_choice: 'auto',
      text: {},
      client_metadata: {},
      parallel_tool_calls: true,
    }
    const input = [message('Hi'), trigger]
    expect(compactionRequest(body)).toEqual({ ...normal, input, parallel_tool_calls: false })
  })

  it('has its trigger once, and last', () => {
    const { input } = compactionRequest({ ...base, input: [trigger, message('a'), trigger, message('b')] })
    expect(input).toEqual([message('a'), message('b'), trigger])
  })
})

describe('encrypted reasoning', () => {
  it('is dropped as a whole, and nothing else', () => {
    const input = [
      message('a'),
      { type: 'reasoning', encrypted_content: 'x' },
      { type: 'function_call' },
      { type: 'reasoning' },
    ]
    expect(withoutReasoning({ ...base, input, x: 1 })).toEqual({
      ...base,
      x: 1,
      input: [message('a'), { type: 'function_call' }],
    })
  })

  it.each([[{ input: [message('a')] }], [{ input: 'text' }], [{}], [{ input: ['reasoning', null] }]])(
    'is not there in %j',
    (body) => expect(withoutReasoning(body)).toBeNull(),
  )
})

describe('a body', () => {
  it('may begin with a byte order mark', () => expect(parseBody(Buffer.from('\uFEFF{"a":1}'))).toEqual({ a: 1 }))

  it('keeps dangerous names to itself', () => {
    const body = parseBody(
      Buffer.from('{"__proto__":{"polluted":1},"input":[{"__proto__":{"polluted":1}}],"model":"m"}'),
    )
    normalizeRequest(body)
    expect(({} as Json).polluted).toBeUndefined()
  })

  it('that is no JSON is refused', () => {
    expect(() => parseBody(Buffer.from('{"a":'))).toThrow(AppError)
  })
})

describe('cache hints inside the input', () => {
  it('are left out, and nothing else of the part', () => {
    const part = { type: 'input_text', text: 'hi', prompt_cache_breakpoint: { mode: 'explicit' } }
    const { input } = normalizeRequest({ model: 'm', input: [{ role: 'user', content: [part] }] })
    expect(input).toEqual([{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }])
  })
})
