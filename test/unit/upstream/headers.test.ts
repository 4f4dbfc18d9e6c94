import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { isNativeCodex, upstreamHeaders } from '../../../src/upstream/headers.ts'

const identity = { bearer: 'our-token', chatgptAccountId: 'our-account' }
const rules = { version: '9.9.9', requestId: 'req_1', accept: 'text/event-stream', keepTurnState: true }
const sent = (client: IncomingHttpHeaders, given: Partial<typeof rules> = {}) =>
  upstreamHeaders(client, identity, { ...rules, ...given })

const ours = {
  authorization: 'Bearer our-token',
  'chatgpt-account-id': 'our-account',
  accept: 'text/event-stream',
  'content-type': 'application/json',
}
const agent = { 'user-agent': 'codex_cli_rs/0.142.2 (Debian 13; x86_64) xterm' }
const named = { 'user-agent': 'codex-lb/9.9.9', originator: 'codex-lb' }

describe('a Codex client', () => {
  it.each<[IncomingHttpHeaders, boolean]>([
    [{ 'user-agent': 'codex_cli_rs/0.142.2 (Mac OS)' }, true],
    [{ 'user-agent': 'Codex_CLI_rs/1' }, true],
    [{ 'user-agent': 'codex-tui/1' }, true],
    [{ 'user-agent': 'codex_exec/1' }, true],
    [{ 'user-agent': 'codex_sdk_ts/1' }, true],
    [{ 'user-agent': 'codex_vscode/1' }, true],
    [{ 'user-agent': 'Codex Desktop/1' }, true],
    [{ 'user-agent': 'codex 1.0' }, true],
    [{ originator: 'codex_exec', 'user-agent': 'node' }, true],
    [{ originator: 'Codex Desktop' }, true],
    [{ originator: 'codex_atlas' }, true],
    [{ originator: 'CODEX_EXEC' }, false],
    [{ 'user-agent': 'codex-lb/1.0' }, false],
    [{ 'user-agent': 'my codex_cli_rs' }, false],
    [{ 'user-agent': 'OpenAI/Python 2.0' }, false],
    [{}, false],
  ])('is told by its headers: %j', (headers, isNative) => expect(isNativeCodex(headers)).toBe(isNative))

  it('keeps its own headers, byte for byte', () => {
    const own = {
      ...agent,
      originator: 'codex_cli_rs',
      version: '0.142.2',
      session_id: 'S-1',
      'session-id': 'S-1',
      'thread-id': 'T-1',
      'x-codex-turn-state': 'opaque, "quoted" =',
      'x-codex-turn-metadata': '{"installation_id":"ü"}',
      'x-codex-beta-features': 'a,b',
      'x-codex-installation-id': 'I-1',
      'openai-beta': 'responses=experimental',
      'x-request-id': 'theirs',
      'x-made-up': ' kept as it is ',
    }
    expect(sent(own)).toEqual({ ...own, ...ours })
  })

  it('gives up its turn state when another account issued it', () => {
    const own = { ...agent, 'x-codex-turn-state': 'opaque' }
    expect(sent(own)['x-codex-turn-state']).toBe('opaque')
    expect(sent(own, { keepTurnState: false })).not.toHaveProperty('x-codex-turn-state')
  })
})

describe('any other client', () => {
  it('is named as this product, and never as Codex', () => {
    const client: IncomingHttpHeaders = {
      'user-agent': 'OpenAI/JS 7.0',
      originator: 'my-tool',
      version: '7.0',
      'x-stainless-lang': 'js',
      'x-stainless-os': 'Linux',
      'x-openai-client-version': '1',
      'x-openai-client-user-agent': '{}',
      'x-openai-internal-codex-responses-lite': 'true',
      'accept-language': 'de',
      'x-made-up': '1',
    }
    expect(sent(client)).toEqual({ ...ours, ...named, 'x-request-id': 'req_1' })
    expect(sent({})).toEqual({ ...ours, ...named, 'x-request-id': 'req_1' })
  })

  it('keeps what means something to the upstream', () => {
    const meaningful = {
      session_id: 'S-1',
      'session-id': 'S-1',
      'thread-id': 'T-1',
      conversation_id: 'C-1',
      'openai-beta': 'x',
      'x-client-request-id': 'R-1',
      'x-codex-turn-state': 'opaque',
      'x-codex-beta-features': 'a',
      'x-openai-subagent': 'review',
    }
    expect(sent(meaningful)).toEqual({ ...meaningful, ...ours, ...named, 'x-request-id': 'req_1' })
  })
})

describe.each([
  ['a Codex client', agent],
  ['any other client', {}],
])('of %s', (_client, base) => {
  it.each([
    'authorization',
    'chatgpt-account-id',
    'content-length',
    'content-encoding',
    'content-type',
    'accept',
    'accept-encoding',
    'host',
    'forwarded',
    'x-real-ip',
    'true-client-ip',
    'via',
    'cookie',
    'origin',
    'referer',
    'connection',
    'keep-alive',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
    'x-forwarded-for',
    'x-forwarded-host',
    'cf-connecting-ip',
    'cf-ray',
    'sec-fetch-mode',
    'x-codex-lb-required-capability',
  ])('the header %s goes no further', (name) => {
    expect(Object.values(sent({ ...base, [name]: 'from the client' }))).not.toContain('from the client')
  })

  it('headers that belong to the connection go no further', () => {
    const headers = sent({
      ...base,
      connection: 'keep-alive, X-Codex-Hop ,session_id',
      'x-codex-hop': '1',
      session_id: 'S',
      'thread-id': 'T',
    })
    expect(headers).not.toHaveProperty('x-codex-hop')
    expect(headers).not.toHaveProperty('session_id')
    expect(headers['thread-id']).toBe('T')
  })

  it('a header given as a list is left out', () => {
    expect(sent({ ...base, 'set-cookie': ['a', 'b'] })).not.toHaveProperty('set-cookie')
  })

  it('the request id of the client stays, and ours is given where there is none', () => {
    expect(sent({ ...base, 'x-request-id': 'theirs' })['x-request-id']).toBe(base === agent ? 'theirs' : 'req_1')
    expect(sent(base)['x-request-id']).toBe('req_1')
  })
})
