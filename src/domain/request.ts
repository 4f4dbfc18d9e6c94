import type { AffinityKey } from './affinity.ts'

/** An object that exists on one account only. Whoever names it must be served by that account. */
export type OwnedKind = 'response' | 'file' | 'conversation' | 'turn_state' | 'call'
export type OwnedObject = { kind: OwnedKind; id: string }

/** One request as routing sees it. */
export type Ask = {
  requestId: string
  model: string
  effort: string | null
  serviceTier: string | null
  /** Whether the client wants a stream. */
  stream: boolean
  /** The client key that the request came with; null: none. */
  keyId: string | null
  /** A guess at the input's tokens, from the size of the body. */
  inputTokens: number
  /** Soft affinity, strongest first. */
  affinityKeys: AffinityKey[]
  /** Objects that pin the request to their account. */
  owned: OwnedObject[]
  sessionId: string | null
  threadId: string | null
}

/** Tokens of one turn. `cached` is part of `input`, `reasoning` is part of `output`. */
export type TokenUsage = { input: number; cached: number; output: number; reasoning: number }

/**
 * What an error concerns. Only `account` may ever touch an account's health. `egress`: the way out, or an edge in front of
 * the upstream. `capability`: something beside the model that the account was not given. `source`: a model source, and no
 * account.
 */
export const errorScopes = ['request', 'model', 'capability', 'account', 'egress', 'local_network', 'source'] as const
export type ErrorScope = (typeof errorScopes)[number]

/** One try on one account, or on one model source, in order; the last one gave the answer. */
export type Attempt = {
  /** Null: a source was tried. */
  accountId: string | null
  /** The source that was tried in place of an account; requests logged by earlier releases have none. */
  sourceId?: string
  verdict: string
  /** What the error concerns; null for an answer that was relayed. */
  scope: ErrorScope | null
  code: string | null
  status: number | null
  /** The proxy that it went through; null: directly. Records of releases before have none. */
  egressId?: string | null
  /** When it had shown what it is. */
  atMs: number
  /** How long that took. */
  tookMs: number
}

export type Outcome = 'success' | 'error' | 'cancelled'

/** One request as the log keeps it. Durations in ms from the arrival of the request. No prompt, no answer. */
export type RequestRecord = {
  /** Ours, unique. */
  id: string
  /** What both sides call the request; a client that sends one of its own may send it again. */
  requestId: string
  atMs: number
  route: string
  model: string | null
  effort: string | null
  serviceTier: string | null
  accountId: string | null
  keyId: string | null
  status: Outcome
  httpStatus: number
  errorCode: string | null
  errorMessage: string | null
  usage: TokenUsage | null
  /** Estimate at API list prices in millionths of a dollar; null when the model has no known price. */
  costMicroUsd: number | null
  firstTokenMs: number | null
  totalMs: number
  transport: 'sse' | 'json' | 'ws'
  client: string | null
  sessionId: string | null
  threadId: string | null
  responseId: string | null
  /** Digest of the strongest soft key; null when the request had none. */
  affinityKey: string | null
  /** How long the request waited for a place on an account; null: it did not. */
  waitedMs: number | null
  /** Where the client called from. */
  clientAddress: string | null
  /** The model source that answered in place of an account; null: an account did, or nobody. */
  sourceId: string | null
  /** The egress proxy of the last try; null: the direct way. */
  egressId: string | null
  /** The client was told to ask again elsewhere, which it does by itself: its user saw nothing of the failure. */
  moved: boolean
  attempts: Attempt[]
  /** The routing decision of the last attempt, kept as it was made. */
  decision: unknown
}
