import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { SimulatedAccount } from './accounts.ts'
import { type Exchange, send, suffer } from './http.ts'
import type { World } from './world.ts'

/** `POST /codex/realtime/calls`: begins a call, and names it in `Location`. */
export async function answerCall(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const effect = world.faults.take(account, 'calls', { model: '', nowMs: world.clock.now() })
  if (await suffer(exchange, effect, world.clock)) return
  const id = `rtc_${account.tag}${randomBytes(12).toString('hex')}`
  const headers = { 'content-type': 'application/sdp', location: `/v1/realtime/calls/${id}` }
  const sdp = `v=0\r\no=- ${exchange.bodyBytes} 1 IN IP4 127.0.0.1\r\ns=simulated\r\nt=0 0\r\n`
  send(exchange.response, { status: 201, headers, body: sdp })
}

/** The call that a socket wants to join, or null for a path that has nothing to do with calls. */
function callIdIn(request: IncomingMessage): string | null {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://simulator')
  if (pathname === '/v1/realtime') return searchParams.get('call_id') ?? ''
  return /^\/v1\/live\/([^/]+)$/.exec(pathname)?.[1] ?? null
}

export function isCallSocket(request: IncomingMessage): boolean {
  return callIdIn(request) !== null
}

/**
 * A side socket of a call, for the account that began it. It says hello, sends every frame back as it came, and closes
 * with the code that a text frame `close 4000` names.
 */
export function joinCall(request: IncomingMessage, socket: Duplex, head: Buffer, world: World): void {
  const refuse = (status: string) => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const holder = token === undefined ? null : world.tokens.holderOf(token)
  if (!holder || holder.expired) return void refuse('401 Unauthorized')
  if (!callIdIn(request)?.startsWith(`rtc_${holder.account.tag}`)) return void refuse('404 Not Found')
  const server = new WebSocketServer({ noServer: true, clientTracking: false })
  server.handleUpgrade(request, socket, head, (joined) => {
    const { url, headers } = request
    const greeting = { url, account: headers['chatgpt-account-id'], beta: headers['openai-beta'] ?? null }
    joined.send(JSON.stringify({ type: 'session.created', protocol: joined.protocol, ...greeting }))
    joined.on('message', (data: Buffer, isBinary) => {
      const code = isBinary ? undefined : /^close (\d{4})$/.exec(data.toString())?.[1]
      if (code === undefined) joined.send(data, { binary: isBinary })
      else joined.close(Number(code), 'as told')
    })
  })
}
