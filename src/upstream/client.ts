import type { IncomingHttpHeaders } from 'node:http'
import { Agent, type Dispatcher } from 'undici'
import { Feed, type Sink } from './feed.ts'
import { abortReason, kindOfFailure, TransportError } from './transport-error.ts'

/** Longest waits towards the upstream, in ms. */
export type Deadlines = { connectMs: number; headersMs: number; silenceMs: number }

const turnDeadlines: Deadlines = { connectMs: 8_000, headersMs: 120_000, silenceMs: 600_000 }

/** An answer whose headers are in. Little is read before a sink is attached; attaching another one hands over. */
export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  attach(sink: Sink): void
  resume(): void
  abort(): void
}

export type SendRequest = {
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
    send: (request) => sendThrough(agent, { headersMs: deadlines.headersMs, ...request }),
    close: () => agent.destroy(),
  }
}

/** Sends a request through somebody's connections. @throws TransportError when no headers came. */
export function sendThrough(dispatcher: Dispatcher, request: SendRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(request.signal, resolve, reject)
    if (request.signal.aborted) return exchange.onResponseError(null, abortReason(request.signal))
    dispatcher.dispatch(
      {
        origin: request.url.origin,
        path: request.url.pathname + request.url.search,
        method: request.method,
        headers: request.headers,
        body: request.body,
        ...(request.headersMs === undefined ? {} : { headersTimeout: request.headersMs }),
      },
      exchange,
    )
  })
}

/** One request on its way: undici drives it, whoever awaits the answer reads it. */
class Exchange implements Dispatcher.DispatchHandler, Answer {
  status = 0
  headers: IncomingHttpHeaders = {}
  #controller: Dispatcher.DispatchController | null = null
  readonly #feed = new Feed()
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
    if (!this.#feed.push(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.#finish((sink) => sink.end())
  }

  onResponseError(_controller: unknown, error: Error): void {
    const failure = new TransportError(this.#signal.aborted ? 'aborted' : kindOfFailure(error), error)
    if (this.status === 0) this.#failed(failure)
    // Whoever ended the exchange wants nothing more of it.
    if (this.#signal.aborted) this.#feed.clear()
    this.#finish((sink) => sink.fail(failure))
  }

  attach(sink: Sink): void {
    this.#feed.attach(sink)
    this.resume()
  }

  resume(): void {
    if (this.#feed.resume()) this.#controller?.resume()
  }

  abort(): void {
    this.#controller?.abort(abortReason(this.#signal))
  }

  #finish(tell: (sink: Sink) => void): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#feed.finish(tell)
  }
}
