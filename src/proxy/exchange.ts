import type { Downstream } from './downstream.ts'
import type { Failure } from './failure.ts'
import type { Shape } from './relay.ts'

/** How the protocol of one client is spoken during one turn. */
export type Exchange = {
  /** A stream of events, or one object. */
  streams: boolean
  /** Makes of the upstream's stream what this client gets. */
  createShape(): Shape
  /** Keeps a silent stream alive. */
  keepAlive: string
  /** True when the upstream's bytes go out as they come, so that nothing may stand between two parts of an event. */
  passesBytes: boolean
  /** What a client that wants no stream gets, of the whole response. */
  objectOf(response: Record<string, unknown>): unknown
  /** An error in this protocol's words, while nothing was sent yet. */
  failure(failure: Failure): Failure
}

/** The way back to whoever asked. One of `refuse` and `answer` is used, or `out`. */
export type Client = {
  out: Downstream
  refuse(failure: Failure): unknown
  /** True for an error that is told by letting the client go: it asks again by itself, and its user sees nothing. */
  moves?(code: string): boolean
  answer(headers: Record<string, string>, body: unknown): unknown
}

/** Opens the way back; `wrote` hears of everything that is written to the stream. */
export type Connect = (wrote: () => void) => Client
