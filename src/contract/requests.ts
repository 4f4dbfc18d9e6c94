import { z } from 'zod'
import { errorScopes } from '../domain/request.ts'
import { id, moment, oneOrMore, word } from './common.ts'
import { adminOnly, digested } from './visibility.ts'

const requestStatuses = ['success', 'error', 'cancelled'] as const

export const RequestLogQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(500).optional(),
  accountId: oneOrMore(z.string().max(200)),
  model: oneOrMore(z.string().max(200)),
  status: oneOrMore(z.enum(requestStatuses)),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  /** Part of a request id, thread, model, client or error. */
  search: adminOnly(z.string().trim().max(200)).optional(),
})

const Attempt = z.object({
  accountId: id,
  verdict: word,
  /** What the error concerns; null for the answer that was relayed, and for requests logged by earlier releases. */
  scope: z.enum(errorScopes).nullable(),
  code: word.nullable(),
  status: z.int().nullable(),
  at: moment,
  /** How long the try took until it had shown what it is; null for requests logged by earlier releases. */
  tookMs: z.number().nullable(),
})

/** One request as the log shows it. */
export const RequestView = z.object({
  id,
  /** What the client calls it, where it says. */
  requestId: digested(z.string()),
  at: moment,
  route: word,
  model: word.nullable(),
  effort: word.nullable(),
  serviceTier: word.nullable(),
  accountId: id.nullable(),
  keyId: adminOnly(z.string()).nullable(),
  status: z.enum(requestStatuses),
  httpStatus: z.int(),
  errorCode: word.nullable(),
  errorMessage: adminOnly(z.string()).nullable(),
  usage: z.object({ input: z.int(), cached: z.int(), output: z.int(), reasoning: z.int() }).nullable(),
  /** Estimate at API list prices; null when the model has no known price. */
  costUsd: z.number().nullable(),
  firstTokenMs: z.number().nullable(),
  totalMs: z.number(),
  transport: z.enum(['sse', 'json', 'ws']),
  client: adminOnly(z.string()).nullable(),
  sessionId: adminOnly(z.string()).nullable(),
  threadId: adminOnly(z.string()).nullable(),
  responseId: adminOnly(z.string()).nullable(),
  /** Digest of the thread's affinity key, as `/api/affinities` has it. */
  affinityKey: adminOnly(z.string()).nullable(),
  /** How long the request waited for a place on an account; null: it did not. */
  waitedMs: z.int().nullable(),
  /** Where the client called from; null for requests logged by earlier releases. */
  clientAddress: adminOnly(z.string()).nullable(),
  /** The model source that answered in place of an account. */
  sourceId: id.nullable(),
  /** The egress proxy that the answer came through; null: the direct way. */
  egressId: id.nullable(),
  /**
   * The client was told to ask again on another socket, which it does by itself: an error that its user saw nothing of,
   * and that no error rate counts.
   */
  moved: z.boolean(),
  attempts: z.array(Attempt),
  /** The routing decision as it was made: who was ranked, who was excluded and why. */
  decision: adminOnly(z.unknown()),
})
export type RequestView = z.infer<typeof RequestView>

export const RequestLog = z.object({ items: z.array(RequestView), nextCursor: id.nullable() })
export type RequestLog = z.infer<typeof RequestLog>
/** Why this account: the decision of the last try, all tries, and where the time went. */
export const RequestDecision = z.object({
  id,
  /** What the client calls it, where it says. */
  requestId: digested(z.string()),
  at: moment,
  accountId: id.nullable(),
  /** Who was ranked with which parts, who was excluded and why, and what a move cost. Null: the request met no decision. */
  decision: adminOnly(z.unknown()),
  attempts: z.array(Attempt),
  waitedMs: z.int().nullable(),
  firstTokenMs: z.number().nullable(),
  totalMs: z.number(),
})
export type RequestDecision = z.infer<typeof RequestDecision>

export const RequestParams = z.object({ id: z.string().min(1).max(200) })
