import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import type { Guest } from '../domain/api-key.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import { isNativeCodex } from '../upstream/headers.ts'
import { failureOfAppError, unexplained } from './failure.ts'
import { guestOf } from './guest.ts'
import { readTurn } from './read-turn.ts'
import { scanObject } from './scan.ts'
import { answerTurn, reserveTurn, type ServeDeps } from './serve.ts'
import { socketClient } from './socket-client.ts'
import { errorFrame } from './socket-errors.ts'
import type { SocketGate } from './socket-gate.ts'
import { type Link, type Links, sendBySocket } from './socket-send.ts'
import type { Surface } from './surfaces.ts'

/** One client's socket: turns run on it one after the other, each on the account that is chosen for it. */
export type SocketSession = {
  /** Close as soon as no turn runs. */
  drain(): void
}

export type SocketDeps = ServeDeps & {
  clock: Clock
  socketGate: SocketGate
  /** Whether whoever has opened a socket may still ask on it. */
  clientGate: { stays(guest: Guest): Guest }
  sockets: { add(session: SocketSession): () => void }
  /** What goes before the first event of a turn, or null. */
  greeting: (surface: Surface, headers: IncomingHttpHeaders, guest: Guest) => string | null
}

/** So many requests may wait for the one that runs; clients send one at a time. */
const maxQueued = 4
const idleMs = 30 * 60_000
/** The upstream accepts no larger frame (protocol reference, §4.3); as a 413 Codex would send it five times. */
const maxFrameBytes = 15 * 1024 * 1024
const closeCodes = { normal: 1000, goingAway: 1001, unsupported: 1003, policy: 1008, restart: 1012 } as const

export function serveSocket(
  socket: WebSocket,
  request: Pick<FastifyRequest, 'headers' | 'guest'>,
  surface: Surface,
  deps: SocketDeps,
): void {
  const { clock } = deps
  const { headers } = request
  let guest = guestOf(request)
  const waiting: Buffer[] = []
  let link: Link = null
  let running: AbortController | null = null
  let isDraining = false
  let cancelIdle = () => {}

  const closeWith = (code: number, reason: string) => socket.close(code, reason)
  const links: Links = {
    get: () => link,
    set(next) {
      if (link !== null && link.socket !== next?.socket) link.socket.close()
      link = next
      // What the client sends next continues a conversation that went with the socket: on a new one it sends all of it.
      next?.socket.onIdleClose(() => {
        if (link !== next) return
        link = null
        if (running === null) closeWith(closeCodes.restart, 'upstream_closed')
      })
    },
  }
  const turnDeps: ServeDeps = { ...deps, send: sendBySocket(links, deps.socketGate) }
  const owner = { isCodex: isNativeCodex(headers), greeting: () => deps.greeting(surface, headers, guest) }
  const connect = socketClient(socket, closeWith, owner, clock)

  const rest = () => {
    cancelIdle()
    cancelIdle = clock.after(idleMs, () => {
      if (running === null) closeWith(closeCodes.goingAway, 'idle')
    })
    if (isDraining) closeWith(closeCodes.restart, 'shutting_down')
  }
  const work = async () => {
    for (let frame = waiting.shift(); frame !== undefined && isOpen(socket); frame = waiting.shift()) {
      running = new AbortController()
      const leave = deps.running.add(running)
      try {
        if (!mayStay()) break
        await takeTurn(frame, running)
      } catch (error) {
        tell(error)
      } finally {
        leave()
      }
    }
    running = null
    if (isOpen(socket)) rest()
  }
  /** A key that has ended meanwhile is told so, and its socket ends before it can ask for anything more. */
  const mayStay = (): boolean => {
    try {
      guest = deps.clientGate.stays(guest)
      return true
    } catch (error) {
      tell(error)
      closeWith(closeCodes.policy, error instanceof AppError ? error.code : 'not_admitted')
      return false
    }
  }
  const takeTurn = async (bytes: Buffer, ending: AbortController) => {
    const isPrewarm = checkFrame(bytes)
    const requestId = randomId('req_')
    const startedAtMs = clock.now()
    const arrival = { headers, guest, requestId, startedAtMs, signal: ending.signal, transport: 'ws' as const }
    const body = async () => ({ bytes, done: () => {} })
    const { turn, exchange } = await readTurn(body, surface, arrival, deps)
    turn.isPrewarm = isPrewarm
    await reserveTurn(turn, deps)
    await answerTurn(turn, connect, exchange, ending, turnDeps)
  }
  const tell = (error: unknown) => {
    if (!isOpen(socket)) return
    if (error instanceof AppError) return socket.send(errorFrame(failureOfAppError(error, clock.now())))
    deps.log.error({ err: error }, 'turn on a socket failed')
    const body = JSON.stringify({ error: { type: 'server_error', ...unexplained } })
    socket.send(errorFrame({ status: unexplained.status, headers: {}, body }))
  }

  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (isBinary) return closeWith(closeCodes.unsupported, 'Send text frames.')
    if (waiting.length >= maxQueued) return closeWith(closeCodes.policy, 'Wait for the answer before you ask again.')
    cancelIdle()
    waiting.push(data as Buffer)
    if (running === null) void work()
  })
  const leave = deps.sockets.add({
    drain() {
      isDraining = true
      if (running === null) closeWith(closeCodes.restart, 'shutting_down')
    },
  })
  socket.once('close', () => {
    leave()
    cancelIdle()
    running?.abort(new Error('client_disconnected'))
    links.set(null)
  })
  rest()
}

function isOpen(socket: WebSocket): boolean {
  return socket.readyState === socket.OPEN
}

const framed = new Set(['type', 'generate'])

/** True for a prewarm, which generates nothing. @throws AppError */
function checkFrame(bytes: Buffer): boolean {
  if (bytes.length > maxFrameBytes) {
    const message = `The request has ${bytes.length} bytes; on a WebSocket it may have ${maxFrameBytes}. Compact the conversation.`
    throw new AppError('turn_too_large', { message, param: 'input' })
  }
  const values = valuesOf(bytes)
  if (values.type !== '"response.create"') {
    throw new AppError('invalid_request', { message: '"type" must be "response.create".', param: 'type' })
  }
  return values.generate === 'false'
}

function valuesOf(bytes: Buffer): Record<string, string> {
  try {
    const spans = scanObject(bytes, framed)
    return Object.fromEntries([...spans].map(([key, { from, to }]) => [key, bytes.toString('utf8', from, to)]))
  } catch (error) {
    const why = error instanceof Error ? error.message : ''
    throw new AppError('invalid_request', { message: `The frame is not a JSON object: ${why}.` }, { cause: error })
  }
}
