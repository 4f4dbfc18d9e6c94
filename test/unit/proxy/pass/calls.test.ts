import { describe, expect, it } from 'vitest'
import { affinityKeysOf } from '../../../../src/proxy/ask.ts'
import type { Pass } from '../../../../src/proxy/pass/call.ts'
import { minimalHeaders, passedHeaders, toldHeaders } from '../../../../src/proxy/pass/call-headers.ts'
import { callIdIn, isCallPath } from '../../../../src/proxy/pass/realtime.ts'
import { answerAs, checkTranscription } from '../../../../src/proxy/pass/transcription.ts'
import { aGuest } from '../../../support/principal.ts'

const pass = (headers: Pass['headers']): Pass => ({
  ...{ requestId: 'req_1', route: '/x', headers, guest: aGuest, startedAtMs: 0, signal: new AbortController().signal },
  ...{ model: null, affinityKeys: [], attempts: [], waitedMs: 0, decision: null, held: null },
})
const identity = { bearer: 'token', chatgptAccountId: 'account' }
const rules = { version: '1', keepTurnState: false }

describe('the headers of a call', () => {
  it('are the client’s, with the account’s credential and the client’s type of content', () => {
    const headers = {
      ...{ authorization: 'Bearer mine', 'content-type': 'application/sdp', accept: 'application/sdp' },
      ...{ originator: 'codex_cli_rs', 'x-anything': '1', cookie: 'a=b', 'x-codex-turn-state': 's' },
    }
    expect(passedHeaders(pass(headers), identity, rules)).toEqual({
      ...{ authorization: 'Bearer token', 'chatgpt-account-id': 'account', accept: 'application/sdp' },
      ...{ 'content-type': 'application/sdp', originator: 'codex_cli_rs', 'x-anything': '1', 'x-request-id': 'req_1' },
    })
  })

  it('name no type where the client has named none', () => {
    expect(passedHeaders(pass({}), identity, rules)).not.toHaveProperty('content-type')
  })

  it('are few where an edge wants few', () => {
    const headers = { 'x-stainless-os': 'x', 'x-openai-a': '1', 'x-codex-b': '2', accept: '*/*', 'openai-beta': 'x' }
    expect(minimalHeaders(pass({ ...headers, 'user-agent': 'codex_exec/1' }), identity, '1')).toEqual({
      ...{ authorization: 'Bearer token', 'chatgpt-account-id': 'account', 'user-agent': 'codex_exec/1' },
      ...{ 'x-openai-a': '1', 'x-codex-b': '2' },
    })
  })

  it('of an answer are those that mean something to the client', () => {
    const headers = {
      etag: '"1"',
      location: '/x',
      'set-cookie': ['a=b'],
      server: 'x',
      'x-codex-primary-used-percent': '9',
    }
    expect(toldHeaders(headers)).toEqual({ etag: '"1"', location: '/x' })
  })

  it('name thread and session as those of turns do', () => {
    expect(affinityKeysOf({ 'thread-id': 't', session_id: 's' })).toEqual([
      { kind: 'thread', id: 't' },
      { kind: 'session', id: 's' },
    ])
    expect(affinityKeysOf({ 'thread-id': '', 'x-codex-session-id': 's' })).toEqual([{ kind: 'session', id: 's' }])
  })
})

describe('the id of a call', () => {
  it.each([
    ['/v1/realtime/calls/rtc_abc-1', 'rtc_abc-1'],
    ['https://api.openai.com/v1/realtime/calls/calls/rtc_a?x=/rtc_b', 'rtc_a'],
    ['/v1/realtime/calls/0190aaaa-bbbb-4ccc-8ddd-eeeeffff0000/', '0190aaaa-bbbb-4ccc-8ddd-eeeeffff0000'],
    ['/v1/realtime/calls/rtc_', null],
    [`/v1/realtime/calls/rtc_${'x'.repeat(253)}`, null],
    ['/v1/realtime/calls/other', null],
    ['', null],
    [undefined, null],
  ])('in %s is %s', (location, id) => expect(callIdIn(location)).toBe(id))

  it.each(['/v1/live/rtc_1', '/backend-api/codex/rtc_1', '/v1/realtime'])('has its socket at %s', (path) =>
    expect(isCallPath(path)).toBe(true),
  )
  it.each(['/v1/live', '/v1/live/a/b', '/backend-api/codex/thread/goal', '/v1/realtime/calls', '/v1/models'])(
    'has none at %s',
    (path) => expect(isCallPath(path)).toBe(false),
  )
})

describe('a transcription', () => {
  const check = (fields: Record<string, string>) =>
    checkTranscription((name) => (fields[name] === undefined ? [] : [fields[name]]))

  it('is asked for by three names, in two forms', () => {
    for (const model of ['gpt-4o-transcribe', 'gpt-4o-mini-transcribe', 'whisper-1']) {
      expect(check({ model })).toBe('json')
      expect(check({ model, response_format: 'text', stream: 'false', chunking_strategy: 'auto' })).toBe('text')
    }
  })

  it.each(['chunking_strategy', 'include', 'include[]', 'known_speaker_names[]', 'timestamp_granularities[]'])(
    'with %s is refused',
    (name) => expect(() => check({ model: 'whisper-1', [name]: 'x' })).toThrow('leave it out'),
  )

  it('is told in the form that was asked for', () => {
    const body = Buffer.from('{"text":"Hi","usage":null}')
    expect(answerAs('json', body)).toEqual({ body })
    expect(answerAs('text', body)).toMatchObject({
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'Hi\n',
    })
    for (const bad of ['', 'null', '{}', '{"text":1}']) {
      expect(() => answerAs('json', Buffer.from(bad))).toThrow('no transcription')
    }
  })
})
