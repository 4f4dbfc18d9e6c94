import type { IncomingHttpHeaders } from 'node:http'
import { Agent, type buildConnector, type Dispatcher } from 'undici'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import { egressErrorOf } from './egress-error.ts'
import { Feed, type Sink } from './feed.ts'
import { abortReason, kindOfFailure, TransportError, type Via } from './transport-error.ts'
import { openTunnel } from './tunnel.ts'

/** Longest waits towards the upstream, in ms. */
export type Deadlines = { connectMs: number; headersMs: number; silenceMs: number }

const turnDeadlines: Deadlines = { connectMs: 8_000, headersMs: 120_000, silenceMs: 600_000 }

/** An answer whose headers are in. Little is read before a sink is attached; attaching another one hands over. */
export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  /** Null: the direct way. */
  via: Via | null
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
  /** Directly, or through a proxy. Calls of accounts go through `Outbound`, which knows their way. @throws TransportError when no headers came. */
  send(request: SendRequest, proxy?: EgressProxy | null): Promise<Answer>
  /** Lets go of the connections through a proxy when what runs on them has ended. */
  forget(proxyId: string): void
  close(): Promise<void>
}

/** One pool of connections per way out and origin, HTTP/1.1 with keep-alive unless the origin prefers HTTP/2. */
export function createUpstreamClient(deadlines: Deadlines = turnDeadlines, allowH2 = false): UpstreamClient {
  const common = {
    headersTimeout: deadlines.headersMs,
    bodyTimeout: deadlines.silenceMs,
    keepAliveTimeout: 30_000,
    pipelining: 1,
  }
  const direct = new Agent({ ...common, connect: { timeout: deadlines.connectMs }, allowH2 })
  const through = new Map<string, { proxy: EgressProxy; agent: Agent }>()
  const leaving = new Set<Agent>()
  const agentOf = (proxy: EgressProxy): Agent => {
    const known = through.get(proxy.id)
    if (known?.proxy.version === proxy.version) return known.agent
    letGo(proxy.id)
    const agent = new Agent({ ...common, connect: tunnelling(proxy, deadlines.connectMs) })
    through.set(proxy.id, { proxy, agent })
    return agent
  }
  /** What runs goes on; what would begin takes the new connections. */
  const letGo = (proxyId: string) => {
    const known = through.get(proxyId)
    if (known === undefined) return
    through.delete(proxyId)
    leaving.add(known.agent)
    const gone = () => void leaving.delete(known.agent)
    known.agent.close().then(gone, gone)
  }
  return {
    send: (request, proxy = null) =>
      sendThrough(proxy === null ? direct : agentOf(proxy), { headersMs: deadlines.headersMs, ...request }),
    forget: letGo,
    async close() {
      const agents = [direct, ...[...through.values()].map(({ agent }) => agent), ...leaving]
      await Promise.all(agents.map((agent) => agent.destroy()))
    },
  }
}

/** How undici gets its connections through a proxy: as tunnels, also to an upstream without TLS. */
function tunnelling(proxy: EgressProxy, timeoutMs: number): buildConnector.connector {
  return ({ hostname, port, protocol, servername }, told) => {
    const isTls = protocol === 'https:'
    const host = hostname.replace(/^\[|\]$/g, '')
    const target = { host, port: Number(port) || (isTls ? 443 : 80), isTls, servername }
    openTunnel(proxy, target, { timeoutMs }).then(
      (socket) => told(null, socket),
      (error: Error) => told(egressErrorOf(error), null),
    )
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
  via: Via | null = null
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
