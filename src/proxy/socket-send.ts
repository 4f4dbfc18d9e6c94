import { AppError } from '../errors.ts'
import type { Answer } from '../upstream/client.ts'
import { socketHeaders } from '../upstream/headers.ts'
import { readOpening } from '../upstream/opening.ts'
import { readHeaders } from '../upstream/readings.ts'
import { HandshakeRefused, openSocket, type UpstreamSocket } from '../upstream/socket.ts'
import { TransportError } from '../upstream/transport-error.ts'
import { errorOfBody } from '../upstream/upstream-error.ts'
import { judge } from '../upstream/verdict.ts'
import { judged, learn, ownError, type Send, type SendDeps, type Tried, verdictOfBreak } from './send.ts'
import type { SocketGate } from './socket-gate.ts'
import type { Turn } from './turn.ts'

/** The one socket to the upstream that belongs to one client's socket. It changes with the account. */
export type Link = { accountId: string; socket: UpstreamSocket } | null

export type Links = {
  get(): Link
  /** Puts another one in its place; the one before is closed. */
  set(link: Link): void
}

/** Each turn as a frame on the link, which is opened anew when the account changes or the socket has ended. */
export function sendBySocket(links: Links, gate: SocketGate): Send {
  return async (turn, accountId, token, keepTurnState, deps) => {
    const kept = openLink(links, accountId, deps)
    try {
      const socket = kept ?? (await open(turn, accountId, token.bearer.reveal(), keepTurnState, links, deps))
      const tried = await ask(socket, turn, accountId, deps)
      // A socket that was let go while it lay idle says nothing of the account: the turn is sent once more on a new one.
      if (kept === null || tried.head?.failure == null || turn.signal.aborted) return tried
      if (continues(turn)) return lostTried(tried)
      const anew = await open(turn, accountId, token.bearer.reveal(), keepTurnState, links, deps)
      return await ask(anew, turn, accountId, deps)
    } catch (failure) {
      return refused(failure, turn, gate, deps)
    }
  }
}

/** The account may have got another way out since. */
function openLink(links: Links, accountId: string, { client }: SendDeps): UpstreamSocket | null {
  const link = links.get()
  if (link?.accountId !== accountId || !link.socket.isOpen()) return null
  return client.mayUse(accountId, link.socket.via?.egressId ?? null) ? link.socket : null
}

async function open(
  turn: Turn,
  accountId: string,
  bearer: string,
  keepTurnState: boolean,
  links: Links,
  { pool, client, clock, upstreamBaseUrl, version }: SendDeps,
): Promise<UpstreamSocket> {
  links.set(null)
  const url = new URL(`${upstreamBaseUrl.replace(/^http/, 'ws')}/codex/responses`)
  const identity = { bearer, chatgptAccountId: pool.get(accountId)?.chatgptAccountId ?? '' }
  const headers = socketHeaders(turn.headers, identity, { version, requestId: turn.ask.requestId, keepTurnState })
  const opened = await client.open((proxy) => openSocket(url, headers, turn.signal, proxy), accountId)
  const socket = opened.value
  socket.via = opened.via
  pool.read(accountId, readHeaders(socket.headers, clock.now()))
  links.set({ accountId, socket })
  return socket
}

async function ask(socket: UpstreamSocket, turn: Turn, accountId: string, deps: SendDeps): Promise<Tried> {
  const answer: Answer = socket.turn(turn.body, turn.signal)
  const head = await readOpening(answer, ({ type, data }) => {
    if (type === 'codex.rate_limits') learn(deps.pool, accountId, data, deps.clock.now())
  })
  if (head.failure?.kind === 'aborted') turn.signal.throwIfAborted()
  return judged(head, deps.clock.now())
}

/** The turn holds only what is new; the rest lives on the socket that has ended. */
function continues({ ask: { owned } }: Turn): boolean {
  return owned.some(({ kind }) => kind === 'response')
}

function lostTried({ head }: Tried): Tried {
  head?.answer.abort()
  const error = ownError('previous_response_not_found', 'The connection that held the conversation has ended.')
  return { head: null, verdict: { kind: 'continuation_lost', error } }
}

/** @throws AppError where the upstream takes no sockets, and what is no failure of the transport */
function refused(failure: unknown, turn: Turn, gate: SocketGate, { clock }: SendDeps): Tried {
  if (failure instanceof HandshakeRefused) {
    const { status, headers, body } = failure
    if (status === 426) {
      gate.close()
      throw new AppError('websocket_unavailable')
    }
    const error = errorOfBody(status, headers, body, clock.now())
    const verdict = judge(error, body.trimStart().startsWith('{'))
    // The client's own frame was not even sent: what the handshake met is not its fault.
    if (verdict.kind === 'client_fault') return { head: null, verdict: { kind: 'try_another', scope: 'egress', error } }
    return { head: null, verdict: verdict as Exclude<typeof verdict, { kind: 'relay' }> }
  }
  if (!(failure instanceof TransportError)) throw failure
  if (failure.kind === 'aborted') turn.signal.throwIfAborted()
  return { head: null, verdict: verdictOfBreak(failure), via: failure.via }
}
