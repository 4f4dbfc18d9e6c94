import { describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import { errorOfBody, errorOfEvent, type UpstreamError } from '../../../src/upstream/upstream-error.ts'
import { nowMs } from '../../support/accounts.ts'

const blank: UpstreamError = {
  status: 400,
  code: 'upstream_error',
  message: '',
  param: null,
  plan: null,
  resetsAtMs: null,
}
const bare = 'The upstream answered 400.'
const seconds = (ms: number) => (nowMs + ms) / 1000

describe('the body of an error', () => {
  it.each<[string, unknown, Partial<UpstreamError>]>([
    [
      'of the API',
      {
        error: {
          message: 'No',
          type: 'a_type',
          code: 'A_Code',
          param: 'input',
          plan_type: 'plus',
          resets_in_seconds: 60,
        },
      },
      { code: 'a_code', message: 'No', param: 'input', plan: 'plus', resetsAtMs: nowMs + 60_000 },
    ],
    ['without a code', { error: { message: 'No', type: 'A_Type', code: null } }, { code: 'a_type', message: 'No' }],
    ['with an empty code', { error: { code: '', type: 'a_type' } }, { code: 'a_type', message: bare }],
    ['with a code that is a number', { error: { code: 42, message: 'No' } }, { message: 'No' }],
    ['with a detail in words', { detail: 'Unauthorized' }, { message: 'Unauthorized' }],
    ['with a detail that is an error', { detail: { code: 'gone', message: 'No' } }, { code: 'gone', message: 'No' }],
    ['with a detail that is a list', { detail: [{ msg: 'x' }] }, { message: bare }],
    ['with a message only', { message: 'No' }, { message: 'No' }],
    ['with an error in words', { error: 'No' }, { message: 'No' }],
    ['with no error, but a detail', { error: null, detail: 'No' }, { message: 'No' }],
    [
      'with an error without words, beside a message',
      { error: { code: 'x' }, message: 'No' },
      { code: 'x', message: 'No' },
    ],
    ['that is HTML', '<html>Bad gateway</html>', { message: bare }],
    ['that is empty', '', { message: bare }],
    ['that is a list', [], { message: bare }],
    ['that is null', 'null', { message: bare }],
    ['that is cut', '{"error":{"code":"x"', { message: bare }],
  ])('%s', (_form, body, expected) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    expect(errorOfBody(400, {}, text, nowMs)).toEqual({ ...blank, ...expected })
  })
})

describe('the error of an event', () => {
  const none = 'The upstream reported an error without a message.'
  it.each<[string, unknown, Partial<UpstreamError>]>([
    [
      'of a failed response',
      { type: 'response.failed', response: { error: { code: 'X', message: 'No' } } },
      { code: 'x', message: 'No' },
    ],
    ['flat', { type: 'error', code: 'x', message: 'No', param: 'input' }, { code: 'x', message: 'No', param: 'input' }],
    ['flat, with a type of its own', { type: 'error', error_type: 'x', message: 'No' }, { code: 'x', message: 'No' }],
    [
      'nested, with a status',
      { type: 'error', status: 429, error: { type: 'x' } },
      { status: 429, code: 'x', message: none },
    ],
    [
      'with the other status field',
      { type: 'error', status_code: '500', message: 'No' },
      { status: 500, message: 'No' },
    ],
    [
      'with a reset',
      { type: 'error', error: { code: 'x', resets_at: seconds(hourMs) } },
      { code: 'x', message: none, resetsAtMs: nowMs + hourMs },
    ],
    [
      'with a hint',
      { type: 'error', message: 'Try again in 2s.' },
      { message: 'Try again in 2s.', resetsAtMs: nowMs + 2_000 },
    ],
    ['without anything', {}, { message: none }],
    ['that is no object', 'what', { message: none }],
  ])('%s', (_form, event, expected) => {
    expect(errorOfEvent(event, nowMs)).toEqual({ ...blank, status: null, ...expected })
  })
})

describe('the end of a limit', () => {
  const inBody = (error: object, headers = {}) => errorOfBody(429, headers, JSON.stringify({ error }), nowMs).resetsAtMs
  const ahead = (ms: number | null) => (ms === null ? null : nowMs + ms)

  it.each<[string, object, number | null]>([
    ['named as a time', { resets_at: seconds(hourMs) }, hourMs],
    ['named as text', { resets_at: String(seconds(hourMs)) }, hourMs],
    ['with a fraction rounds up', { resets_in_seconds: 1.0004 }, 1_001],
    ['named both ways: the time counts', { resets_at: seconds(hourMs), resets_in_seconds: 5 }, hourMs],
    ['in the past: the wait counts', { resets_at: seconds(-1), resets_in_seconds: 5 }, 5_000],
    ['beyond a year: the wait counts', { resets_at: seconds(400 * dayMs), resets_in_seconds: 5 }, 5_000],
    ['as milliseconds by mistake is not believed', { resets_at: nowMs + hourMs }, null],
    ['of 0 seconds is none', { resets_in_seconds: 0 }, null],
    ['that is negative is none', { resets_in_seconds: -5 }, null],
    ['that is no number is none', { resets_in_seconds: 'soon' }, null],
    ['that is huge is none', { resets_in_seconds: 1e300 }, null],
    ['unnamed', {}, null],
  ])('%s', (_form, error, ms) => expect(inBody(error)).toBe(ahead(ms)))

  it.each<[string, string, number | null]>([
    ['in seconds', '2', 2_000],
    ['in fractions', '0.5', 500],
    ['as a date', new Date(nowMs + 90_000).toUTCString(), 90_000],
    ['of 0', '0', null],
    ['in the past', new Date(nowMs - 90_000).toUTCString(), null],
    ['that is garbage', 'soon', null],
    ['that is infinite', 'Infinity', null],
    ['that is empty', '', null],
  ])('from a Retry-After %s', (_form, value, ms) => expect(inBody({}, { 'retry-after': value })).toBe(ahead(ms)))

  it('is taken from the body before the header, and from the header before the words', () => {
    const headers = { 'retry-after': '7' }
    expect(inBody({ resets_in_seconds: 5, message: 'try again in 9s' }, headers)).toBe(nowMs + 5_000)
    expect(inBody({ message: 'try again in 9s' }, headers)).toBe(nowMs + 7_000)
    expect(inBody({ message: 'try again in 9s' }, { 'retry-after': 'soon' })).toBe(nowMs + 9_000)
  })

  it.each<[string, number | null]>([
    ['Please try again in 1h2m3s.', hourMs + 2 * minuteMs + 3_000],
    ['Try again in 6m0s', 6 * minuteMs],
    ['try again in 1.2s', 1_200],
    ['try again in 20ms', 20],
    ['try again in 250 milliseconds', 250],
    ['try again in 2 minutes', 2 * minuteMs],
    ['try again in 1 hour and 30 minutes', 90 * minuteMs],
    ['Try again in 3 days 4 hours', 3 * dayMs + 4 * hourMs],
    ['try again in 1 hr, 5 mins', 65 * minuteMs],
    ['Please try again in 20s. Visit our site, or wait 3 days for more.', 20_000],
    ['try again in 3 months', null],
    ['try again in a while', null],
    ['try again in 500 days', null],
    ['try again later', null],
    ['It took 5s.', null],
  ])('from the words "%s"', (message, ms) => expect(inBody({ message })).toBe(ahead(ms)))
})
