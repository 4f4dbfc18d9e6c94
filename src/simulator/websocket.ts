import { type IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { fullWindow, rateHeaders, type SimulatedAccount } from './accounts.ts'
import { authenticate } from './backend.ts'
import { type Answer, type Exchange, follow, type RecordedRequest, send, suffer } from './http.ts'
import { isForeignTurnState, newTurnState } from './marks.ts'
import { errorAnswer, foreignTurnState, windowFull } from './refusals.ts'
import { headersOf } from './responses.ts'
import { type Connection, serveConnection } from './socket-connection.ts'
import type { World } from './world.ts'

const path = '/backend-api/codex/responses'
const protocol = 'responses_websockets=2026-02-06'
const largestFrameBytes = 16 * 1024 * 1024

/** The WebSockets of the simulated upstream, from the handshake to the close. */
export type Sockets = {
  /** Whether a request asks for a socket and may have one. */
  takes(request: IncomingMessage): boolean
  /** Answers a handshake, with 101 when all is well. */
  open(request: IncomingMessage, tcp: Duplex, head: Buffer): Promise<void>
  /** Closes those of an account, or all. */
  close(account: SimulatedAccount | null, code: number, reason: string): void
}

export function createSockets(world: World): Sockets {
  const connections = new Set<Connection>()
  const answerHeaders = new WeakMap<IncomingMessage, Record<string, string>>()
  const server = new WebSocketServer({ noServer: true, maxPayload: largestFrameBytes, perMessageDeflate: false })
  server.on('headers', (lines, request) => {
    for (const [name, value] of Object.entries(answerHeaders.get(request) ?? {})) lines.push(`${name}: ${value}`)
  })

  function accept(exchange: Exchange, tcp: Socket, head: Buffer, account: SimulatedAccount): Connection | null {
    const { request, response, record } = exchange
    const state = request.headers['x-codex-turn-state']
    answerHeaders.set(request, {
      ...rateHeaders(account, world.clock.now()),
      'x-codex-turn-state': typeof state === 'string' ? state : newTurnState(account),
    })
    response.detachSocket(tcp)
    record.outcome = 'finished'
    // What the library refuses, a wrong version or key, it answers itself.
    record.status = 400
    let made: Connection | null = null
    server.handleUpgrade(request, tcp, head, (socket) => {
      record.status = 101
      made = serveConnection({ socket, tcp, account, path: record.path, headers: request.headers }, world)
    })
    return made
  }

  return {
    takes: ({ method, url = '', headers }) =>
      world.webSockets &&
      method === 'GET' &&
      url.split('?', 1)[0] === path &&
      headers.upgrade?.toLowerCase() === 'websocket',

    async open(request, tcp, head) {
      // The server listens on TCP, and every connection of such a server is one.
      if (!(tcp instanceof Socket)) throw new TypeError('A handshake came over something else than TCP.')
      const early = [head]
      const stopWaiting = waitFor(tcp, early)
      const exchange = exchangeOf(request, tcp, world)
      const { record, response } = exchange
      world.records.add(record, null)
      follow(exchange)
      const who = authenticate(exchange, world)
      if ('refusal' in who) return send(response, who.refusal)
      const { account } = who
      record.email = account.email
      const nowMs = world.clock.now()
      const effect = world.faults.take(account, 'handshake', { model: '', nowMs })
      const headers = headersOf(account, '', nowMs)
      const closing = effect?.kind === 'close' ? effect : null
      if (closing === null && (await suffer(exchange, effect, world.clock, headers))) return
      const refusal = refusalOfHandshake(request, account, world)
      if (refusal) return send(response, refusal, headers)
      stopWaiting()
      const connection = accept(exchange, tcp, Buffer.concat(early), account)
      if (connection === null) return
      connections.add(connection)
      connection.socket.once('close', () => connections.delete(connection))
      if (closing) connection.socket.close(closing.code, closing.reason)
    },

    close(account, code, reason) {
      for (const connection of connections) {
        if (account === null || connection.account === account) connection.socket.close(code, reason)
      }
    },
  }
}

/** A handshake is answered like any other request until it is taken. */
function exchangeOf(request: IncomingMessage, tcp: Socket, { clock }: World): Exchange {
  const response = new ServerResponse(request)
  response.assignSocket(tcp)
  response.shouldKeepAlive = false
  response.once('finish', () => tcp.destroySoon())
  const record: RecordedRequest = {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body: null,
    bodyBytes: 0,
    email: null,
    atMs: clock.now(),
    status: null,
    outcome: 'open',
  }
  const url = new URL(record.path, 'http://simulator')
  return { request, response, url, body: null, bytes: Buffer.alloc(0), bodyBytes: 0, record }
}

/** Notices a client that leaves before its handshake is answered, and keeps what one sends too early. */
function waitFor(tcp: Socket, early: Buffer[]): () => void {
  const onData = (chunk: Buffer) => void early.push(chunk)
  const onEnd = () => tcp.destroy()
  tcp.on('data', onData).on('end', onEnd)
  // Without a listener a reset connection would end the process; its close says the rest.
  tcp.on('error', () => {})
  return () => void tcp.off('data', onData).off('end', onEnd)
}

function refusalOfHandshake(request: IncomingMessage, account: SimulatedAccount, { clock }: World): Answer | null {
  const offered = String(request.headers['openai-beta'] ?? '').split(',')
  if (!offered.some((token) => token.trim() === protocol)) {
    return errorAnswer(400, { code: 'invalid_value', message: `The OpenAI-Beta header must hold ${protocol}.` })
  }
  const state = request.headers['x-codex-turn-state']
  if (typeof state === 'string' && isForeignTurnState(account, state)) return foreignTurnState()
  const nowMs = clock.now()
  const full = fullWindow(account, nowMs)
  return full ? windowFull(account, full, nowMs) : null
}
