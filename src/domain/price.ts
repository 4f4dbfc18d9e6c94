import type { TokenUsage } from './request.ts'

/** USD per million tokens: input, cached input, output. */
export type Rates = readonly [input: number, cached: number, output: number]

/** What a model costs by service tier. `long`: with more input than `longContextTokens`. A tier without rates costs the standard ones. */
export type Price = {
  standard: Rates
  priority?: Rates | undefined
  flex?: Rates | undefined
  long?: Rates | undefined
}

/** Who says so. A person's word counts before that of a list, and both before what is built in. */
export type PriceSource = 'override' | 'fetched'
export type StoredPrice = { model: string; source: PriceSource; price: Price; sinceMs: number }

/** Prices by model, made for looking up. */
export type Prices = { bySlug: ReadonlyMap<string, Price>; longestFirst: readonly string[] }

/** Input beyond this many tokens is billed at the long-context rates, where a model has them. */
const longContextTokens = 272_000

/** API list prices, for an estimate: a subscription is not billed this way. Matched by the longest slug that begins the model's name. */
export const builtInPrices: Readonly<Record<string, Price>> = {
  'gpt-5.6-sol': { standard: [5, 0.5, 30], priority: [10, 1, 60], flex: [2.5, 0.25, 15], long: [10, 1, 45] },
  'gpt-5.6-terra': { standard: [2, 0.2, 12], priority: [4, 0.4, 24], flex: [1, 0.1, 6], long: [4, 0.4, 18] },
  'gpt-5.6-luna': {
    standard: [0.2, 0.02, 1.2],
    priority: [0.4, 0.04, 2.4],
    flex: [0.1, 0.01, 0.6],
    long: [0.4, 0.04, 1.8],
  },
  'gpt-5.6': { standard: [5, 0.5, 30], priority: [10, 1, 60], flex: [2.5, 0.25, 15], long: [10, 1, 45] },
  'gpt-5.5-pro': { standard: [30, 30, 180], flex: [15, 15, 90] },
  'gpt-5.5': { standard: [5, 0.5, 30], priority: [12.5, 1.25, 75], flex: [2.5, 0.25, 15] },
  'gpt-5.4-pro': { standard: [30, 30, 180], flex: [15, 15, 90], long: [60, 60, 270] },
  'gpt-5.4-mini': { standard: [0.75, 0.075, 4.5], flex: [0.375, 0.0375, 2.25] },
  'gpt-5.4-nano': { standard: [0.2, 0.02, 1.25], flex: [0.1, 0.01, 0.625] },
  'gpt-5.4': { standard: [2.5, 0.25, 15], priority: [5, 0.5, 30], flex: [1.25, 0.125, 7.5], long: [5, 0.5, 22.5] },
  'gpt-5.3': { standard: [1.75, 0.175, 14] },
  'gpt-5.3-codex': { standard: [1.75, 0.175, 14], priority: [3.5, 0.35, 28] },
  'gpt-5.2-codex': { standard: [1.75, 0.175, 14], priority: [3.5, 0.35, 28] },
  'gpt-5.2-chat-latest': { standard: [1.75, 0.175, 14] },
  'gpt-5.2': { standard: [1.75, 0.175, 14], priority: [3.5, 0.35, 28], flex: [0.875, 0.0875, 7] },
  'gpt-5.1-codex-mini': { standard: [0.25, 0.025, 2] },
  'gpt-5.1-codex': { standard: [1.25, 0.125, 10], priority: [2.5, 0.25, 20] },
  'gpt-5.1-chat-latest': { standard: [1.25, 0.125, 10] },
  'gpt-5.1': { standard: [1.25, 0.125, 10], priority: [2.5, 0.25, 20], flex: [0.625, 0.0625, 5] },
  'gpt-5-codex': { standard: [1.25, 0.125, 10], priority: [2.5, 0.25, 20] },
  'gpt-5-chat-latest': { standard: [1.25, 0.125, 10] },
  'gpt-5': { standard: [1.25, 0.125, 10], priority: [2.5, 0.25, 20], flex: [0.625, 0.0625, 5] },
  'gpt-image': { standard: [5, 2, 30] },
}
/** Later prices of a model stand for earlier ones. Names in small letters. */
export function createPrices(...tables: Iterable<readonly [model: string, Price]>[]): Prices {
  const bySlug = new Map(tables.flatMap((table) => [...table]))
  return { bySlug, longestFirst: [...bySlug.keys()].sort((a, b) => b.length - a.length) }
}

export const builtIn = createPrices(Object.entries(builtInPrices))

/** The model whose price counts for a name: the longest that begins it. Null: there is none. */
function slugOf({ longestFirst }: Prices, model: string): string | null {
  const name = model.toLowerCase()
  // `gpt-5` must not price `gpt-50`: a slug ends at the end of the name or at a dash.
  return longestFirst.find((one) => name === one || name.startsWith(`${one}-`)) ?? null
}

/** What a turn would have cost at these prices, in millionths of a dollar; null for a model without a known price. */
export function costMicroUsd(
  prices: Prices,
  model: string,
  serviceTier: string | null,
  usage: TokenUsage,
): number | null {
  const slug = slugOf(prices, model)
  const price = slug === null ? undefined : prices.bySlug.get(slug)
  if (price === undefined) return null
  const [input, cachedRate, output] = ratesFor(price, serviceTier, usage.input)
  const cached = Math.min(usage.cached, usage.input)
  // Dollars per million tokens times tokens is millionths of a dollar.
  return Math.round((usage.input - cached) * input + cached * cachedRate + usage.output * output)
}

/** The cheapest of these models for a short turn; null when none has a known price. */
export function cheapestModel(prices: Prices, models: Iterable<string>): string | null {
  const tiny: TokenUsage = { input: 1_000, cached: 0, output: 1_000, reasoning: 0 }
  const priced = [...models].flatMap((model) => {
    const cost = costMicroUsd(prices, model, null, tiny)
    return cost === null ? [] : [{ model, cost }]
  })
  return priced.toSorted((a, b) => a.cost - b.cost || a.model.localeCompare(b.model))[0]?.model ?? null
}

function ratesFor(price: Price, tier: string | null, inputTokens: number): Rates {
  const isLong = inputTokens > longContextTokens
  if ((tier === 'priority' || tier === 'fast') && price.priority) return price.priority
  if (tier === 'flex' && price.flex) {
    const [input, cached, output] = price.flex
    return isLong && price.long ? [input * 2, cached * 2, output * 1.5] : price.flex
  }
  return isLong && price.long ? price.long : price.standard
}
