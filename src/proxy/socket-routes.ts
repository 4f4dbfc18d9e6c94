import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiKey } from '../domain/api-key.ts'
import { AppError } from '../errors.ts'
import { isNativeCodex } from '../upstream/headers.ts'
import { accountsFor } from './guest.ts'
import { addRealtimeRoutes, isCallPath, type RealtimeDeps } from './pass/realtime.ts'
import { poolLimitsEvent } from './pool-usage.ts'
import { type SocketDeps, serveSocket } from './socket-session.ts'
import { socketSurfaces } from './socket-surfaces.ts'

/** Frames of a client, images included, before the limit of one turn is looked at. */
const maxFrameBytes = 128 * 1024 * 1024

/** Paths on which an upgrade is an upgrade; elsewhere the header is not heeded. */
export const socketPaths = { has: (path: string) => turnPaths.has(path) || isCallPath(path) }
const turnPaths = new Set(socketSurfaces(() => '').map(({ path }) => path))

/** Puts the WebSocket routes on the server. */
export function addSocketRoutes(app: FastifyInstance, deps: Omit<SocketDeps, 'greeting'> & RealtimeDeps): void {
  const limits = (key: ApiKey | null) =>
    poolLimitsEvent(accountsFor(deps.pool, { key, address: null }), deps.clock.now())
  const surfaces = socketSurfaces(limits)
  const greeting: SocketDeps['greeting'] = ({ path }, headers, { key }) =>
    path.startsWith('/v1/') && !isNativeCodex(headers) ? null : limits(key)
  void app.register(async (scope) => {
    const options = { maxPayload: maxFrameBytes, perMessageDeflate: false, handleProtocols: chosenProtocol }
    await scope.register(websocket, { options })
    addRealtimeRoutes(scope, deps)
    for (const surface of surfaces) {
      scope.route({
        method: 'GET',
        url: surface.path,
        config: { access: 'client', readsBody: true },
        preHandler: async (request, reply) => {
          if (!isUpgrade(request)) return
          if (deps.socketGate.isOpen()) return checkHandshake(request)
          // At once and with this status: Codex then uses HTTP without a delay (client notes, §8).
          reply.header('upgrade', 'HTTP/1.1').header('connection', 'close')
          throw new AppError('websocket_unavailable')
        },
        handler: async (_request, reply) => {
          reply.header('upgrade', 'websocket').header('connection', 'close')
          throw new AppError('websocket_unavailable', { message: 'Open a WebSocket here, or POST.' })
        },
        wsHandler: (socket, request) => serveSocket(socket, request, surface, { ...deps, greeting }),
      })
    }
  })
}

/** What the client offers first; a key that stands among its protocols is not repeated to it. */
function chosenProtocol(offered: Set<string>): string | false {
  return [...offered].find((one) => !one.includes('api-key')) ?? false
}

function isUpgrade({ headers }: FastifyRequest): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/** What the library would refuse without a word that our clients can read. @throws AppError */
function checkHandshake({ headers }: FastifyRequest): void {
  const isKey = /^[+/0-9a-z]{22}==$/i.test(headers['sec-websocket-key'] ?? '')
  if (isKey && headers['sec-websocket-version'] === '13') return
  const param = isKey ? 'sec-websocket-version' : 'sec-websocket-key'
  throw new AppError('invalid_request', {
    message: `This is no WebSocket handshake: the header ${param} is wrong.`,
    param,
  })
}
