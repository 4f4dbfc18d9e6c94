import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, pause } from '../lib/clock.ts'
import type { Effect } from './fault-effects.ts'
import type { JsonObject } from './json.ts'

/** What arrived, for tests and for the curious. */
export type RecordedRequest = {
  /** `WS` for a frame on a socket, whose handshake was a `GET` of its own. */
  method: string
  /** Path and query. */
  path: string
  headers: IncomingHttpHeaders
  /** The decoded body; null when there was none, when it was broken, or when it is too large to be kept. */
  body: JsonObject | null
  bodyBytes: number
  /** Whose token it carried, once that is known. */
  email: string | null
  atMs: number
  /** Null until the exchange is over, and for good when no answer had begun. */
  status: number | null
  /** `client_gone`: the client left before the answer was complete. `cut`: the simulator ended it by force. */
  outcome: 'open' | 'finished' | 'client_gone' | 'cut'
}

/** One request and its answer on the way. */
export type Exchange = {
  request: IncomingMessage
  response: ServerResponse
  url: URL
  /** The body as an object, or null when it is none. */
  body: JsonObject | null
  /** The body as it came. */
  bytes: Buffer
  bodyBytes: number
  record: RecordedRequest
}

/** A complete answer. The content type is JSON unless the headers say otherwise. */
export type Answer = { status: number; headers: Record<string, string>; body: string }

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}

/** 200 and not one byte. */
export const emptyStream: Answer = { status: 200, headers: { 'content-type': 'text/event-stream' }, body: '' }

/** Sends a whole answer; `extra` headers go under the answer's own. */
export function send(response: ServerResponse, answer: Answer, extra: Record<string, string> = {}): void {
  response.writeHead(answer.status, { ...extra, ...answer.headers })
  response.end(answer.body)
}

/** The whole request body, or null when it is larger than `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop must not destroy the request: its socket still has to carry the refusal.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > maxBytes) return null
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

/** Keeps the record's status and outcome true. */
export function follow({ response, record }: Exchange): void {
  response.once('close', () => {
    if (response.headersSent) record.status = response.statusCode
    if (record.outcome === 'open') record.outcome = response.writableFinished ? 'finished' : 'client_gone'
  })
}

/** Carries out a fault that needs to know nothing of the request. True when nothing more may be answered. */
export async function suffer(
  exchange: Exchange,
  effect: Effect | null,
  clock: Clock,
  headers: Record<string, string> = {},
): Promise<boolean> {
  if (effect?.kind === 'answer') send(exchange.response, effect.answer, headers)
  else if (effect?.kind === 'close') send(exchange.response, emptyStream, headers)
  else if (effect?.kind === 'reset') {
    exchange.record.outcome = 'cut'
    exchange.request.socket.resetAndDestroy()
  } else if (effect?.kind === 'delay') return !(await waited(exchange.response, effect.ms, clock))
  else return effect?.kind === 'hang'
  return true
}

/** Waits, and says whether the client is still there afterwards. */
async function waited(response: ServerResponse, ms: number, clock: Clock): Promise<boolean> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  try {
    await pause(clock, ms, gone.signal)
    return true
  } catch {
    // Only the client's leaving ends the wait early.
    return false
  }
}
