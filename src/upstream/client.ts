import type { IncomingHttpHeaders } from 'node:http'
import { Agent, type Dispatcher } from 'undici'

/** Longest waits towards the upstream, in ms. */
export type Deadlines = { connectMs: number; headersMs: number; silenceMs: number }

const turnDeadlines: Deadlines = { connectMs: 8_000, headersMs: 120_000, silenceMs: 600_000 }

/** Why an exchange broke off. `unreachable`: provably never sent. `silent`: a deadline. `aborted`: by ourselves. */
export type BreakKind = 'unreachable' | 'untrusted' | 'broken' | 'silent' | 'aborted'

/** The transport failed; no answer, or only a part of it. */
export class TransportError extends Error {
  readonly kind: BreakKind
  constructor(kind: BreakKind, cause: Error) {
    super(cause.message, { cause })
    this.name = 'TransportError'
    this.kind = kind
  }
}

/** Where the bytes of an answer go. `data` returns false to get no more until `resume()`. */
type Sink = { data(chunk: Buffer): boolean; end(): void; fail(error: TransportError): void }

/** An answer whose headers are in. Little is read before a sink is attached; attaching another one hands over. */
export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  attach(sink: Sink): void
  resume(): void
  abort(): void
}

type SendRequest = {
  method: 'GET' | 'POST'
  /** Absolute. */
  url: URL
  headers: Record<string, string>
  body: Buffer | null
  signal: AbortSignal
  headersMs?: number
}

export type UpstreamClient = {
  /** @throws TransportError when no headers came. */
  send(request: SendRequest): Promise<Answer>
  close(): Promise<void>
}

/** One connection pool per origin, HTTP/1.1 with keep-alive unless the origin prefers HTTP/2. */
export function createUpstreamClient(deadlines: Deadlines = turnDeadlines, allowH2 = false): UpstreamClient {
  const agent = new Agent({
    connect: { timeout: deadlines.connectMs },
    headersTimeout: deadlines.headersMs,
    bodyTimeout: deadlines.silenceMs,
    keepAliveTimeout: 30_000,
    pipelining: 1,
    allowH2,
  })
  return {
    send(request) {
      return new Promise((resolve, reject) => {
        const exchange = new Exchange(request.signal, resolve, reject)
        if (request.signal.aborted) return exchange.onResponseError(null, abortReason(request.signal))
        agent.dispatch(
          {
            origin: request.url.origin,
            path: request.url.pathname + request.url.search,
            method: request.method,
            headers: request.headers,
            body: request.body,
            headersTimeout: request.headersMs ?? deadlines.headersMs,
          },
          exchange,
        )
      })
    },
    close: () => agent.destroy(),
  }
}

/** What nobody takes is kept up to this size: cheaper than stopping a read in the middle, and then not read at all. */
const maxHeldBytes = 64 * 1024

/** One request on its way: undici drives it, whoever awaits the answer reads it. */
class Exchange implements Dispatcher.DispatchHandler, Answer {
  status = 0
  headers: IncomingHttpHeaders = {}
  #controller: Dispatcher.DispatchController | null = null
  #sink: Sink | null = null
  /** False while the sink wants no more. */
  #flows = false
  #held: Buffer[] = []
  #heldBytes = 0
  #ending: ((sink: Sink) => void) | null = null
  /** The sink that was told of the end. */
  #told: Sink | null = null
  readonly #signal: AbortSignal
  readonly #answered: (answer: Answer) => void
  readonly #failed: (error: TransportError) => void
  readonly #onAbort = () => this.abort()

  constructor(signal: AbortSignal, answered: (answer: Answer) => void, failed: (error: TransportError) => void) {
    this.#signal = signal
    this.#answered = answered
    this.#failed = failed
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#signal.aborted) this.abort()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#controller = controller
    this.status = status
    this.headers = headers
    this.#answered(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#flows) this.#pass(chunk)
    else {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      if (this.#heldBytes >= maxHeldBytes) controller.pause()
    }
  }

  onResponseEnd(): void {
    this.#finish((sink) => sink.end())
  }

  onResponseError(_controller: unknown, error: Error): void {
    const failure = new TransportError(this.#signal.aborted ? 'aborted' : kindOf(error), error)
    if (this.status === 0) this.#failed(failure)
    // Whoever ended the exchange wants nothing more of it.
    if (this.#signal.aborted) this.#held = []
    this.#finish((sink) => sink.fail(failure))
  }

  attach(sink: Sink): void {
    this.#sink = sink
    this.resume()
  }

  resume(): void {
    const sink = this.#sink
    this.#flows = true
    // A sink may hand over to another one while it takes a chunk: then that one has gone on with the rest.
    while (this.#flows && this.#sink === sink && this.#held.length > 0) {
      const chunk = this.#held.shift() as Buffer
      this.#heldBytes -= chunk.length
      this.#pass(chunk)
    }
    if (!this.#flows || this.#sink !== sink) return
    this.#tellEnd()
    this.#controller?.resume()
  }

  abort(): void {
    this.#controller?.abort(abortReason(this.#signal))
  }

  #pass(chunk: Buffer): void {
    if (this.#sink?.data(chunk) === false) this.#flows = false
  }

  #finish(tell: (sink: Sink) => void): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#ending = tell
    this.#tellEnd()
  }

  /** The end may come before a sink is there to hear of it, or between two; each is told once, after the last chunk. */
  #tellEnd(): void {
    if (this.#ending === null || this.#sink === null || this.#sink === this.#told || this.#held.length > 0) return
    this.#told = this.#sink
    this.#ending(this.#sink)
  }
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('The exchange was ended.')
}

const neverSent = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
])
const tooSlow = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

function kindOf(error: Error): BreakKind {
  const code = codeOf(error)
  if (neverSent.has(code)) return 'unreachable'
  if (tooSlow.has(code)) return 'silent'
  if (
    code.startsWith('CERT_') ||
    code.startsWith('ERR_TLS_') ||
    code.startsWith('ERR_SSL_') ||
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)
  ) {
    return 'untrusted'
  }
  return 'broken'
}

/** The system's code; of several attempts (IPv6 and IPv4) the last one's. */
function codeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1))
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : ''
}
