import { describe, expect, it } from 'vitest'
import { builtIn, cheapestModel, costMicroUsd as costAt } from '../../../src/domain/price.ts'
import type { TokenUsage } from '../../../src/domain/request.ts'

/** The published list, in USD per million tokens: input, cached input, output. Null: the tier has no price of its own. */
type Rates = [number, number, number] | null
const list: [models: string, standard: Rates, priority: Rates, flex: Rates, long: Rates][] = [
  ['gpt-5.6-sol gpt-5.6', [5, 0.5, 30], [10, 1, 60], [2.5, 0.25, 15], [10, 1, 45]],
  ['gpt-5.6-terra', [2, 0.2, 12], [4, 0.4, 24], [1, 0.1, 6], [4, 0.4, 18]],
  ['gpt-5.6-luna', [0.2, 0.02, 1.2], [0.4, 0.04, 2.4], [0.1, 0.01, 0.6], [0.4, 0.04, 1.8]],
  ['gpt-5.5', [5, 0.5, 30], [12.5, 1.25, 75], [2.5, 0.25, 15], null],
  ['gpt-5.5-pro', [30, 30, 180], null, [15, 15, 90], null],
  ['gpt-5.4', [2.5, 0.25, 15], [5, 0.5, 30], [1.25, 0.125, 7.5], [5, 0.5, 22.5]],
  ['gpt-5.4-mini', [0.75, 0.075, 4.5], null, [0.375, 0.0375, 2.25], null],
  ['gpt-5.4-nano', [0.2, 0.02, 1.25], null, [0.1, 0.01, 0.625], null],
  ['gpt-5.4-pro', [30, 30, 180], null, [15, 15, 90], [60, 60, 270]],
  ['gpt-5.3-codex gpt-5.2-codex', [1.75, 0.175, 14], [3.5, 0.35, 28], null, null],
  ['gpt-5.3 gpt-5.3-chat-latest gpt-5.2-chat-latest', [1.75, 0.175, 14], null, null, null],
  ['gpt-5.2', [1.75, 0.175, 14], [3.5, 0.35, 28], [0.875, 0.0875, 7], null],
  ['gpt-5.1 gpt-5', [1.25, 0.125, 10], [2.5, 0.25, 20], [0.625, 0.0625, 5], null],
  ['gpt-5.1-chat-latest gpt-5-chat-latest', [1.25, 0.125, 10], null, null, null],
  ['gpt-5.1-codex-max gpt-5.1-codex gpt-5-codex', [1.25, 0.125, 10], [2.5, 0.25, 20], null, null],
  ['gpt-5.1-codex-mini', [0.25, 0.025, 2], null, null, null],
  ['gpt-image-2 gpt-image-1.5 gpt-image-1 gpt-image-1-mini', [5, 2, 30], null, null, null],
]
const rows = list.flatMap(([models, ...rates]) => models.split(' ').map((model) => [model, ...rates] as const))

const costMicroUsd = (model: string, tier: string | null, of: TokenUsage) => costAt(builtIn, model, tier, of)
const usage = { input: 100_000, cached: 40_000, output: 1_000, reasoning: 500 }
const longUsage = { ...usage, input: 300_000 }
const cost = ([input, cached, output]: [number, number, number], of = usage) =>
  Math.round((of.input - of.cached) * input + of.cached * cached + of.output * output)

describe('the price of a turn', () => {
  it.each(rows)('%s follows the list', (model, standard, priority, flex, long) => {
    const listed = standard as [number, number, number]
    expect(costMicroUsd(model, null, usage)).toBe(cost(listed))
    expect(costMicroUsd(model, 'priority', usage)).toBe(cost(priority ?? listed))
    expect(costMicroUsd(model, 'fast', usage)).toBe(cost(priority ?? listed))
    expect(costMicroUsd(model, 'flex', usage)).toBe(cost(flex ?? listed))
    expect(costMicroUsd(model, null, longUsage)).toBe(cost(long ?? listed, longUsage))
    expect(costMicroUsd(model, 'priority', longUsage)).toBe(cost(priority ?? long ?? listed, longUsage))
    if (flex && long) {
      const [input, cached, output] = flex
      expect(costMicroUsd(model, 'flex', longUsage)).toBe(cost([2 * input, 2 * cached, 1.5 * output], longUsage))
    }
  })

  it.each([
    ['gpt-5.5-2026-04-01', 'gpt-5.5'],
    ['GPT-5.4-Mini', 'gpt-5.4-mini'],
    ['gpt-5.3-codex-spark', 'gpt-5.3-codex'],
    ['gpt-5.1-codex-max-high', 'gpt-5.1-codex-max'],
  ])('%s costs what %s costs', (model, like) => {
    for (const tier of [null, 'priority', 'flex']) {
      expect(costMicroUsd(model, tier, usage)).toBe(costMicroUsd(like, tier, usage))
      expect(costMicroUsd(model, tier, usage)).not.toBeNull()
    }
  })

  it.each(['gpt-50', 'gpt-5.55', 'gpt-4.1', 'my-gpt-5', 'constructor', ''])(
    '%s has no price, not a price of 0',
    (model) => {
      expect(costMicroUsd(model, null, usage)).toBeNull()
    },
  )

  it.each([
    ['counts cached input once', { input: 1_000, cached: 1_000, output: 0, reasoning: 0 }, 125],
    [
      'never counts more cached input than there was input',
      { input: 1_000, cached: 5_000, output: 0, reasoning: 0 },
      125,
    ],
    ['takes reasoning as a part of the output', { input: 0, cached: 0, output: 100, reasoning: 90 }, 1_000],
    ['is nothing for nothing', { input: 0, cached: 0, output: 0, reasoning: 0 }, 0],
  ])('%s', (_rule, of, microUsd) => expect(costMicroUsd('gpt-5', null, of)).toBe(microUsd))

  it('takes an unknown tier as the standard one, and 272,000 tokens as not yet long', () => {
    expect(costMicroUsd('gpt-5.4', 'ultrafast', usage)).toBe(costMicroUsd('gpt-5.4', null, usage))
    const edge = { input: 272_000, cached: 0, output: 0, reasoning: 0 }
    expect(costMicroUsd('gpt-5.4', null, edge)).toBe(680_000)
    expect(costMicroUsd('gpt-5.4', null, { ...edge, input: 272_001 })).toBe(1_360_005)
  })
})

describe('the cheapest model', () => {
  it('is the one whose short turn costs least, of those with a price', () => {
    expect(cheapestModel(builtIn, ['gpt-5.5', 'gpt-5.4-mini', 'gpt-unheard-of', 'gpt-5.4'])).toBe('gpt-5.4-mini')
    expect(cheapestModel(builtIn, ['gpt-5.1', 'gpt-5'])).toBe('gpt-5')
    expect(cheapestModel(builtIn, ['gpt-unheard-of'])).toBeNull()
    expect(cheapestModel(builtIn, [])).toBeNull()
  })
})
