import WebSocket from 'ws'
import { type AccessToken, TokenError } from '../../accounts/tokens.ts'
import { isInScope, scopeOf } from '../../domain/api-key.ts'
import type { EgressProxy } from '../../domain/egress-proxy.ts'
import { AppError } from '../../errors.ts'
import { connectionTo } from '../../upstream/socket.ts'
import { TransportError, type Via } from '../../upstream/transport-error.ts'
import type { Pass } from './call.ts'
import { passedHeaders } from './call-headers.ts'
import type { RealtimeDeps } from './realtime.ts'

const connectMs = 8_000
/** As the upstream's own clients accept. */
const maxFrameBytes = 16 * 1024 * 1024

type Place = { id: string; live: boolean; query: string }

/**
 * Joins a call on the account that began it; no other account knows it, and a refused token is the end. The socket is
 * paused: what comes waits for whoever reads it. @throws AppError
 */
export async function joinUpstream(pass: Pass, place: Place, deps: RealtimeDeps): Promise<WebSocket> {
  const { affinity, pool } = deps
  const object = { kind: 'call', id: place.id } as const
  const accountId = await affinity.owner(object, pass.guest.key?.id)
  if (accountId === null) throw new AppError('call_not_found')
  const account = pool.get(accountId)
  if (account !== null && !isInScope(account, scopeOf(pass.guest.key))) throw ownerOutside()
  if (account === null || account.health.signIn !== 'ok' || account.health.paused) throw ownerGone()
  const startedAtMs = deps.clock.now()
  const token = await tokenOf(accountId, deps)
  const identity = { bearer: token.bearer.reveal(), chatgptAccountId: account.chatgptAccountId }
  const note = (verdict: string, code: string | null, status: number | null, via: Via | null = null) => {
    const atMs = deps.clock.now()
    const scope = verdict === 'try_another' ? 'egress' : null
    const egressId = via?.egressId ?? null
    pass.attempts.push({ accountId, verdict, scope, code, status, egressId, atMs, tookMs: atMs - startedAtMs })
  }
  try {
    const url = addressOf(place, deps.realtimeBaseUrl)
    const headers = headersOf(pass, identity, deps)
    const { value: socket, via } = await deps.client.open((proxy) => open(url, headers, pass, proxy), accountId)
    affinity.own(object, accountId, pass.guest.key?.id)
    note('relay', null, 101, via)
    return socket
  } catch (error) {
    const failed = error instanceof TransportError && error.kind === 'egress' ? error : null
    if (failed) note('try_another', 'egress_unavailable', null, failed.via)
    if (failed) throw new AppError('egress_unavailable', { message: failed.message })
    if (error instanceof AppError) note('client_fault', error.code, error.status)
    throw error
  }
}

function ownerGone(): AppError {
  return new AppError('owner_unavailable', { message: 'The account that began this call is not available.' })
}

function ownerOutside(): AppError {
  const message = 'The account that began this call is not among those that the API key may use.'
  return new AppError('owner_unavailable', { message })
}

async function tokenOf(accountId: string, { tokens }: RealtimeDeps): Promise<AccessToken> {
  try {
    return await tokens.current(accountId)
  } catch (failure) {
    if (failure instanceof TokenError) throw ownerGone()
    throw failure
  }
}

function addressOf({ id, live, query }: Place, base: string): URL {
  const url = new URL(live ? `/v1/live/${id}${query}` : `/v1/realtime${query}`, base)
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:'
  return url
}

type PassIdentity = Parameters<typeof passedHeaders>[1]

/** A handshake has no type of content; and nothing is put in that the client did not ask for. */
function headersOf(pass: Pass, identity: PassIdentity, { version }: RealtimeDeps): Record<string, string> {
  const headers = passedHeaders(pass, identity, { version, keepTurnState: false })
  const { accept: _accept, 'content-type': _type, ...rest } = headers
  return rest
}

/** A key may stand among them, for clients that cannot send headers: it is a key of ours, not of the upstream. */
function protocolsOf({ headers }: Pass): string[] {
  const offered = String(headers['sec-websocket-protocol'] ?? '').split(',')
  return offered.map((one) => one.trim()).filter((one) => one !== '' && !one.includes('api-key'))
}

async function open(
  url: URL,
  headers: Record<string, string>,
  pass: Pass,
  proxy: EgressProxy | null,
): Promise<WebSocket> {
  const way = await connectionTo(url, proxy, pass.signal, connectMs)
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocolsOf(pass), {
      ...way,
      ...{ headers, handshakeTimeout: connectMs, maxPayload: maxFrameBytes },
      ...{ perMessageDeflate: false, followRedirects: false },
    })
    const { signal } = pass
    const onAbort = () => socket.terminate()
    const settle = () => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('open', () => {
      settle()
      socket.pause()
      resolve(socket)
    })
    socket.once('unexpected-response', (_request, response) => {
      settle()
      response.resume()
      reject(refusedWith(response.statusCode ?? 0))
      socket.terminate()
    })
    // Its words may hold the address, and the address the call.
    socket.on('error', () => {
      settle()
      reject(new AppError('upstream_unavailable', { message: 'The upstream cannot be reached.' }))
    })
  })
}

function refusedWith(status: number): AppError {
  if (status === 404 || status === 410) return new AppError('call_not_found')
  return new AppError('upstream_error', { message: `The upstream refused to let the client join: ${status}.` })
}
