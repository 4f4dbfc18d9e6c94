import { z } from 'zod'
import { affinityKinds } from '../domain/affinity.ts'
import { moment } from './common.ts'

/** What a client calls its thread is private: a key is known by a digest of it. */
const Key = z.string().regex(/^[0-9a-f]{32}$/, 'A key is 32 hex digits.')
const Keys = z.array(Key).min(1).max(1_000)
const AccountId = z.string().min(1).max(200)
const Kind = z.enum(affinityKinds)

export const AffinityQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(500).optional(),
  accountId: AccountId.optional(),
  kind: Kind.optional(),
})

/** One soft key: which account serves a thread, a tree of threads, or a prompt cache key, as long as that is wise. */
export const AffinityView = z.object({
  key: z.string(),
  kind: Kind,
  accountId: z.string(),
  /** Tokens that the account's prompt cache is taken to hold now. */
  warmTokens: z.int(),
  /** Null for a row of an earlier release, which did not note it. */
  usedAt: moment.nullable(),
  expiresAt: moment,
})
export type AffinityView = z.infer<typeof AffinityView>

export const AffinityList = z.object({ items: z.array(AffinityView), nextCursor: z.string().nullable() })
export const AffinityParams = z.object({ key: z.string().min(1).max(200) })

/** Some keys, or all of one account. */
export const AffinityMove = z
  .strictObject({ keys: Keys.optional(), fromAccountId: AccountId.optional(), toAccountId: AccountId })
  .refine(({ keys, fromAccountId }) => (keys === undefined) !== (fromAccountId === undefined), {
    path: ['keys'],
    message: 'Give either "keys" or "fromAccountId".',
  })
export const AffinityMoved = z.object({ moved: z.int() })

/** Some keys; or all, which has to be said, where wanted of one account or one kind only. */
export const AffinityPurge = z
  .strictObject({
    keys: Keys.optional(),
    accountId: AccountId.optional(),
    kind: Kind.optional(),
    all: z.literal(true).optional(),
  })
  .refine(({ keys, all }) => (keys === undefined) !== (all === undefined), {
    path: ['keys'],
    message: 'Give either "keys", or "all": true.',
  })
  .refine(({ keys, accountId, kind }) => keys === undefined || (accountId === undefined && kind === undefined), {
    path: ['keys'],
    message: 'Keys are not narrowed to an account or a kind.',
  })
export const AffinityPurged = z.object({ purged: z.int() })
export const AffinityDeleted = z.object({ status: z.literal('deleted') })
