import { z } from 'zod'
import { efforts, serviceTiers } from '../domain/api-key.ts'
import { limitKinds, limitPeriods } from '../domain/limits.ts'
import { tag } from '../domain/settings.ts'
import { moment } from './common.ts'

const Name = z.string().trim().min(1).max(128)
const Model = z.string().trim().min(1).max(200)
const Effort = z.enum(efforts)
/** `fast` is another name for `priority`. */
const Tier = z.preprocess((value) => (value === 'fast' ? 'priority' : value), z.enum(serviceTiers))

const Limit = z.strictObject({
  /** Of the limit as it was; left out, the one that limits the same is meant, or a new one. */
  id: z.string().min(1).max(64).optional(),
  kind: z.enum(limitKinds),
  period: z.enum(limitPeriods),
  /** The window begins at the bounds of the calendar, in UTC; else it rolls. */
  isCalendar: z.boolean().default(false),
  max: z.int().min(1),
  /** Counts this model only. */
  model: Model.nullable().default(null),
})

/** Null, or a list that is not empty: an empty one could mean "none" as well as "all". */
const some = <T extends z.ZodType>(item: T, max: number) => z.array(item).min(1).max(max).nullable().optional()

const rules = {
  notes: z.string().max(2_000).nullable().optional(),
  allowedModels: some(Model, 200),
  enforcedModel: Model.nullable().optional(),
  enforcedEffort: Effort.nullable().optional(),
  allowedEfforts: some(Effort, efforts.length),
  enforcedServiceTier: Tier.nullable().optional(),
  /** Only these accounts serve, and those with one of `tags`. */
  accountIds: some(z.string().min(1).max(200), 1_000),
  tags: some(tag, 50),
  /** Addresses and CIDRs. */
  allowedAddresses: some(z.string().trim().min(1).max(60), 100),
  limits: z.array(Limit).max(50).optional(),
  poolSharePercent: z.int().min(1).max(100).nullable().optional(),
  expiresAt: z.iso.datetime({ offset: true }).nullable().optional(),
  isActive: z.boolean().optional(),
}

export const ApiKeyCreation = z.strictObject({ name: Name, ...rules })
/** What is not named stays; null takes a rule away. `limits` are replaced as a whole. */
export const ApiKeyChange = z.strictObject({ name: Name.optional(), ...rules })
export type ApiKeyChange = z.infer<typeof ApiKeyChange>

export const ApiKeyParams = z.object({ id: z.string().min(1).max(200) })

const Use = z.object({
  requests: z.int(),
  totalTokens: z.int(),
  inputTokens: z.int(),
  cachedInputTokens: z.int(),
  outputTokens: z.int(),
  costUsd: z.number(),
})

export const ApiKeyView = z.object({
  id: z.string(),
  name: z.string(),
  notes: z.string().nullable(),
  /** The beginning of the key, to know it by. */
  prefix: z.string(),
  status: z.enum(['active', 'inactive', 'expired']),
  isActive: z.boolean(),
  allowedModels: z.array(z.string()).nullable(),
  enforcedModel: z.string().nullable(),
  enforcedEffort: Effort.nullable(),
  allowedEfforts: z.array(Effort).nullable(),
  enforcedServiceTier: z.enum(serviceTiers).nullable(),
  accountIds: z.array(z.string()).nullable(),
  tags: z.array(z.string()).nullable(),
  /** How many accounts may serve it at present; null: it may use all. */
  accountsInScope: z.int().nullable(),
  allowedAddresses: z.array(z.string()).nullable(),
  limits: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(limitKinds),
      period: z.enum(limitPeriods),
      isCalendar: z.boolean(),
      max: z.int(),
      model: z.string().nullable(),
    }),
  ),
  /** How each of them stands now, in the same order. */
  limitUse: z.array(
    z.object({
      limitId: z.string(),
      /** By requests that are over. */
      used: z.int(),
      /** By requests under way, as they have declared. */
      reserved: z.int(),
      left: z.int(),
      /** When there is more room than now; null: nothing is used. */
      resetAt: moment.nullable(),
    }),
  ),
  poolSharePercent: z.int().nullable(),
  expiresAt: moment.nullable(),
  createdAt: moment,
  lastUsedAt: moment.nullable(),
  /** `sevenDays`: today and the six days before, in UTC. */
  usage: z.object({ lifetime: Use, sevenDays: Use }),
})
export type ApiKeyView = z.infer<typeof ApiKeyView>

export const ApiKeyList = z.object({ items: z.array(ApiKeyView), nextCursor: z.string().nullable() })
/** The only answers that hold the key itself. */
export const ApiKeyWithSecret = ApiKeyView.extend({ key: z.string() })
export type ApiKeyCreated = z.infer<typeof ApiKeyWithSecret>
