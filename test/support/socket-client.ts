import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import WebSocket from 'ws'
import type { Simulator } from '../../src/simulator/upstream.ts'
import { type SimulatedEvent, tokensOf } from './simulator-client.ts'

/** How a socket ended; 1006 without a reason when no closing frame came. */
type Closed = { code: number; reason: string }

/** A client on an open socket. What it waits for fails after ten seconds. */
export type SocketClient = {
  /** Those of the handshake's answer. */
  headers: IncomingHttpHeaders
  send(frame: object | string | Buffer): void
  /** The next frame that nobody took yet, as it came. Fails when the socket is closed before one comes. */
  nextText(): Promise<string>
  next(): Promise<SimulatedEvent>
  /** The events up to the one that ends the turn, or, when the socket is closed earlier, as far as they went. */
  events(): Promise<SimulatedEvent[]>
  /** Sends a `response.create` with these fields and reads its events. */
  turn(fields: object): Promise<SimulatedEvent[]>
  /** Resolves when the socket is closed, whoever did it. */
  closed: Promise<Closed>
  /** Stops and goes on reading, as a slow client does. */
  pause(): void
  resume(): void
  ping(): Promise<void>
  close(code?: number, reason?: string): Promise<Closed>
  /** Drops the connection without a closing frame. */
  drop(): void
}

/** The answer to a handshake that was refused. */
export type Refused = { status: number; headers: IncomingHttpHeaders; text: string }

const deadlineMs = 10_000
const endings = ['response.completed', 'response.failed', 'response.incomplete', 'error']
const gone = Symbol('gone')

/** Opens a socket; an `http:` address will do. @throws Error that names the status and the body of a refusal */
export async function openSocket(url: string, headers: Record<string, string> = {}): Promise<SocketClient> {
  const opened = await handshake(url, headers)
  if ('socket' in opened) return clientOf(opened)
  throw new Error(`The handshake was answered ${opened.status}: ${opened.text}`)
}

/** Asks for a socket that must be refused. @throws Error when it was opened, or the connection broke */
export async function refusedSocket(url: string, headers: Record<string, string> = {}): Promise<Refused> {
  const opened = await handshake(url, headers)
  if (!('socket' in opened)) return opened
  opened.socket.terminate()
  throw new Error('The handshake was not refused.')
}

/** What a simulated account's handshake carries; `changes` replace headers, and undefined leaves one out. */
export function handshakeHeaders(
  simulator: Simulator,
  email: string,
  changes: Record<string, string | undefined> = {},
): Record<string, string> {
  const tokens = tokensOf(simulator, email)
  const headers = {
    authorization: `Bearer ${tokens.access_token}`,
    'chatgpt-account-id': tokens.account_id,
    'openai-beta': 'responses_websockets=2026-02-06',
    ...changes,
  }
  const given = Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined)
  return Object.fromEntries(given)
}

type Opened = { socket: WebSocket; headers: IncomingHttpHeaders; arrived: (string | typeof gone)[] }

function handshake(url: string, headers: Record<string, string>): Promise<Opened | Refused> {
  return new Promise((resolve, reject) => {
    const options = { headers, handshakeTimeout: deadlineMs, perMessageDeflate: false }
    const socket = new WebSocket(url.replace(/^http/, 'ws'), options)
    const arrived: Opened['arrived'] = []
    let answered: IncomingHttpHeaders = {}
    // From the first byte on: frames may come in the same packet as the handshake's answer.
    socket.on('message', (data) => void arrived.push(String(data)))
    socket.once('close', () => void arrived.push(gone))
    socket.once('upgrade', (response: IncomingMessage) => {
      answered = response.headers
    })
    socket.once('open', () => resolve({ socket, headers: answered, arrived }))
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      readText(response).then((text) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
        socket.terminate()
      }, reject)
    })
    socket.on('error', reject)
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

function clientOf({ socket, headers, arrived }: Opened): SocketClient {
  const closed = new Promise<Closed>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })

  async function take(): Promise<string | typeof gone> {
    if (arrived.length === 0) await within(changed(socket), 'Nothing came on the socket.')
    const first = arrived[0]
    if (first === undefined) return take()
    // The end stays where it is: it is there for everybody who waits.
    if (first !== gone) arrived.shift()
    return first
  }

  const client: SocketClient = {
    headers,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
    async nextText() {
      const text = await take()
      if (text === gone) throw new Error('The socket was closed.')
      return text
    },
    next: async () => JSON.parse(await client.nextText()),
    async events() {
      const events: SimulatedEvent[] = []
      for (;;) {
        const text = await take()
        if (text === gone) return events
        const event: SimulatedEvent = JSON.parse(text)
        events.push(event)
        if (endings.includes(event.type)) return events
      }
    },
    turn(fields) {
      client.send({ type: 'response.create', ...fields })
      return client.events()
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    async ping() {
      const answered = new Promise<void>((resolve) => socket.once('pong', () => resolve()))
      socket.ping()
      await within(answered, 'No pong came.')
    },
    async close(code = 1000, reason = '') {
      socket.close(code, reason)
      return within(closed, 'The socket was not closed.')
    },
    drop: () => socket.terminate(),
  }
  return client
}

/** Resolves with the next frame or the end; both are in the list by then. */
function changed(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const seen = () => {
      socket.off('message', seen)
      socket.off('close', seen)
      resolve()
    }
    socket.on('message', seen)
    socket.on('close', seen)
  })
}

async function within<Value>(work: Promise<Value>, otherwise: string): Promise<Value> {
  const timer = new AbortController()
  const late = wait(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(otherwise)
  })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}
