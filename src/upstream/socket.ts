import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import WebSocket from 'ws'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { Answer } from './client.ts'
import { Feed, type Sink } from './feed.ts'
import { abortReason, kindOfFailure, TransportError, type Via } from './transport-error.ts'
import { openTunnel } from './tunnel.ts'

/** The upstream answered the handshake with something else than a socket. */
export class HandshakeRefused extends Error {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  constructor(status: number, headers: IncomingHttpHeaders, body: string) {
    super(`The upstream refused a WebSocket with status ${status}.`)
    this.name = 'HandshakeRefused'
    this.status = status
    this.headers = headers
    this.body = body
  }
}

/** A socket to the upstream. Turns run on it one after the other. */
export type UpstreamSocket = {
  /** Null: the direct way. */
  via: Via | null
  /** What the handshake's answer said. */
  headers: IncomingHttpHeaders
  isOpen(): boolean
  /** How the socket ended: its close code; null while it is open. */
  closeCode(): number | null
  /** Sends one frame; the frames that come until the turn ends are the answer, in the form of server-sent events. */
  turn(frame: Buffer, signal: AbortSignal): Answer
  /** Called once, when the socket has ended while no turn ran. */
  onIdleClose(told: () => void): void
  close(): void
}

/** `connectMs` for the handshake, `firstMs` to the first frame of a turn, `silenceMs` between two frames. */
export type SocketDeadlines = { connectMs: number; firstMs: number; silenceMs: number }

const usualDeadlines: SocketDeadlines = { connectMs: 8_000, firstMs: 120_000, silenceMs: 600_000 }
/** What the upstream's own clients accept (protocol reference, §4.3). */
const maxFrameBytes = 16 * 1024 * 1024
const maxRefusalBytes = 64 * 1024

/** Opens a socket, directly or through a proxy. @throws HandshakeRefused, TransportError */
export async function openSocket(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal,
  proxy: EgressProxy | null = null,
  deadlines: SocketDeadlines = usualDeadlines,
): Promise<UpstreamSocket> {
  const way = await connectionTo(url, proxy, signal, deadlines.connectMs)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new TransportError('aborted', abortReason(signal)))
    const socket = new WebSocket(url, {
      ...way,
      headers,
      handshakeTimeout: deadlines.connectMs,
      maxPayload: maxFrameBytes,
      perMessageDeflate: false,
      followRedirects: false,
    })
    let answered: IncomingHttpHeaders = {}
    const onAbort = () => socket.terminate()
    signal.addEventListener('abort', onAbort, { once: true })
    const settled = () => signal.removeEventListener('abort', onAbort)
    socket.on('upgrade', (response: IncomingMessage) => {
      answered = response.headers
    })
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      settled()
      readText(response).then((body) => {
        reject(new HandshakeRefused(response.statusCode ?? 0, response.headers, body))
        socket.terminate()
      })
    })
    socket.once('open', () => {
      settled()
      socket.removeAllListeners('error')
      resolve(wrap(socket, answered, deadlines))
    })
    socket.on('error', (error) => {
      settled()
      reject(new TransportError(signal.aborted ? 'aborted' : kindOfFailure(error), error))
    })
  })
}

/** What a WebSocket is to run on; nothing where it connects by itself. @throws TransportError */
export async function connectionTo(
  url: URL,
  proxy: EgressProxy | null,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<{ createConnection?: () => Socket }> {
  if (proxy === null) return {}
  const isTls = url.protocol === 'wss:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const target = { host, port: Number(url.port) || (isTls ? 443 : 80), isTls }
  try {
    const socket = await openTunnel(proxy, target, { timeoutMs, signal })
    return { createConnection: () => socket }
  } catch (error) {
    if (signal.aborted) throw new TransportError('aborted', abortReason(signal))
    throw new TransportError('egress', error as Error)
  }
}

function readText(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const done = () => resolve(Buffer.concat(chunks).toString('utf8', 0, maxRefusalBytes))
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxRefusalBytes) chunks.push(chunk)
      else response.destroy()
    })
    response.once('close', done)
  })
}

function wrap(socket: WebSocket, headers: IncomingHttpHeaders, deadlines: SocketDeadlines): UpstreamSocket {
  let turn: SocketTurn | null = null
  let closeCode: number | null = null
  let idleClosed = () => {}
  socket.on('message', (data: Buffer) => {
    if (turn?.frame(data) === true) turn = null
  })
  // The close that follows says all that there is to say.
  socket.on('error', () => {})
  socket.once('close', (code: number) => {
    closeCode = code
    const running = turn
    turn = null
    if (running) running.closed(code)
    else idleClosed()
  })
  const wrapped: UpstreamSocket = {
    via: null,
    headers,
    isOpen: () => socket.readyState === WebSocket.OPEN,
    closeCode: () => closeCode,
    turn(frame, signal) {
      turn = new SocketTurn(socket, headers, signal, deadlines, wrapped.via)
      // Told once: later turns have tried no other way.
      if (wrapped.via) wrapped.via = { ...wrapped.via, failed: [] }
      socket.send(frame, { binary: false })
      return turn
    },
    onIdleClose(told) {
      idleClosed = told
    },
    close: () => socket.close(1000),
  }
  return wrapped
}

const dataStart = Buffer.from('data: ')
const dataEnd = Buffer.from('\n\n')
const newline = 0x0a
const terminalFrame = /^\s*\{\s*"type"\s*:\s*"(response\.(?:completed|incomplete|failed)|error)"/
/** Enough for the type, which comes first. */
const typeBytes = 120

/** One turn on a socket, read like the answer of an HTTP request. */
class SocketTurn implements Answer {
  readonly status = 200
  readonly headers: IncomingHttpHeaders
  readonly via: Via | null
  readonly #socket: WebSocket
  readonly #signal: AbortSignal
  readonly #feed = new Feed()
  readonly #silenceMs: number
  #timer: NodeJS.Timeout
  #sawFrame = false
  #wasSilent = false
  #isOver = false
  readonly #onAbort = () => this.abort()

  constructor(
    socket: WebSocket,
    headers: IncomingHttpHeaders,
    signal: AbortSignal,
    deadlines: SocketDeadlines,
    via: Via | null,
  ) {
    this.via = via
    this.#socket = socket
    this.#signal = signal
    this.headers = { ...headers, 'content-type': 'text/event-stream' }
    this.#silenceMs = deadlines.silenceMs
    this.#timer = this.#deadline(deadlines.firstMs)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Takes a frame; true when it was the last one. */
  frame(data: Buffer): boolean {
    if (this.#sawFrame) this.#timer.refresh()
    else {
      clearTimeout(this.#timer)
      this.#timer = this.#deadline(this.#silenceMs)
      this.#sawFrame = true
    }
    if (!this.#feed.push(asEvent(data))) this.#socket.pause()
    if (!isTerminal(data)) return false
    this.#finish((sink) => sink.end())
    return true
  }

  closed(code: number): void {
    const why = new Error(`The upstream closed the socket with code ${code}.`)
    const kind = this.#signal.aborted ? 'aborted' : this.#wasSilent ? 'silent' : 'broken'
    const failure = new TransportError(kind, this.#signal.aborted ? abortReason(this.#signal) : why)
    if (this.#signal.aborted) this.#feed.clear()
    this.#finish((sink) => sink.fail(failure))
  }

  attach(sink: Sink): void {
    this.#feed.attach(sink)
    this.resume()
  }

  resume(): void {
    if (this.#feed.resume() && this.#socket.isPaused) this.#socket.resume()
  }

  /** A turn under way cannot be taken back on its own: the socket goes with it. */
  abort(): void {
    if (!this.#isOver) this.#socket.terminate()
  }

  #deadline(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#wasSilent = true
      this.abort()
    }, ms)
    timer.unref()
    return timer
  }

  #finish(tell: (sink: Sink) => void): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#feed.finish(tell)
  }
}

function isTerminal(frame: Buffer): boolean {
  return terminalFrame.test(frame.toString('latin1', 0, typeBytes))
}

/** The frame as a server-sent event, which the rest of the way knows how to read. */
function asEvent(frame: Buffer): Buffer {
  if (!frame.includes(newline)) return Buffer.concat([dataStart, frame, dataEnd])
  return Buffer.from(`data: ${frame.toString('utf8').replaceAll(/\r?\n/g, '\ndata: ')}\n\n`)
}
