import { z } from 'zod'
import type { Price, Rates } from './price.ts'

/** A model's name as a price may have it: no path, no provider before it. */
export const pricedModel = /^[a-z0-9][a-z0-9._:-]{0,99}$/

const perToken = z.number().min(0).max(1)

/** One model of LiteLLM's `model_prices_and_context_window.json`: USD per token. */
const Listed = z.looseObject({
  litellm_provider: z.string().optional(),
  input_cost_per_token: perToken,
  output_cost_per_token: perToken,
})
const providers = new Set([undefined, 'openai', 'text-completion-openai', 'chatgpt'])
const maxModels = 2_000

/**
 * What such a list says of models of OpenAI; the rest of it is passed over. Null: it is not such a list. A tier that the
 * list does not name is not in the price.
 */
export function readPriceList(list: unknown): Map<string, Price> | null {
  if (typeof list !== 'object' || list === null || Array.isArray(list)) return null
  const prices = new Map<string, Price>()
  for (const [name, entry] of Object.entries(list)) {
    const model = name.toLowerCase()
    const listed = Listed.safeParse(entry)
    // It begins with an entry that explains the others.
    if (!listed.success || model === 'sample_spec' || !pricedModel.test(model)) continue
    if (!providers.has(listed.data.litellm_provider)) continue
    if (prices.size >= maxModels) break
    prices.set(model, priceOf(listed.data))
  }
  return prices.size === 0 ? null : prices
}

function priceOf(entry: z.infer<typeof Listed>): Price {
  const rates = (suffix: string): Rates | undefined => {
    const [input, cached, output] = [
      'input_cost_per_token',
      'cache_read_input_token_cost',
      'output_cost_per_token',
    ].map((name) => perToken.safeParse(entry[`${name}${suffix}`]).data)
    if (input === undefined || output === undefined) return undefined
    // Without a price of its own what is cached costs like the rest.
    return [perMillion(input), perMillion(cached ?? input), perMillion(output)]
  }
  const [priority, flex, long] = [rates('_priority'), rates('_flex'), rates('_above_272k_tokens')]
  const standard = rates('') ?? [0, 0, 0]
  return { standard, ...(priority && { priority }), ...(flex && { flex }), ...(long && { long }) }
}

/** 0.000005 times a million is not quite 5 in floating point. */
function perMillion(usd: number): number {
  return Math.round(usd * 1e12) / 1e6
}

export function isSamePrice(one: Price, other: Price): boolean {
  const told = ({ standard, priority, flex, long }: Price) =>
    JSON.stringify([standard, priority ?? null, flex ?? null, long ?? null])
  return told(one) === told(other)
}
