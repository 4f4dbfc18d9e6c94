import { describe, expect, it } from 'vitest'
import { errorOfBody, errorOfEvent } from '../../../src/upstream/upstream-error.ts'
import { judge, scopeOf, type Verdict } from '../../../src/upstream/verdict.ts'
import { nowMs } from '../../support/accounts.ts'

/** The verdict in one word, with the limit or the new state where there is one. */
function word(verdict: Verdict): string {
  if (verdict.kind === 'limited') return `limited by ${verdict.by}`
  return verdict.kind === 'sign_in_lost' ? verdict.as : verdict.kind
}

function ofHttp(status: number, body: unknown): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return word(judge(errorOfBody(status, {}, text, nowMs), text.startsWith('{')))
}

const html = '<html><body><h1>Something is in the way</h1></body></html>'
const code = (name: string, message = 'Said by the upstream.') => ({ error: { code: name, message } })
const type = (name: string, message = 'Said by the upstream.') => ({ error: { type: name, message } })
const says = (message: string) => ({ error: { message, type: 'invalid_request_error', code: null } })
const capacity = 'Our selected model is at capacity right now.'
const notOffered = "The 'gpt-9' model is not supported when using Codex with a ChatGPT account."
const spendCap = 'You have hit your spend cap set by the owner of your workspace.'

describe('an HTTP error', () => {
  it.each<[name: string, status: number, body: unknown, verdict: string]>([
    [
      '400',
      400,
      { error: { message: 'Invalid value', type: 'invalid_request_error', code: 'invalid_value' } },
      'client_fault',
    ],
    ['401', 401, { detail: 'Unauthorized' }, 'unauthorized'],
    ['402', 402, { detail: { code: 'deactivated_workspace' } }, 'deactivated'],
    ['402 without a code', 402, { detail: 'Payment required' }, 'limited by plan'],
    ['403', 403, { error: { message: 'Forbidden', type: 'invalid_request_error' } }, 'client_fault'],
    ['403 HTML of an edge', 403, html, 'try_another'],
    ['404', 404, { detail: 'Not Found' }, 'client_fault'],
    ['404 HTML', 404, html, 'client_fault'],
    ['408', 408, '', 'transient'],
    ['409', 409, { detail: 'Conflict' }, 'client_fault'],
    ['413', 413, { detail: 'Too large' }, 'client_fault'],
    ['422', 422, { detail: [{ msg: 'field required' }] }, 'client_fault'],
    ['429 of a key', 429, type('rate_limit_error'), 'limited by burst'],
    ['429 without a code', 429, { detail: 'Too many' }, 'limited by burst'],
    ['429 HTML', 429, html, 'limited by burst'],
    ['500', 500, type('server_error'), 'transient'],
    ['502 HTML', 502, html, 'transient'],
    ['503 HTML', 503, html, 'transient'],
    ['504 HTML', 504, html, 'transient'],
    ['529', 529, type('overloaded_error'), 'transient'],
    ['overloaded', 503, code('server_is_overloaded'), 'transient'],
    ['slow down', 503, code('slow_down'), 'transient'],
    ['usage limit', 429, type('usage_limit_reached'), 'limited by window'],
    ['usage limit by code', 429, code('usage_limit_reached'), 'limited by window'],
    ['usage limit in capitals', 429, code('USAGE_LIMIT_REACHED'), 'limited by window'],
    ['rate limit', 429, code('rate_limit_exceeded', 'Please try again in 6m0s.'), 'limited by burst'],
    ['too many at once', 429, code('concurrency_limit_exceeded'), 'limited by concurrency'],
    ['too many at once by its message', 429, { detail: 'Too many concurrent requests.' }, 'limited by concurrency'],
    [
      'a limit at once under the code of a throttle',
      429,
      code('rate_limit_exceeded', 'You reached your concurrency limit.'),
      'limited by concurrency',
    ],
    ['the same words in an ordinary refusal', 400, says('Too many concurrent requests in "input".'), 'client_fault'],
    ['usage not included', 429, type('usage_not_included'), 'limited by plan'],
    ['usage not included, as 403', 403, code('usage_not_included'), 'limited by plan'],
    ['insufficient quota', 429, code('insufficient_quota'), 'limited by plan'],
    ['quota exceeded', 403, code('quota_exceeded'), 'limited by plan'],
    ['a model at capacity', 503, code('server_error', capacity), 'transient'],
    ['a model at capacity, as 400', 400, code('model_busy', capacity), 'transient'],
    ['a limit that talks of capacity', 429, code('usage_limit_reached', capacity), 'limited by window'],
    ['a wrong key', 401, code('invalid_api_key'), 'unauthorized'],
    ['a wrong sign-in', 401, code('invalid_authentication'), 'unauthorized'],
    ['a token that was taken back', 401, code('token_invalidated'), 'unauthorized'],
    ['a token that has ended', 401, code('token_expired'), 'unauthorized'],
    ['a type of authentication', 403, type('authentication_error'), 'unauthorized'],
    ['a session that has ended', 401, code('x', 'Your session has ended. Please log in again.'), 'reauth_required'],
    ['a session that expired', 401, code('x', 'Session expired.'), 'reauth_required'],
    ['a plea to log in', 401, { detail: 'Please login again.' }, 'reauth_required'],
    ['a plea to reauthenticate', 401, { message: 'You must reauthenticate.' }, 'reauth_required'],
    ['the same words in an ordinary refusal', 400, says('Unknown tool "log in again".'), 'client_fault'],
    ['account_deactivated', 401, code('account_deactivated'), 'deactivated'],
    ['account_suspended', 403, code('account_suspended'), 'deactivated'],
    ['account_deleted', 403, code('account_deleted'), 'deactivated'],
    ['a model that the plan has not', 400, says(notOffered), 'model_unavailable'],
    ['the same as a detail', 400, { detail: notOffered }, 'model_unavailable'],
    ['a model that nobody has', 400, code('model_not_found', "The model 'x' does not exist."), 'client_fault'],
    ['a lost response', 400, code('previous_response_not_found'), 'continuation_lost'],
    [
      'a lost response by its message',
      400,
      { error: { message: "Previous response with id 'r' not found.", param: 'previous_response_id' } },
      'continuation_lost',
    ],
    [
      'the same words about another field',
      400,
      { error: { message: 'previous response not found', param: 'input' } },
      'client_fault',
    ],
    ['encrypted reasoning of another account', 400, code('invalid_encrypted_content'), 'unreadable'],
    ['a context that is too long', 400, code('context_length_exceeded'), 'client_fault'],
    ['a content policy', 400, code('content_policy_violation'), 'client_fault'],
    ['security work', 400, says('This was flagged for possible cybersecurity risk.'), 'try_another'],
    ['security work that needs approval', 403, says('See chatgpt.com/cyber to get access.'), 'try_another'],
    ['a spend cap', 429, { detail: spendCap }, 'limited by burst'],
    [
      'a missing tool output',
      400,
      {
        error: {
          type: 'invalid_request_error',
          param: 'input',
          message: 'No tool output found for function call call_1.',
        },
      },
      'client_fault',
    ],
    ['a missing custom tool output', 400, says('No tool output found for custom tool call call_1.'), 'client_fault'],
    ['a code that nobody knows', 418, code('something_new'), 'client_fault'],
    ['an empty 400', 400, '', 'client_fault'],
    ['an unknown code with 500', 500, code('something_new'), 'transient'],
  ])('%s (%d)', (_name, status, body, verdict) => expect(ofHttp(status, body)).toBe(verdict))
})

describe('an error inside a stream', () => {
  const failed = (error: object) => ({ type: 'response.failed', response: { status: 'failed', error } })
  it.each<[string, unknown, string]>([
    ['server_error', failed({ code: 'server_error' }), 'transient'],
    ['server_is_overloaded', failed({ code: 'server_is_overloaded' }), 'transient'],
    ['rate_limit_exceeded', failed({ code: 'rate_limit_exceeded', message: 'Try again in 1.2s' }), 'limited by burst'],
    ['usage_limit_reached', failed({ code: 'usage_limit_reached' }), 'limited by window'],
    ['insufficient_quota', failed({ code: 'insufficient_quota' }), 'limited by plan'],
    ['context_length_exceeded', failed({ code: 'context_length_exceeded' }), 'client_fault'],
    ['previous_response_not_found', failed({ code: 'previous_response_not_found' }), 'continuation_lost'],
    ['a wrong sign-in', failed({ code: 'invalid_authentication' }), 'unauthorized'],
    ['a token that was taken back', failed({ code: 'token_invalidated' }), 'unauthorized'],
    [
      'a session that has ended',
      failed({ code: 'x', message: 'Your session has ended. Log in again.' }),
      'reauth_required',
    ],
    ['a bare error event', { type: 'error', code: 'server_error', message: 'Oops' }, 'transient'],
    [
      'an error event with its error inside',
      { type: 'error', error: { code: 'usage_limit_reached' } },
      'limited by window',
    ],
    ['an error frame with a status', { type: 'error', status: 429, error: { message: 'Slow' } }, 'limited by burst'],
    ['an error frame with another status field', { type: 'error', status_code: 503 }, 'transient'],
    ['the end of a connection', { type: 'error', code: 'websocket_connection_limit_reached' }, 'client_fault'],
    ['no error at all', failed({}), 'transient'],
    ['an event that nobody can read', null, 'transient'],
    ['an unknown code', failed({ code: 'something_new' }), 'client_fault'],
  ])('%s', (_name, event, verdict) => expect(word(judge(errorOfEvent(event, nowMs)))).toBe(verdict))
})

it('no unknown code and no other 4xx ever touches an account', () => {
  for (let status = 400; status < 500; status++) {
    if ([401, 402, 408, 429].includes(status)) continue
    for (const body of [code(`new_${status}`), type(`new_${status}`), { detail: 'no' }, {}]) {
      expect(ofHttp(status, body), `${status} ${JSON.stringify(body)}`).toBe('client_fault')
    }
  }
})

describe('what an error concerns', () => {
  it.each<[string, number, unknown, string | null]>([
    ['a limit', 429, code('usage_limit_reached'), 'account'],
    ['a fault of the upstream', 500, type('server_error'), 'account'],
    ['a refused token', 401, { detail: 'Unauthorized' }, 'account'],
    ['a closed account', 403, code('account_deleted'), 'account'],
    ['a model that the plan has not', 400, says(notOffered), 'model'],
    ['work that needs approval', 403, says('See chatgpt.com/cyber to get access.'), 'capability'],
    ['an edge in front of the upstream', 403, html, 'egress'],
    ['a lost response', 400, code('previous_response_not_found'), 'request'],
    ['reasoning that the account cannot read', 400, code('invalid_encrypted_content'), 'request'],
    ['what the client sent', 400, code('invalid_value'), 'request'],
  ])('%s (%d)', (_name, status, body, scope) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    expect(scopeOf(judge(errorOfBody(status, {}, text, nowMs), text.startsWith('{')))).toBe(scope)
  })

  it('a relayed answer is no error, and a network that is down is ours', () => {
    expect(scopeOf({ kind: 'relay' })).toBeNull()
    const error = { status: null, code: 'x', message: 'x', param: null, plan: null, resetsAtMs: null }
    expect(scopeOf({ kind: 'unreachable', error })).toBe('local_network')
  })
})
