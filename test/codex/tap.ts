import { createServer, type IncomingHttpHeaders, type IncomingMessage, request as send } from 'node:http'
import type { Duplex } from 'node:stream'
import { createFrameReader, type FrameReader } from './frames.ts'
import { type Listening, listen } from './listen.ts'

/** What a client sent, and how it was answered. */
type Tapped = {
  method: string
  path: string
  headers: IncomingHttpHeaders
  status: number | null
  atMs: number
  /** Of a request for a WebSocket. */
  socket?: () => SocketSeen
}

/** How a frame of the client relates to those before: it may go on from them, or say everything itself. */
type FrameKind = 'prewarm' | 'delta' | 'whole'

/** What went over one WebSocket so far, with the status of its handshake. */
export type SocketSeen = {
  status: number | null
  sent: FrameKind[]
  /** The code with which the product closed it, unless the client did. */
  closed: number | null
}

/** Stands between a client and the product, passes everything on as it is, and writes down what it was. */
export type Tap = Listening & {
  seen: Tapped[]
  /** In a few words, what the client sent. */
  summary(): string
  /** The product has moved to another address. */
  pointAt(url: string): void
}

export async function startTap(url: string): Promise<Tap> {
  const seen: Tapped[] = []
  let target = url
  const onwardFrom = ({ method = '', url: path = '', headers }: IncomingMessage) => {
    const entry: Tapped = { method, path, headers, status: null, atMs: Date.now() }
    seen.push(entry)
    const onward = send(new URL(path, target), { method, headers, agent: false })
    return { entry, onward }
  }
  const server = createServer((request, response) => {
    const { entry, onward } = onwardFrom(request)
    onward.on('response', (answer) => {
      entry.status = answer.statusCode ?? null
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  const upgraded = new Set<Duplex>()
  server.on('upgrade', (request, near: Duplex, early: Buffer) => {
    upgraded.add(near)
    const { entry, onward } = onwardFrom(request)
    const sent = createFrameReader()
    const told = createFrameReader()
    entry.socket = () => ({
      status: entry.status,
      sent: sent.messages.map(kindOf),
      closed: sent.closeCode() === null ? told.closeCode() : null,
    })
    near.on('error', () => near.destroy())
    near.on('close', () => {
      upgraded.delete(near)
      onward.destroy()
    })
    onward.on('error', () => near.destroy())
    onward.on('response', (answer) => {
      entry.status = answer.statusCode ?? null
      near.write(headOf(answer))
      answer.pipe(near)
    })
    onward.on('upgrade', (answer, far: Duplex, first: Buffer) => {
      entry.status = answer.statusCode ?? null
      near.write(headOf(answer))
      join(near, far, early, sent)
      join(far, near, first, told)
    })
    onward.end()
  })
  const { close, ...listening } = await listen(server)
  return {
    ...listening,
    seen,
    summary() {
      const sockets = seen.flatMap(({ socket }) => socket?.() ?? [])
      const posts = seen.filter(({ method }) => method === 'POST').length
      const frames = sockets.map(({ status, sent }) => (status === 101 ? sent.join('+') : status))
      return [...(frames.length > 0 ? [`ws ${frames.join(' / ')}`] : []), ...(posts > 0 ? [`${posts} POST`] : [])].join(
        ', ',
      )
    },
    pointAt(moved) {
      target = moved
    },
    close() {
      for (const socket of upgraded) socket.destroy()
      return close()
    },
  }
}

function kindOf({ generate, previous_response_id }: Record<string, unknown>): FrameKind {
  if (generate === false) return 'prewarm'
  return typeof previous_response_id === 'string' ? 'delta' : 'whole'
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

function join(from: Duplex, to: Duplex, first: Buffer, reader: FrameReader): void {
  const pass = (chunk: Buffer) => {
    reader.push(chunk)
    to.write(chunk)
  }
  if (first.length > 0) pass(first)
  from.on('data', pass)
  from.on('end', () => to.end())
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}
