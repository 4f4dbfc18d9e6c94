import { z } from 'zod'
import { sourceUses } from '../domain/model-source.ts'
import { id, moment, word } from './common.ts'
import { adminOnly } from './visibility.ts'

/** It goes into a header of answers. */
const name = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$/, 'A name has up to 40 letters, digits, spaces, dots and dashes.')
const baseUrl = z
  .string()
  .trim()
  .max(500)
  .transform((text) => text.replace(/\/+$/, ''))
  .refine(isBase, 'Give an http or https address without a name, password or query, such as https://api.openai.com/v1.')
/** Header values: visible characters. */
const apiKey = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]{1,500}$/, 'A key has no spaces and no letters beyond ASCII.')
const usdPerMillion = z.number().min(0).max(1_000_000)
const usdBudget = z.number().positive().max(1_000_000).nullable()

const SourceModel = z.strictObject({
  /** What clients ask for; a `*` at its end stands for anything. */
  model: z
    .string()
    .trim()
    .regex(/^[^\s*]{1,199}\*?$|^\*$/, 'A model has no spaces, and a * at its end only.'),
  /** What the source calls it; null: the same. */
  upstreamModel: z.string().trim().min(1).max(200).nullable().default(null),
  inputUsdPerMillion: usdPerMillion,
  /** Null: as other input. */
  cachedUsdPerMillion: usdPerMillion.nullable().default(null),
  outputUsdPerMillion: usdPerMillion,
  contextWindow: z.int().min(1).max(100_000_000).nullable().default(null),
})

const fields = {
  name,
  /** Up to and with its version. */
  baseUrl,
  /** Local servers are at private addresses. */
  allowPrivateAddress: z.boolean(),
  isActive: z.boolean(),
  use: z
    .array(z.enum(sourceUses))
    .min(1)
    .max(2)
    .refine((uses) => new Set(uses).size === uses.length, 'Name each use once.'),
  models: z
    .array(SourceModel)
    .min(1)
    .max(200)
    .refine((models) => new Set(models.map(({ model }) => model)).size === models.length, 'Name each model once.'),
  /** How long an answer may take to begin. */
  timeoutSeconds: z.int().min(1).max(600),
  maxConcurrency: z.int().min(1).max(1_000).nullable(),
}

/** A key goes in and never comes out. */
export const NewModelSource = z.strictObject({
  ...fields,
  apiKey: apiKey.nullable().default(null),
  allowPrivateAddress: fields.allowPrivateAddress.default(false),
  isActive: fields.isActive.default(true),
  supports: z.strictObject({
    responses: z.boolean().default(false),
    chat: z.boolean().default(false),
    embeddings: z.boolean().default(false),
  }),
  timeoutSeconds: fields.timeoutSeconds.default(60),
  maxConcurrency: fields.maxConcurrency.default(null),
  /** Days and months of UTC. */
  budget: z
    .strictObject({ usdPerDay: usdBudget.default(null), usdPerMonth: usdBudget.default(null) })
    .default({ usdPerDay: null, usdPerMonth: null }),
})
export type NewModelSource = z.input<typeof NewModelSource>

export const ModelSourceChange = z
  .strictObject({
    ...fields,
    /** Null takes it away. */
    apiKey: apiKey.nullable(),
    supports: z.strictObject({ responses: z.boolean(), chat: z.boolean(), embeddings: z.boolean() }).partial(),
    budget: z.strictObject({ usdPerDay: usdBudget, usdPerMonth: usdBudget }).partial(),
  })
  .partial()
export type ModelSourceChange = z.input<typeof ModelSourceChange>

const SourceHealth = z.object({
  /** `unknown`: never called. `failing`: the last call failed. `resting`: several have, and it is left alone until `restsUntil`. */
  status: z.enum(['unknown', 'ok', 'failing', 'resting']),
  lastOkAt: moment.nullable(),
  lastFailureAt: moment.nullable(),
  lastFailure: z.object({ code: word, message: adminOnly(z.string()) }).nullable(),
  /** Failures since the last call that went well. */
  failures: z.int(),
  restsUntil: moment.nullable(),
})

export const ModelSourceView = z.object({
  id,
  name: word,
  baseUrl: adminOnly(z.string()),
  allowPrivateAddress: z.boolean(),
  hasApiKey: z.boolean(),
  isActive: z.boolean(),
  use: z.array(z.enum(sourceUses)),
  supports: z.object({ responses: z.boolean(), chat: z.boolean(), embeddings: z.boolean() }),
  models: z.array(
    z.object({
      model: word,
      upstreamModel: word.nullable(),
      inputUsdPerMillion: z.number(),
      cachedUsdPerMillion: z.number().nullable(),
      outputUsdPerMillion: z.number(),
      contextWindow: z.int().nullable(),
    }),
  ),
  timeoutSeconds: z.int(),
  maxConcurrency: z.int().nullable(),
  budget: z.object({ usdPerDay: z.number().nullable(), usdPerMonth: z.number().nullable() }),
  /** By the prices above, with what is reserved for requests under way; today and this month in UTC. */
  spent: z.object({ usdToday: z.number(), usdThisMonth: z.number() }),
  health: SourceHealth,
  inFlight: z.int(),
  createdAt: moment,
})
export type ModelSourceView = z.infer<typeof ModelSourceView>

export const ModelSourceList = z.object({ items: z.array(ModelSourceView), nextCursor: z.null() })
export type ModelSourceList = z.infer<typeof ModelSourceList>

export const ModelSourceParams = z.object({ id: z.string().min(1).max(200) })

/** All of them, in the order in which they are to be asked. */
export const ModelSourceOrder = z.strictObject({ ids: z.array(z.string().min(1).max(200)).max(200) })

export const ModelSourceTest = z.object({
  ok: z.boolean(),
  /** What it is, in a sentence. */
  message: z.string(),
  code: z.string().nullable(),
  /** HTTP status, where there was an answer. */
  status: z.int().nullable(),
  /** Models that the source does not list, though they are set up here. */
  missingModels: z.array(z.string()),
  tookMs: z.number(),
})
export type ModelSourceTest = z.infer<typeof ModelSourceTest>

export const ModelSourceModels = z.object({ items: z.array(z.string()) })

function isBase(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' && !/[?#]/.test(text)
}
