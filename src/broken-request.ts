import type { Socket } from 'node:net'
import { AppError, dashboardBody, openAiBody } from './errors.ts'
import { randomId } from './lib/secrets.ts'

/** The HTTP parser gave up: no request came of it, so no route will answer. Says why, by hand, and hangs up. */
export function refuseBroken(error: NodeJS.ErrnoException, socket: Socket, nowMs: number): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy(error)
    return
  }
  const requestId = randomId('req_')
  const told = reasonOf(error)
  // The route is not known for certain: this body has what either kind of client looks for.
  const body = JSON.stringify(merged(openAiBody(told, nowMs), dashboardBody(told, requestId)))
  const head = [
    `HTTP/1.1 ${told.status} Refused`,
    'connection: close',
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}

function reasonOf(cause: NodeJS.ErrnoException): AppError {
  switch (cause.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new AppError('headers_too_large', {}, { cause })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('request_timeout', { message: 'The request did not arrive in time.' }, { cause })
    default:
      return new AppError('invalid_request', { message: `This is not valid HTTP: ${cause.message}.` }, { cause })
  }
}

type Envelope = { error: object }

function merged(one: unknown, other: unknown): Envelope {
  return { error: { ...(one as Envelope).error, ...(other as Envelope).error } }
}

/** True when an answer has begun: nothing may be put into the middle of it. Node tells this nowhere else. */
function isAnswering(socket: Socket & { _httpMessage?: { headersSent: boolean } | null }): boolean {
  return socket._httpMessage?.headersSent === true
}
