import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Answer } from './http.ts'
import { isObject, parseObject } from './json.ts'
import { dataOf, type Outlet } from './stream.ts'

/** So much may wait for the client before writing stops until it has caught up. */
const largestBacklogBytes = 65_536

/** Sends events as text frames, each in one, and as many at once as the client takes. */
export function frameOutlet(socket: WebSocket, tcp: Socket, gone: AbortSignal): Outlet {
  let left: Promise<void> = Promise.resolve()
  let isCorked = false
  const release = () => {
    if (isCorked) tcp.uncork()
    isCorked = false
  }
  return {
    gone,
    write(step, sequence) {
      // Frames that are written in one go leave in one go.
      if (!isCorked) tcp.cork()
      isCorked = true
      left = sendFrame(socket, dataOf(step, sequence))
    },
    isFull: () => socket.bufferedAmount >= largestBacklogBytes,
    async flush() {
      gone.throwIfAborted()
      release()
      await left
      gone.throwIfAborted()
    },
    cut() {
      release()
      // No closing frame: the client sees the connection go, behind what was sent.
      left.then(() => tcp.destroy())
    },
    end(isOver, close) {
      release()
      if (close) socket.close(close.code, close.reason)
      else if (!isOver) socket.close(1000)
    },
  }
}

/** Resolves when the frame has left, or when it never will because the socket is gone. */
export function sendFrame(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    socket.send(text, () => resolve())
  })
}

/** A refusal as it is told on a socket, with the headers that an HTTP answer would have. */
export function errorFrame({ status, headers, body }: Answer, extra: Record<string, string>): string {
  const { 'content-type': _, ...own } = headers
  return JSON.stringify({ type: 'error', status, error: errorOf(status, body), headers: { ...extra, ...own } })
}

function errorOf(status: number, body: string): object {
  const parsed = parseObject(body)
  if (isObject(parsed?.error)) return parsed.error
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  const message = typeof parsed?.detail === 'string' ? parsed.detail : body
  return { message, type, param: null, code: null }
}
