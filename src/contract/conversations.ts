import { z } from 'zod'
import { moment, oneOrMore } from './common.ts'

const time = z.iso.datetime({ offset: true })
const some = oneOrMore(z.string().max(200))

export const ConversationQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(25),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(500).optional(),
  /** Only conversations with a request that fits all of these, in the order of their last one. Figures are of all requests. */
  accountId: some,
  keyId: some,
  since: time.optional(),
  until: time.optional(),
  /** Part of the id, in any case. */
  search: z.string().trim().max(200).optional(),
})

/** With its slashes as `%2F`. */
export const ConversationParams = z.object({ id: z.string().min(1).max(500) })

const Figures = {
  requests: z.int(),
  errors: z.int(),
  cancelled: z.int(),
  /** Errors that the client repeated by itself, unseen. */
  moved: z.int(),
  inputTokens: z.int(),
  cachedInputTokens: z.int(),
  outputTokens: z.int(),
  reasoningTokens: z.int(),
  totalTokens: z.int(),
  costUsd: z.number(),
  /** The durations of its requests, added up. */
  totalMs: z.int(),
}

export const Conversation = z.object({
  /** What clients call the thread, or the session of requests without one. */
  id: z.string(),
  kind: z.enum(['thread', 'session']),
  firstRequestAt: moment,
  lastRequestAt: moment,
  ...Figures,
  /** It has more requests than these figures count: they are of the newest ten thousand. */
  isCut: z.boolean(),
  /** Each with its requests, the most first. */
  accounts: z.array(
    z.object({ accountId: z.string().nullable(), displayName: z.string().nullable(), requests: z.int() }),
  ),
  keys: z.array(z.object({ keyId: z.string().nullable(), name: z.string().nullable(), requests: z.int() })),
  clients: z.array(z.object({ client: z.string().nullable(), requests: z.int() })),
  models: z.array(z.object({ model: z.string().nullable(), effort: z.string().nullable(), ...Figures })),
})
export type Conversation = z.infer<typeof Conversation>

export const ConversationList = z.object({ items: z.array(Conversation), nextCursor: z.string().nullable() })
