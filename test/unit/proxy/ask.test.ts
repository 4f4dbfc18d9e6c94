import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { readAsk } from '../../../src/proxy/ask.ts'

const minimal = { model: 'gpt-5', input: 'Hi' }
const ask = (body: unknown, headers: IncomingHttpHeaders = {}) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return readAsk(Buffer.from(text), headers, 'req_1')
}

function fault(body: unknown): { code: string; param: string | undefined; message: string } {
  try {
    ask(body)
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, param: error.details.param, message: error.message }
    throw error
  }
  throw new Error('Nothing was found wrong.')
}

describe('an ask', () => {
  it('of the smallest request has nothing else', () => {
    expect(ask(minimal)).toEqual({
      ask: {
        requestId: 'req_1',
        model: 'gpt-5',
        effort: null,
        serviceTier: null,
        stream: false,
        keyId: null,
        inputTokens: 8,
        affinityKeys: [],
        owned: [],
        sessionId: null,
        threadId: null,
      },
      ...{ isNative: false, store: null, background: false },
    })
  })

  it('holds what routing needs of a full one', () => {
    const body = {
      model: 'gpt-5.5',
      instructions: 'Be kind.',
      input: [{ type: 'message', content: [{ type: 'input_file', file_id: 'file-1' }] }],
      reasoning: { effort: 'high', summary: 'auto' },
      service_tier: 'priority',
      prompt_cache_key: 'K',
      previous_response_id: 'resp_1',
      stream: true,
      store: false,
    }
    const headers = { 'session-id': 'S', 'thread-id': 'T', 'x-codex-turn-state': 'opaque' }
    expect(ask(body, headers)).toEqual({
      ask: {
        requestId: 'req_1',
        model: 'gpt-5.5',
        effort: 'high',
        serviceTier: 'priority',
        stream: true,
        keyId: null,
        inputTokens: Math.ceil(JSON.stringify(body).length / 4),
        affinityKeys: [
          { kind: 'thread', id: 'T' },
          { kind: 'session', id: 'S' },
          { kind: 'cache', id: 'K' },
        ],
        owned: [
          { kind: 'response', id: 'resp_1' },
          { kind: 'file', id: 'file-1' },
          { kind: 'turn_state', id: 'opaque' },
        ],
        sessionId: 'S',
        threadId: 'T',
      },
      ...{ isNative: true, store: false, background: false },
    })
  })

  it.each<[string, IncomingHttpHeaders, object, string[]]>([
    ['the thread before the session', { 'thread-id': 'T', session_id: 'S' }, {}, ['thread:T', 'session:S']],
    ['the session by its old name', { session_id: 'S' }, {}, ['session:S']],
    ['the session by its longest name', { 'x-codex-session-id': 'S' }, {}, ['session:S']],
    ['the session by its newest name first', { session_id: 'old', 'session-id': 'new' }, {}, ['session:new']],
    ['the cache key alone', {}, { prompt_cache_key: 'K' }, ['cache:K']],
    ['nothing that is empty', { 'session-id': '', 'thread-id': '' }, { prompt_cache_key: '' }, []],
    ['no cache key that is null', {}, { prompt_cache_key: null }, []],
  ])('is bound by %s', (_what, headers, given, keys) => {
    expect(ask({ ...minimal, ...given }, headers).ask.affinityKeys.map(({ kind, id }) => `${kind}:${id}`)).toEqual(keys)
  })

  it.each<[string, unknown, string[]]>([
    ['one file', [{ content: [{ file_id: 'file-1' }] }], ['file-1']],
    ['several, each once', [{ file_id: 'a' }, { content: [{ file_id: 'b' }, { file_id: 'a' }] }], ['a', 'b']],
    ['no file that is only talked of', 'Set "file_id": "file-9" there.', []],
    ['no file that is talked of in a text inside', [{ text: '{"file_id":"file-9"}' }], []],
    ['no file when the words are a value', [{ type: 'file_id' }, { x: 'file_id' }], []],
    ['no file without a name', [{ file_id: null }, { file_id: '' }, { file_id: 7 }], []],
    [
      'fifty at most',
      Array.from({ length: 80 }, (_, at) => ({ file_id: `f${at}` })),
      Array.from({ length: 50 }, (_, at) => `f${at}`),
    ],
  ])('names %s', (_what, input, ids) => {
    expect(ask({ ...minimal, input }).ask.owned).toEqual(ids.map((id) => ({ kind: 'file', id })))
  })

  it.each<[string, object, string[]]>([
    ['its id', { conversation: 'conv_1' }, ['conversation:conv_1']],
    ['an object that has it', { conversation: { id: 'conv_1' } }, ['conversation:conv_1']],
    ['nothing that is empty', { conversation: '' }, []],
    ['no object without an id', { conversation: { name: 'x' } }, []],
  ])('names a conversation by %s', (_how, given, owned) => {
    expect(ask({ ...minimal, ...given }).ask.owned.map(({ kind, id }) => `${kind}:${id}`)).toEqual(owned)
  })

  it.each([
    [400, 100],
    [4_001, 1_001],
    [10_000_000, 400_000],
  ])('of %d bytes is taken to have %d tokens', (bytes, tokens) => {
    const frame = JSON.stringify({ model: 'm', input: '' }).length
    expect(ask({ model: 'm', input: 'x'.repeat(bytes - frame) }).ask.inputTokens).toBe(tokens)
  })

  it('names files however the client writes its JSON', () => {
    expect(ask('{"model":"m","input":[{"file_id" :\n "file-1"}]}').ask.owned).toEqual([{ kind: 'file', id: 'file-1' }])
  })

  it.each<[string, object, object]>([
    ['of an effort that is no text', { reasoning: { effort: 7 } }, { effort: null }],
    ['of a reasoning that is null', { reasoning: null }, { effort: null }],
    ['of a stream that is null', { stream: null }, { stream: false }],
    ['of a previous response that is empty', { previous_response_id: '' }, { owned: [] }],
    [
      'of a conversation that is null',
      { previous_response_id: 'r', conversation: null },
      { owned: [{ kind: 'response', id: 'r' }] },
    ],
    ['of a tier that is null', { service_tier: null }, { serviceTier: null }],
  ])('makes nothing %s', (_what, given, expected) => expect(ask({ ...minimal, ...given }).ask).toMatchObject(expected))

  it.each<[string, object, boolean]>([
    ['list, stream, not stored', {}, true],
    ['a text', { input: 'Hi' }, false],
    ['no stream', { stream: false }, false],
    ['stored', { store: true }, false],
    ['nothing said of storing', { store: undefined }, false],
  ])('is in the upstream’s own form only as it must be: %s', (_what, given, isNative) => {
    expect(ask({ model: 'm', input: [{}], stream: true, store: false, ...given }).isNative).toBe(isNative)
  })
})

describe('a request is refused with the name of its fault', () => {
  it.each<[string, unknown, string | undefined, RegExp]>([
    ['nothing at all', '', undefined, /empty/],
    ['no JSON', 'hello', undefined, /not a JSON object/],
    ['a list', [], undefined, /not a JSON object/],
    ['JSON that is cut', '{"model":"gpt-5","input":"H', undefined, /not a JSON object/],
    ['no model', { input: 'Hi' }, 'model', /missing/],
    ['an empty model', { ...minimal, model: ' ' }, 'model', /missing/],
    ['a model that is null', { ...minimal, model: null }, 'model', /missing/],
    ['a model that is a number', { ...minimal, model: 5 }, 'model', /must be text/],
    ['a model as long as a novel', { ...minimal, model: 'x'.repeat(201) }, 'model', /too long/],
    ['no input', { model: 'gpt-5' }, 'input', /missing/],
    ['an input that is null', { ...minimal, input: null }, 'input', /missing/],
    ['an input that is an object', { ...minimal, input: {} }, 'input', /missing/],
    ['instructions that are no text', { ...minimal, instructions: ['x'] }, 'instructions', /must be text/],
    ['a stream that is a text', { ...minimal, stream: 'true' }, 'stream', /true or false/],
    ['a reasoning that is a text', { ...minimal, reasoning: 'high' }, 'reasoning', /object/],
    ['a reasoning that is a list', { ...minimal, reasoning: [] }, 'reasoning', /object/],
    ['a tier that is a number', { ...minimal, service_tier: 1 }, 'service_tier', /must be text/],
    ['a cache key that is an object', { ...minimal, prompt_cache_key: {} }, 'prompt_cache_key', /must be text/],
    [
      'a previous response that is a list',
      { ...minimal, previous_response_id: [] },
      'previous_response_id',
      /must be text/,
    ],
    [
      'two ways to go on',
      { ...minimal, previous_response_id: 'r', conversation: 'c' },
      'previous_response_id',
      /not both/,
    ],
    [
      'a wanted value that is broken inside',
      '{"model":"gpt-5","input":"x","reasoning":{"effort"}}',
      'reasoning',
      /not valid JSON/,
    ],
    ['a model with a broken escape', '{"model":"\\x","input":"x"}', 'model', /not valid JSON/],
  ])('%s', (_what, body, param, message) => {
    const found = fault(body)
    expect(found).toMatchObject({ code: 'invalid_request', param })
    expect(found.message).toMatch(message)
  })
})
