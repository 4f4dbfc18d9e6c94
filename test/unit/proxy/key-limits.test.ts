import { describe, expect, it } from 'vitest'
import { type Amounts, amountsOf, type LimitRefusal } from '../../../src/domain/limit-counts.ts'
import { limitInWords } from '../../../src/domain/limit-words.ts'
import { usedBy } from '../../../src/domain/reservation.ts'
import { openAiBody, retryHeaders } from '../../../src/errors.ts'
import { keyLimitError } from '../../../src/proxy/key-limits.ts'
import { aLimit } from '../../support/ledger.ts'
import { requestRecord } from '../../support/stores.ts'

const nowMs = Date.UTC(2026, 7, 20, 12)

describe('a limit in words', () => {
  it.each([
    [aLimit({ max: 1_000_000 }), '1,000,000 tokens per day'],
    [aLimit({ kind: 'requests', max: 1, period: 'minute', isCalendar: false }), '1 request within a minute'],
    [aLimit({ kind: 'input_tokens', period: 'five_hours' }), '100 input tokens per 5 hours'],
    [aLimit({ kind: 'output_tokens', period: 'week', isCalendar: false }), '100 output tokens within 7 days'],
    [aLimit({ kind: 'cost_micro_usd', max: 5_000_000, period: 'month' }), '$5.00 per month'],
    [aLimit({ kind: 'cost_micro_usd', max: 1_234_567_890, model: 'gpt-5.5' }), '$1,234.56789 for gpt-5.5 per day'],
    [aLimit({ isCalendar: false, period: 'month' }), '100 tokens within 30 days'],
  ])('%#: %o', (limit, words) => expect(limitInWords(limit)).toBe(words))
})

describe('the error of a reached limit', () => {
  const refusal = (given: Partial<LimitRefusal> = {}): LimitRefusal => ({
    ...{ limit: aLimit(), used: 100, reserved: 0, left: 0, resetAtMs: nowMs + 3_600_000, isHeld: false },
    ...given,
  })
  const told = (given: Partial<LimitRefusal>, isCodex = false) => {
    const error = keyLimitError(refusal(given), isCodex, nowMs)
    const body = openAiBody(error, nowMs) as { error: Record<string, unknown> }
    return { message: error.message, headers: retryHeaders(error), type: body.error.type, body: body.error }
  }

  it('names the limit and its reset, and keeps SDKs from asking again when that is far', () => {
    expect(told({})).toMatchObject({
      message: 'This key may use 100 tokens per day; room returns at 2026-08-20T13:00:00Z (in 1 h).',
      headers: { 'retry-after': '3600', 'x-should-retry': 'false' },
      type: 'rate_limit_exceeded',
      body: { resets_at: nowMs / 1000 + 3600, resets_in_seconds: 3600, limit: { max: 100, used: 100 } },
    })
  })

  it('lets clients wait by themselves when it is near', () => {
    const near = told({ resetAtMs: nowMs + 59_001 })
    expect(near).toMatchObject({ headers: { 'retry-after': '60' }, type: 'rate_limit_exceeded' })
    expect(near.headers).not.toHaveProperty('x-should-retry')
    expect(near.message).toMatch('(in less than a minute)')
    expect(told({ resetAtMs: nowMs + 59_001 }, true).type).toBe('rate_limit_exceeded')
  })

  it('has for Codex the type that it stops at, and only when waiting makes no sense', () => {
    expect(told({}, true)).toMatchObject({ type: 'usage_limit_reached', body: { code: 'key_limit_reached' } })
    expect(told({ isHeld: true, used: 10, reserved: 90 }, true).type).toBe('rate_limit_exceeded')
  })

  it('of a limit that others hold is soon over', () => {
    const held = told({ isHeld: true, used: 10, reserved: 90 })
    expect(held.message).toBe(
      'This key may use 100 tokens per day; what is left of it is taken by requests that are under way.',
    )
    expect(held.headers).toEqual({ 'retry-after': '5' })
    expect(told({ isHeld: true, resetAtMs: nowMs + 1_500 }).headers).toEqual({ 'retry-after': '2' })
  })

  it('without an end names none', () => {
    const endless = told({ resetAtMs: null })
    expect(endless.message).toBe('This key may use 100 tokens per day; there is no room in it.')
    expect(endless.headers).toEqual({ 'x-should-retry': 'false' })
    expect(endless.body).not.toHaveProperty('resets_at')
  })
})

describe('what a request has used', () => {
  const declared: Amounts = amountsOf({ input: 100, output: 50, costMicroUsd: 9 })
  const used = (given: object) => usedBy(requestRecord('req_1', given), declared)

  it('is what the upstream counted, also of an answer that failed in the end', () => {
    const expected = amountsOf({ input: 100, output: 30, costMicroUsd: 1_234 })
    expect(used({})).toEqual(expected)
    expect(used({ status: 'error' })).toEqual(expected)
  })

  it('is what it declared when an answer began and nobody said what it took', () => {
    expect(used({ usage: null })).toBe(declared)
    expect(used({ usage: null, status: 'cancelled', firstTokenMs: null })).toBe(declared)
    expect(used({ usage: null, status: 'error', firstTokenMs: 5 })).toBe(declared)
  })

  it('is nothing when its client got an error before any output', () => {
    expect(used({ httpStatus: 429, usage: null, status: 'error' })).toBeNull()
    expect(used({ httpStatus: 502, usage: null, status: 'cancelled' })).toBeNull()
    expect(used({ usage: null, status: 'error', firstTokenMs: null })).toBeNull()
  })
})
