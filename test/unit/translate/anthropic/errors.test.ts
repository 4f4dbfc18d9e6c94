import { APIError } from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { anthropicError, anthropicStatus, retryHeaders } from '../../../../src/translate/anthropic/errors.ts'
import { clientFor } from './fixtures.ts'

/** What the real client reports, and how often it tried with one repetition allowed. */
async function met(status: number, code: string, retryAfterSeconds: number | null = 0) {
  const headers = retryHeaders(code, retryAfterSeconds)
  const answer = () =>
    Response.json(anthropicError(status, code, 'Told so.', 'req_1'), {
      status: anthropicStatus(status, code),
      // The client's own waiting is not what is tested.
      headers: 'x-should-retry' in headers ? headers : { 'retry-after-ms': '1' },
    })
  const { client, calls } = clientFor(answer, 1)
  const messages = [{ role: 'user' as const, content: 'Hi' }]
  const error = await client.messages.create({ model: 'claude-opus-4-8', max_tokens: 1, messages }).catch((one) => one)
  if (!(error instanceof APIError)) throw new Error('The client reported no error of the API.')
  return { status: error.status, type: error.type, message: error.apiMessage, tries: calls() }
}

describe('errors', () => {
  it.each([
    [400, 'invalid_request', 400, 'invalid_request_error', 1],
    [401, 'authentication_required', 401, 'authentication_error', 1],
    [403, 'forbidden_origin', 403, 'permission_error', 1],
    [404, 'model_not_found', 404, 'not_found_error', 1],
    [400, 'model_unavailable', 404, 'not_found_error', 1],
    [405, 'method_not_allowed', 405, 'invalid_request_error', 1],
    [408, 'request_timeout', 408, 'timeout_error', 2],
    [413, 'payload_too_large', 413, 'request_too_large', 1],
    [429, 'too_many_attempts', 429, 'rate_limit_error', 2],
    [500, 'internal_error', 500, 'api_error', 2],
    [502, 'upstream_error', 502, 'api_error', 2],
    [503, 'no_accounts', 503, 'api_error', 2],
    [503, 'shutting_down', 503, 'api_error', 2],
    [503, 'overloaded', 529, 'overloaded_error', 2],
    [503, 'account_cap_reached', 529, 'overloaded_error', 2],
    [429, 'rate_limit_exceeded', 429, 'rate_limit_error', 2],
  ])('%i %s is met as %i %s, after %i tries', async (status, code, shown, type, tries) => {
    expect(await met(status, code)).toEqual({ status: shown, type, message: 'Told so.', tries })
  })

  it('a spent pool is not asked again before it can answer', async () => {
    const spent = { status: 429, type: 'rate_limit_error', message: 'Told so.' }
    expect(await met(429, 'usage_limit_reached', 3_600)).toEqual({ ...spent, tries: 1 })
    expect(await met(429, 'usage_limit_reached', null)).toEqual({ ...spent, tries: 1 })
    expect(await met(429, 'usage_limit_reached', 5)).toEqual({ ...spent, tries: 2 })
  })

  it('tell a client how long to wait', () => {
    expect(retryHeaders('overloaded', null)).toEqual({})
    expect(retryHeaders('overloaded', 1.2)).toEqual({ 'retry-after': '2' })
    expect(retryHeaders('usage_limit_reached', 90)).toEqual({ 'retry-after': '90', 'x-should-retry': 'false' })
    expect(retryHeaders('usage_limit_reached', null)).toEqual({ 'retry-after': '61', 'x-should-retry': 'false' })
  })

  it('tell Claude Code to compact in the words it looks for', () => {
    expect(anthropicError(400, 'context_length_exceeded', 'Your input exceeds the window.')).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: Your input exceeds the window.' },
      request_id: null,
    })
  })
})
