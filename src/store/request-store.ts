import type { SumRows } from '../domain/packed-sums.ts'
import type { Outcome, RequestRecord, TokenUsage } from '../domain/request.ts'
import type { KnownKind } from '../domain/request-sums.ts'
import type { Place } from './cursor.ts'
import type { Page } from './store.ts'

/**
 * What a page of the log is narrowed to. A request fits a list that names its value; an empty value fits requests without
 * one. `search` is part of a text.
 */
export type RequestFilter = {
  accountIds?: readonly string[] | undefined
  keyIds?: readonly string[] | undefined
  models?: readonly string[] | undefined
  efforts?: readonly string[] | undefined
  tiers?: readonly string[] | undefined
  /** Families: programs without their versions. */
  clients?: readonly string[] | undefined
  statuses?: readonly Outcome[] | undefined
  /** True: only those that their clients repeated unseen; false: only others. */
  moved?: boolean | undefined
  errorCodes?: readonly string[] | undefined
  routes?: readonly string[] | undefined
  transports?: readonly string[] | undefined
  sourceIds?: readonly string[] | undefined
  threadIds?: readonly string[] | undefined
  sessionIds?: readonly string[] | undefined
  /** Of the thread, or of the session where there is no thread. */
  conversationIds?: readonly string[] | undefined
  /** Part of the name of a conversation; empty: of any. */
  inConversation?: string | undefined
  slowerThanMs?: number | undefined
  sinceMs?: number | undefined
  untilMs?: number | undefined
  search?: string | undefined
}

export type RequestSums = {
  atMs: number
  requests: number
  errors: number
  cancelled: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  costMicroUsd: number
}

/** Sums of requests of one hour, or of one day. */
export type TimedSums = { atMs: number; rows: SumRows }

/** A logged request, as far as choosing again needs it. */
export type Arrival = Pick<
  RequestRecord,
  'id' | 'atMs' | 'model' | 'accountId' | 'status' | 'usage' | 'totalMs' | 'affinityKey' | 'threadId' | 'sessionId'
>

/** Requests of one conversation that have all of this in common. */
export type ConversationPart = Pick<
  RequestRecord,
  'accountId' | 'keyId' | 'model' | 'effort' | 'client' | 'status' | 'moved'
> & {
  requests: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  reasoningTokens: number
  costMicroUsd: number
  totalMs: number
}
export type ConversationSums = {
  id: string
  /** Whether requests name it as their thread; else it is the session of requests without one. */
  isThread: boolean
  firstMs: number
  lastMs: number
  parts: ConversationPart[]
  /** Older requests are not among the sums. */
  isCut: boolean
}

/** What the cost of a request depends on. */
type Priced = { model: string; serviceTier: string | null; usage: TokenUsage }

/** The request log. */
export type RequestStore = {
  add(records: readonly RequestRecord[]): Promise<void>
  /**
   * Newest first. `cursor` is a `nextCursor` of the page before. No more than `rows` of the log are looked at: the page may
   * have fewer items than fit, and even none, and still name a next one. `isSlim`: without attempts and decision.
   * @throws AppError invalid_request for a cursor that is not ours
   */
  page(query: {
    limit: number
    cursor: string | null
    filter?: RequestFilter
    rows?: number
    isSlim?: boolean
  }): Promise<Page<RequestRecord>>
  /** The error codes within a time, in their order, at most `limit`; each counted up to a number. */
  errorCodes(query: {
    sinceMs: number
    untilMs: number
    limit: number
    countTo: number
  }): Promise<{ code: string; requests: number }[]>
  /** Sums per bucket of time, for buckets that have requests, oldest first; of one key (null: without one), or of all. */
  sums(query: { sinceMs: number; untilMs: number; bucketMs: number; keyId?: string | null }): Promise<RequestSums[]>
  /**
   * The conversations of the next `rows` rows of the log, newest first, each with the place of its newest among them that
   * fits. `nextCursor` null: there are no more rows.
   */
  conversations(query: {
    cursor: string | null
    filter: RequestFilter
    rows?: number
  }): Promise<{ places: (Place & { conversationId: string })[]; nextCursor: string | null }>
  /** Sums of the newest `rows` requests of one conversation, by what they have in common; null: there is none. */
  conversation(id: string, rows: number): Promise<ConversationSums | null>
  /**
   * Gives the requests of accounts after a place, oldest first, at most `limit`, the cost that `costOf` says, and their
   * sums with it. `last` null: there are no more.
   */
  reprice(query: {
    after: Place
    untilMs: number
    limit: number
    costOf: (request: Priced) => number | null
  }): Promise<{ requests: number; changed: number; last: Place | null }>
  get(id: string): Promise<RequestRecord | null>
  /** What "what if" replays, oldest first: requests that reached the upstream, at most `limit`. */
  arrivals(query: { sinceMs: number; untilMs: number; limit: number }): Promise<Arrival[]>
}

/** Sums of requests, which outlive the log. Each request is part of them from the moment it is logged. */
export type RequestSumStore = {
  /** By number. Not to be changed. */
  kinds(): Promise<readonly KnownKind[]>
  /** How far back sums go, and the times of requests that an earlier release has logged and that are no part of them yet. */
  span(): Promise<{ oldestMs: number | null; uncounted: { firstMs: number; lastMs: number } | null }>
  /**
   * Sums of these days, of these hours, and, `fresh`, what is not part of its hour and day yet in any hour that touches
   * the time: all as of one moment. `withUncounted` adds to it requests that are no part of any sum.
   */
  read(query: {
    days: readonly number[]
    hours: readonly number[]
    sinceMs: number
    untilMs: number
    withUncounted?: boolean
  }): Promise<{ days: TimedSums[]; hours: TimedSums[]; fresh: TimedSums[] }>
  /** Makes new sums part of one hour and its day, if it lies before a time or has so many. False: there is none such. */
  fold(which: { beforeMs: number; minRows: number }): Promise<boolean>
  /** Counts at most `limit` requests that an earlier release has logged, newest first; returns how many. */
  countOlder(limit: number): Promise<number>
}
