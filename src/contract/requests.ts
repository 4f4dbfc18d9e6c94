import { z } from 'zod'
import { errorScopes } from '../domain/request.ts'
import { id, moment, oneOrMore, word } from './common.ts'
import { adminOnly, digested, pseudonym } from './visibility.ts'

const requestStatuses = ['success', 'error', 'cancelled'] as const

const time = z.iso.datetime({ offset: true })
const some = oneOrMore(z.string().max(200))

/** What the log is narrowed to. A request fits a list that names its value; an empty value asks for requests without one. */
const Filter = {
  accountId: some,
  keyId: adminOnly(some),
  model: some,
  effort: some,
  serviceTier: some,
  /** A program without its version, as `/api/request-logs/facets` names them. */
  client: adminOnly(some),
  status: oneOrMore(z.enum(requestStatuses)),
  /** Whether the client repeated the request by itself, so that its user saw nothing of the error. */
  moved: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
  errorCode: some,
  route: some,
  transport: oneOrMore(z.enum(['sse', 'json', 'ws'])),
  /** The model source that answered. */
  sourceId: some,
  threadId: adminOnly(some),
  sessionId: adminOnly(some),
  /** The thread, or the session of requests without a thread, as `/api/conversations` has them. */
  conversationId: adminOnly(some),
  slowerThanMs: z.coerce.number().int().min(0).max(1e9).optional(),
  since: time.optional(),
  until: time.optional(),
  /** Part of an id, thread, session, model, client, route or error, in any case. */
  search: adminOnly(z.string().trim().max(200)).optional(),
}

export const RequestLogQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(500).optional(),
  ...Filter,
})

export const RequestExportQuery = z.object(Filter)
export type RequestExportQuery = z.output<typeof RequestExportQuery>

export const FacetsQuery = z.object({ since: time.optional(), until: time.optional() })

const requests = z.int()
/** What the requests of a time had, each with how many, the most first; null: none of it. */
export const RequestFacets = z.object({
  /** The time counted: that asked for, in whole quarters of an hour. */
  since: moment,
  until: moment,
  accounts: z.array(z.object({ accountId: id.nullable(), displayName: pseudonym(z.string()).nullable(), requests })),
  keys: adminOnly(
    z.array(z.object({ keyId: z.string().nullable(), name: z.string().nullable(), requests })),
  ).nullable(),
  models: z.array(z.object({ model: word.nullable(), requests })),
  clients: adminOnly(z.array(z.object({ client: z.string().nullable(), requests }))).nullable(),
  efforts: z.array(z.object({ effort: word.nullable(), requests })),
  serviceTiers: z.array(z.object({ serviceTier: word.nullable(), requests })),
  statuses: z.array(z.object({ status: z.enum(requestStatuses), requests })),
  /** Of the log, which may no longer reach as far back; a number of 10 000 means that many, or more. */
  errorCodes: z.array(z.object({ code: word, requests })),
})
export type RequestFacets = z.infer<typeof RequestFacets>

const Attempt = z.object({
  /** Null: a model source was tried. */
  accountId: id.nullable(),
  sourceId: id.nullable(),
  /** The proxy that it went through; null: directly. */
  egressId: id.nullable(),
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
