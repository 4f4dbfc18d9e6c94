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
  /** Of a WebSocket: what went towards the product, and what came from it. */
  sent: FrameReader
  told: FrameReader
  atMs: number
}

/** Stands between a client and the product, passes everything on as it is, and writes down what it was. */
export type Tap = Listening & {
  seen: Tapped[]
  /** The product has moved to another address. */
  pointAt(url: string): void
}

export async function startTap(url: string): Promise<Tap> {
  const seen: Tapped[] = []
  let target = url
  const onwardFrom = ({ method = '', url: path = '', headers }: IncomingMessage) => {
    const sent = createFrameReader()
    const told = createFrameReader()
    const entry: Tapped = { method, path, headers, status: null, sent, told, atMs: Date.now() }
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
      join(near, far, early, entry.sent)
      join(far, near, first, entry.told)
    })
    onward.end()
  })
  const { close, ...listening } = await listen(server)
  return {
    ...listening,
    seen,
    pointAt(moved) {
      target = moved
    },
    close() {
      for (const socket of upgraded) socket.destroy()
      return close()
    },
  }
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
