import { describe, expect, it } from 'vitest'
import { isSamePrice, readPriceList } from '../../../src/domain/price-list.ts'

const entry = {
  litellm_provider: 'openai',
  mode: 'responses',
  input_cost_per_token: 0.000005,
  output_cost_per_token: 3e-5,
}

describe('a price list in the form of LiteLLM', () => {
  it('becomes prices per million tokens, with the tiers that it names', () => {
    const list = {
      sample_spec: { ...entry, litellm_provider: 'one of https://…' },
      'gpt-9': {
        ...entry,
        cache_read_input_token_cost: 5e-7,
        input_cost_per_token_priority: 0.0000125,
        output_cost_per_token_priority: 0.000075,
        cache_read_input_token_cost_priority: 1.25e-6,
        input_cost_per_token_above_272k_tokens: 1e-5,
        output_cost_per_token_above_272k_tokens: 4.5e-5,
      },
      'GPT-9-Mini': {
        ...entry,
        litellm_provider: undefined,
        input_cost_per_token: 7.5e-7,
        output_cost_per_token: 4.5e-6,
      },
    }
    expect([...(readPriceList(list) ?? [])]).toEqual([
      ['gpt-9', { standard: [5, 0.5, 30], priority: [12.5, 1.25, 75], long: [10, 10, 45] }],
      ['gpt-9-mini', { standard: [0.75, 0.75, 4.5] }],
    ])
  })

  it('is read past what is not meant for us, or is no price', () => {
    const list = {
      'azure/gpt-9': entry,
      'claude-9': { ...entry, litellm_provider: 'anthropic' },
      'text-embedding': { litellm_provider: 'openai', input_cost_per_token: 1e-8 },
      negative: { ...entry, input_cost_per_token: -1 },
      dear: { ...entry, output_cost_per_token: 2 },
      text: { ...entry, input_cost_per_token: '0.1' },
      nothing: null,
      __proto__: entry,
      'has space': entry,
      fine: entry,
    }
    expect([...(readPriceList(list)?.keys() ?? [])]).toEqual(['fine'])
  })

  it.each([null, 1, 'text', [], [entry], {}, { a: 1 }])('is not %j', (list) => {
    expect(readPriceList(list)).toBeNull()
  })

  it('ends after some thousand models', () => {
    const list = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`model-${n}`, entry]))
    expect(readPriceList(list)?.size).toBe(2_000)
  })
})

it('a price is the same with the same rates', () => {
  const price = { standard: [1, 1, 1], flex: undefined } as const
  expect(isSamePrice(price, { standard: [1, 1, 1] })).toBe(true)
  expect(isSamePrice(price, { standard: [1, 1, 2] })).toBe(false)
  expect(isSamePrice(price, { standard: [1, 1, 1], long: [1, 1, 1] })).toBe(false)
})
