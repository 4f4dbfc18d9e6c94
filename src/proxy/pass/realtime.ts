import type { FastifyInstance, FastifyRequest } from 'fastify'
import type WebSocket from 'ws'
import type { Guest } from '../../domain/api-key.ts'
import { AppError } from '../../errors.ts'
import type { Pass, PassDeps, Told } from './call.ts'
import { callAccount } from './call-account.ts'
import { toldHeaders } from './call-headers.ts'
import { sameCall } from './control.ts'
import { joinUpstream } from './join-upstream.ts'
import { addRawRoutes, withBody } from './raw-routes.ts'
import { recordPass } from './record-pass.ts'
import { relaySockets } from './relay-sockets.ts'
import { type PassRules, passOf, servePass } from './serve-pass.ts'

export type RealtimeDeps = PassDeps & {
  /** Where calls are joined, `https://host` without a path. */
  realtimeBaseUrl: string
  /** Whether whoever has opened a socket may still speak on it. */
  clientGate: { stays(guest: Guest): Guest }
}

const calls: PassRules = { route: '/backend-api/codex/realtime/calls', isNative: true, isSecret: true, counts: true }
const limits = { bodyBytes: 1024 * 1024, heldBytes: 32 * 1024 * 1024, deadlineMs: 60_000 }

/** Where a client joins a call, and where that is done upstream (protocol reference, §1). */
const sideSockets = [
  { url: '/backend-api/codex/:callId', live: true },
  { url: '/v1/live/:callId', live: true },
  { url: '/v1/realtime', live: false },
]

/** Whether an upgrade on this path is one: it is where the socket of a call may be. */
export function isCallPath(path: string): boolean {
  return /^\/(?:backend-api\/codex|v1\/live)\/[^/]+$|^\/v1\/realtime$/.test(path)
}

/**
 * Calls, and the sockets beside them. What is said in a call, and its id, is secret: nothing of it is written down.
 * The WebSocket plugin must be there already.
 */
export function addRealtimeRoutes(app: FastifyInstance, deps: RealtimeDeps): void {
  addRawRoutes(app, limits, [
    {
      method: 'POST',
      url: calls.route,
      handle: (request, reply, bodies) =>
        servePass(request, reply, calls, deps, (pass) =>
          withBody(bodies, request, (body) => beginCall(pass, request, body, deps)),
        ),
    },
  ])
  for (const { url, live } of sideSockets) addSideSocket(app, url, live, deps)
}

async function beginCall(pass: Pass, request: FastifyRequest, body: Buffer, deps: PassDeps): Promise<Told> {
  const call = { ...sameCall(pass, { method: 'POST', request, body }, deps), deadlineMs: limits.deadlineMs }
  const answered = await callAccount(pass, call, deps)
  const id = callIdIn(answered.headers.location)
  if (id === null) throw new AppError('realtime_call_binding_failed')
  deps.affinity.own({ kind: 'call', id }, answered.accountId, pass.guest.key?.id)
  return { status: answered.status, headers: toldHeaders(answered.headers), body: answered.body }
}

const callId = /^(?:rtc_[\w-]{1,252}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i

/** The last part of the address that has the form of a call's id. */
export function callIdIn(location: string | undefined): string | null {
  const parts = location?.split('?')[0]?.split('/') ?? []
  return parts.findLast((part) => callId.test(part)) ?? null
}

/** `taken`: the client's side is there, and looks after the upstream's from now on. */
type Joined = { upstream: WebSocket; pass: Pass; ending: AbortController; taken: () => void }

function addSideSocket(app: FastifyInstance, url: string, live: boolean, deps: RealtimeDeps): void {
  /** Between the two steps of an upgrade. */
  const joined = new WeakMap<FastifyRequest, Joined>()
  app.route({
    ...{ method: 'GET', url, exposeHeadRoute: false, config: { access: 'client' } },
    // The upstream's socket comes first: while there is none, the client can still be told by a status.
    preValidation: async (request) => {
      if (request.ws) joined.set(request, await join(request, { url, live }, deps))
    },
    handler: async () => {
      throw new AppError('not_found', { message: 'There is nothing here but the WebSocket of a call.' })
    },
    wsHandler: (client, request) => {
      const both = joined.get(request)
      // The step before has put it there, or has refused the client.
      if (both) converse(client, both, deps)
    },
  })
}

async function join(
  request: FastifyRequest,
  { url, live }: { url: string; live: boolean },
  deps: RealtimeDeps,
): Promise<Joined> {
  const ending = new AbortController()
  const { signal } = ending
  const pass = passOf(request, url, signal, deps)
  const { socket } = request.raw
  let upstream: WebSocket | null = null
  const gone = () => {
    ending.abort(new Error('client_disconnected'))
    upstream?.terminate()
  }
  socket.once('close', gone)
  const taken = () => void socket.off('close', gone)
  try {
    upstream = await joinUpstream(pass, { id: idIn(request, live), live, query: queryOf(request) }, deps)
    if (signal.aborted) gone()
    return { upstream, pass, ending, taken }
  } catch (error) {
    taken()
    if (!(error instanceof AppError)) throw error
    const how = signal.aborted ? 'client_disconnected' : error.code
    const status = signal.aborted ? 'cancelled' : 'error'
    recordPass(pass, { status, httpStatus: error.status, errorCode: how, errorMessage: null }, deps, 'ws')
    throw error
  }
}

/** @throws AppError for what cannot be the id of a call */
function idIn({ params, query }: FastifyRequest, live: boolean): string {
  // The route has such a parameter, or the query may have anything.
  const id = live ? (params as { callId: string }).callId : (query as { call_id?: unknown }).call_id
  if (typeof id !== 'string' || !callId.test(id)) throw new AppError('call_not_found')
  return id
}

function queryOf({ url }: FastifyRequest): string {
  return /\?.*/.exec(url)?.[0] ?? ''
}

function converse(client: WebSocket, { upstream, pass, ending, taken }: Joined, deps: RealtimeDeps): void {
  taken()
  const leave = deps.running.add(ending)
  const mayGoOn = () => {
    try {
      deps.clientGate.stays(pass.guest)
      return true
    } catch (error) {
      if (error instanceof AppError) return false
      throw error
    }
  }
  relaySockets(client, upstream, { signal: ending.signal, clock: deps.clock, mayGoOn }, ({ isGood, reason }) => {
    leave()
    const status = isGood ? 'success' : reason === 'client_disconnected' ? 'cancelled' : 'error'
    const errorCode = isGood ? null : reason
    recordPass(pass, { status, httpStatus: 101, errorCode, errorMessage: null }, deps, 'ws')
  })
}
