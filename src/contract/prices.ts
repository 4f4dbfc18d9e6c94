import { z } from 'zod'
import { pricedModel } from '../domain/price-list.ts'
import { moment, word } from './common.ts'

const usd = z.number().min(0).max(1_000_000)
/** USD per million tokens. */
const Rates = z.strictObject({ input: usd, cachedInput: usd, output: usd })

/** By service tier; what is not given costs like `standard`. `long`: with more than 272 000 tokens of input. */
export const PriceBody = z.strictObject({
  standard: Rates,
  priority: Rates.nullable().default(null),
  flex: Rates.nullable().default(null),
  long: Rates.nullable().default(null),
})
export type PriceBody = z.output<typeof PriceBody>

export const PriceParams = z.object({
  /** A model's name, or the beginning of several: the longest that fits counts. In small letters. */
  model: z
    .string()
    .toLowerCase()
    .regex(pricedModel, 'A model has up to 100 letters, digits, dots, dashes, colons and underscores.'),
})

const PriceView = z.object({
  standard: Rates,
  priority: Rates.nullable(),
  flex: Rates.nullable(),
  long: Rates.nullable(),
})

export const ModelPrice = z.object({
  model: word,
  source: z.enum(['built_in', 'fetched', 'override']),
  /** Since when it costs this; null: since the release was made. */
  since: moment.nullable(),
  ...PriceView.shape,
})
export type ModelPrice = z.infer<typeof ModelPrice>

/** How a recomputation goes; it ends with the server. */
export const RecomputationView = z.object({
  state: z.enum(['running', 'done', 'failed']),
  from: moment,
  /** Up to here it has come. */
  until: moment,
  /** Requests that it has looked at, and those whose cost it has changed. */
  requests: z.int(),
  changed: z.int(),
})
export type RecomputationView = z.infer<typeof RecomputationView>

export const PriceList = z.object({
  items: z.array(ModelPrice),
  nextCursor: z.null(),
  /** The last one since the server began; null: none. */
  recomputation: RecomputationView.nullable(),
})

export const PriceRefresh = z.object({
  changed: z.array(z.object({ model: word, before: PriceView.nullable(), after: PriceView })),
  /** Models that the list names with the price that they had. */
  unchanged: z.int(),
})

export const RecomputeBody = z.strictObject({
  /** Requests since then get the price of now. */
  from: z.iso.datetime({ offset: true }),
})
