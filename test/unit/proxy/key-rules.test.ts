import { describe, expect, it } from 'vitest'
import type { ApiKey } from '../../../src/domain/api-key.ts'
import { AppError } from '../../../src/errors.ts'
import { readAsk } from '../../../src/proxy/ask.ts'
import { offeredBy, ruledByKey } from '../../../src/proxy/key-rules.ts'
import { anAccount } from '../../support/accounts.ts'
import { anApiKey } from '../../support/keys.ts'

const text = (fields: object = {}) =>
  JSON.stringify({ model: 'gpt-5.5', input: [{ text: 'hé {"model":"x"}' }], store: false, stream: true, ...fields })

/** What the upstream is sent, as text, and what routing knows of it. */
function ruled(given: string, rules: Partial<ApiKey>) {
  const bytes = Buffer.from(given)
  const asked = readAsk(bytes, {}, 'req_1', 'key_1')
  const { request, asked: after } = ruledByKey(bytes, asked, anApiKey(rules))
  expect(after.isNative).toBe(asked.isNative)
  const { model, effort, serviceTier } = readAsk(request, {}, 'req_1').ask
  expect(after.ask).toMatchObject({ model, effort, serviceTier })
  return { same: request === bytes, sent: request.toString(), body: JSON.parse(request.toString()), ask: after.ask }
}
function refusal(given: string, rules: Partial<ApiKey>) {
  try {
    ruled(given, rules)
    return null
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, param: error.details.param, message: error.message }
    throw error
  }
}

describe('the bytes of a request', () => {
  it('stay as they are without a key, without rules, and where the client asks for what is enforced anyway', () => {
    const full = text({ reasoning: { effort: 'minimal', summary: 'auto' }, service_tier: 'priority' })
    expect(ruledByKey(Buffer.from(full), readAsk(Buffer.from(full), {}, 'r'), null).request.toString()).toBe(full)
    for (const rules of [
      {},
      { allowedModels: ['gpt-5.5'] },
      { enforcedModel: 'gpt-5.5', enforcedEffort: 'low', enforcedServiceTier: 'priority' },
      { allowedEfforts: ['minimal', 'high'] },
    ] as Partial<ApiKey>[]) {
      expect(ruled(full, rules).same, JSON.stringify(rules)).toBe(true)
    }
  })

  it('change in the enforced fields only', () => {
    const given =
      ' { "model" : "gpt-5.5" ,"input":[ 1.0 ],"reasoning":{"summary":"auto", "effort":"high"},"stream":true } \n'
    const rules = { enforcedModel: 'gpt-5.4', enforcedEffort: 'low', enforcedServiceTier: 'flex' } as const
    expect(ruled(given, rules).sent).toBe(
      ' { "model" : "gpt-5.4" ,"input":[ 1.0 ],"reasoning":{"summary":"auto","effort":"low"},"stream":true ,"service_tier":"flex"} \n',
    )
    expect(ruled(text(), { enforcedEffort: 'ultra' }).body).toEqual({
      ...JSON.parse(text()),
      reasoning: { effort: 'max' },
    })
    expect(ruled(text({ reasoning: null }), { enforcedEffort: 'none' }).body.reasoning).toEqual({ effort: 'none' })
  })

  it('lose a tier where the usual one is enforced', () => {
    for (const enforcedServiceTier of ['auto', 'default'] as const) {
      const { body, ask } = ruled(text({ service_tier: 'priority', tools: null }), { enforcedServiceTier })
      expect(body).toEqual({ ...JSON.parse(text()), tools: null })
      expect(ask.serviceTier).toBeNull()
      expect(ruled(text(), { enforcedServiceTier }).same).toBe(true)
    }
  })

  it('say one thing only: a field that is given twice is written once, as it was looked at', () => {
    const twice = '{"model":"gpt-5.6-sol","input":[],"mod\\u0065l":"gpt-5.5"}'
    const { sent } = ruled(twice, { allowedModels: ['gpt-5.5'] })
    expect(sent).toBe('{"model":"gpt-5.5","input":[]}')
    expect(ruled(twice, {}).same).toBe(true)
    expect(
      ruled('{"model":"a","reasoning":{"effort":"xhigh"},"input":"x","reasoning":null}', { enforcedEffort: 'low' })
        .body,
    ).toEqual({ model: 'a', input: 'x', reasoning: { effort: 'low' } })
  })
})

describe('a key', () => {
  it('that may not use a model says which it may use', () => {
    expect(refusal(text(), { allowedModels: ['gpt-5.4', 'gpt-5.4-mini'] })).toEqual({
      ...{ code: 'model_not_allowed', param: 'model' },
      message: 'The API key may not use the model "gpt-5.5". It may use: gpt-5.4, gpt-5.4-mini.',
    })
    expect(refusal(text(), { allowedModels: ['gpt-5.4'], enforcedModel: 'gpt-5.4' })).toBeNull()
  })

  it('that may not ask for an effort says which it may ask for; what is left out counts as medium', () => {
    const high = text({ reasoning: { effort: 'high' } })
    expect(refusal(high, { allowedEfforts: ['low', 'medium'] })).toEqual({
      ...{ code: 'effort_not_allowed', param: 'reasoning.effort' },
      message: 'The API key may not ask for the reasoning effort "high". It may ask for: low, medium.',
    })
    expect(ruled(text(), { allowedEfforts: ['low', 'medium'] }).same).toBe(true)
    expect(ruled(text(), { allowedEfforts: ['low', 'high'] }).body.reasoning).toEqual({ effort: 'low' })
    expect(ruled(text({ reasoning: { effort: 'ultra' } }), { allowedEfforts: ['max'] }).same).toBe(true)
  })

  it('is offered what its accounts have and it may use', () => {
    const accounts = [
      anAccount('1', { models: new Set(['a', 'b']) }),
      anAccount('2', { models: new Set(['b', 'c']) }),
      anAccount('3', { models: null }),
    ]
    expect(offeredBy(accounts, null)).toEqual(['a', 'b', 'c'])
    expect(offeredBy(accounts, anApiKey({ allowedModels: ['c', 'd', 'b'] }))).toEqual(['b', 'c'])
  })
})
