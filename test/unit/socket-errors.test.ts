import { describe, expect, it } from 'vitest'
import { isErrorFrame, translatedError } from '../../src/proxy/socket-errors.ts'

const nowMs = Date.UTC(2026, 0, 1)
const translated = (event: object) => JSON.parse(translatedError(JSON.stringify(event), nowMs))

describe('isErrorFrame', () => {
  it.each(['{"type":"error","status":429}', ' { "type" : "error", "code": "x" }'])('is true of %s', (frame) => {
    expect(isErrorFrame(frame)).toBe(true)
  })

  it.each(['{"type":"response.failed"}', '{"type":"errors"}', '{"item":{"type":"error"}}', ''])(
    'is false of %s',
    (frame) => expect(isErrorFrame(frame)).toBe(false),
  )
})

describe('translatedError', () => {
  it('leaves an error that has its status as it is, but for the headers of one account', () => {
    const error = { type: 'usage_limit_reached', plan_type: 'pro', resets_in_seconds: 60, more: [1] }
    const headers = { 'x-codex-primary-used-percent': '99', 'retry-after': '3', 'x-request-id': 'req_1' }
    expect(translated({ type: 'error', status: 429, error, headers, more: true })).toEqual({
      ...{ type: 'error', status: 429, error, more: true },
      headers: { 'retry-after': '3' },
    })
  })

  it('gives an error its parts that has them at the top level', () => {
    const flat = {
      status_code: 403,
      error_type: 'forbidden',
      code: 'no_access',
      message: 'Not for you.',
      param: 'model',
    }
    expect(translated({ type: 'error', sequence_number: 4, ...flat })).toEqual({
      ...{ type: 'error', status: 403, sequence_number: 4, headers: {} },
      error: { message: 'Not for you.', type: 'invalid_request_error', code: 'no_access', param: 'model' },
    })
  })

  it.each([
    [{ code: 'rate_limit_exceeded' }, 429],
    [{ code: 'usage_limit_reached' }, 429],
    [{ code: 'invalid_value' }, 400],
    [{ code: 'context_length_exceeded' }, 400],
    [{ code: 'server_error' }, 502],
    [{ code: 'stream_incomplete', message: 'The upstream ended the answer early.' }, 502],
    [{ type: 'overloaded_error' }, 502],
    [{}, 502],
  ])('finds a status for %j, which has none', (error, status) => {
    expect(translated({ type: 'error', error })).toMatchObject({ status, error })
  })

  it.each([0, 200, 101, 600, -1])('does not take %i for the status of an error', (status) => {
    expect(translated({ type: 'error', status, error: { code: 'invalid_value' } })).toMatchObject({ status: 400 })
  })

  it('passes on what cannot be read', () => {
    expect(translatedError('{"type":"error","mess', nowMs)).toBe('{"type":"error","mess')
  })
})
