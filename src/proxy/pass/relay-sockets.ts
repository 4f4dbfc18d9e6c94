import WebSocket from 'ws'
import type { Clock } from '../../lib/clock.ts'

/** How a conversation ended: with the close of one side, handed on to the other, or by a break. */
export type SocketEnding = { isGood: boolean; reason: string | null }

/** What a slow reader may owe before its partner has to wait. */
const maxOwedBytes = 1024 * 1024
/** Both sides are asked whether they are there; a side that says nothing for this long is not. */
const askMs = 30_000
const silenceMs = 120_000

const codes = { goingAway: 1001, policy: 1008, noStatus: 1005, broken: 1006, internal: 1011, restart: 1012 }

/**
 * Copies every frame both ways as it comes, until one side is gone, or the client may not go on. The sockets may be paused.
 */
export function relaySockets(
  client: WebSocket,
  upstream: WebSocket,
  { signal, clock, mayGoOn }: { signal: AbortSignal; clock: Clock; mayGoOn: () => boolean },
  ended: (ending: SocketEnding) => void,
): void {
  let isOver = false
  const finish = (ending: SocketEnding) => {
    if (isOver) return
    isOver = true
    for (const stop of stops) stop()
    ended(ending)
  }
  const onAbort = () => {
    // A client of ours then comes back by itself.
    client.close(codes.restart, 'shutting down')
    upstream.close(codes.goingAway)
    finish({ isGood: false, reason: signal.reason instanceof Error ? signal.reason.message : 'aborted' })
  }
  /** Looked at with each frame, before it is passed on. */
  const checkClient = () => {
    if (isOver || mayGoOn()) return
    client.close(codes.policy, 'The API key has ended.')
    upstream.close(codes.goingAway)
    finish({ isGood: false, reason: 'api_key_ended' })
  }
  const gone = (side: 'client' | 'upstream') => () => {
    client.terminate()
    upstream.terminate()
    finish({ isGood: false, reason: side === 'client' ? 'client_disconnected' : 'upstream_silent' })
  }
  const stops = [
    watchLife(client, clock, gone('client')),
    watchLife(upstream, clock, gone('upstream')),
    () => signal.removeEventListener('abort', onAbort),
  ]
  signal.addEventListener('abort', onAbort, { once: true })
  client.on('message', checkClient)
  passOn(client, upstream, (code) => finish(endingOf(code, 'client_disconnected')))
  passOn(upstream, client, (code) => finish(endingOf(code, 'upstream_broken')))
  if (signal.aborted) onAbort()
}

function endingOf(code: number, ifBroken: string): SocketEnding {
  return code === codes.broken ? { isGood: false, reason: ifBroken } : { isGood: true, reason: null }
}

function passOn(from: WebSocket, to: WebSocket, closed: (code: number) => void): void {
  from.on('message', (data: Buffer, isBinary) => {
    if (to.readyState !== WebSocket.OPEN) return
    to.send(data, { binary: isBinary }, () => {
      if (from.isPaused && to.bufferedAmount <= maxOwedBytes / 2) from.resume()
    })
    if (to.bufferedAmount > maxOwedBytes) from.pause()
  })
  // The close that follows says what there is to say.
  from.on('error', () => {})
  from.once('close', (code: number, reason: Buffer) => {
    if (code === codes.broken) to.close(codes.internal)
    else if (code === codes.noStatus) to.close()
    else to.close(code, reason)
    closed(code)
  })
  // Closed in between, before anybody listened.
  if (from.readyState === WebSocket.CLOSED) {
    to.close(codes.internal)
    closed(codes.broken)
  } else from.resume()
}

/** The returned function ends the watch. */
function watchLife(socket: WebSocket, clock: Clock, gone: () => void): () => void {
  let heardAtMs = clock.now()
  const hear = () => {
    heardAtMs = clock.now()
  }
  socket.on('message', hear).on('pong', hear).on('ping', hear)
  const ask = () => {
    if (clock.now() - heardAtMs >= silenceMs) return gone()
    if (socket.readyState === WebSocket.OPEN) socket.ping()
    cancel = clock.after(askMs, ask)
  }
  let cancel = clock.after(askMs, ask)
  return () => cancel()
}
