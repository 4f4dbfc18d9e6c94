import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** How one exchange went, in ms from the moment the request was written. */
export type Timing = { status: number; firstMs: number; totalMs: number; bytes: number }

/** A keep-alive connection that sends prepared bytes, one request at a time, and reads no more HTTP than it must. */
export type Connection = {
  /** `heard` gets every piece of the body. @throws Error when the connection breaks */
  send(request: Buffer, heard?: (piece: Buffer) => void): Promise<Timing>
  close(): void
}

type Waiting = { resolve(timing: Timing): void; reject(error: Error): void; heard: (piece: Buffer) => void }

const chunkedEnd = '\r\n0\r\n\r\n'
const nothing = Buffer.alloc(0)

export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  return connectionOn(socket)
}

function connectionOn(socket: Socket): Connection {
  let waiting: Waiting | null = null
  let startedAt = 0
  let firstAt = 0
  let head: { status: number; length: number | null } | null = null
  let unread = nothing
  let bytes = 0
  let tail = ''

  const broken = (error: Error) => {
    waiting?.reject(error)
    waiting = null
  }
  const body = (piece: Buffer) => {
    if (head === null || (piece.length === 0 && head.length !== 0)) return
    if (firstAt === 0) firstAt = performance.now()
    bytes += piece.length
    waiting?.heard(piece)
    tail = (tail + piece.toString('latin1', Math.max(0, piece.length - chunkedEnd.length))).slice(-chunkedEnd.length)
    if (head.length === null ? tail !== chunkedEnd : bytes < head.length) return
    const done = waiting
    waiting = null
    done?.resolve({ status: head.status, firstMs: firstAt - startedAt, totalMs: performance.now() - startedAt, bytes })
  }
  socket.on('data', (piece) => {
    if (head !== null) return body(piece)
    unread = unread.length === 0 ? piece : Buffer.concat([unread, piece])
    const end = unread.indexOf('\r\n\r\n')
    if (end === -1) return
    const text = unread.toString('latin1', 0, end)
    const length = /^content-length: (\d+)/im.exec(text)?.[1]
    head = { status: Number(text.slice(9, 12)), length: length === undefined ? null : Number(length) }
    body(unread.subarray(end + 4))
  })
  socket.on('error', broken)
  socket.on('close', () => broken(new Error('The connection was closed in the middle of an answer.')))
  return {
    send(request, heard = () => {}) {
      head = null
      unread = nothing
      bytes = 0
      tail = ''
      firstAt = 0
      startedAt = performance.now()
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject, heard }
        socket.write(request)
      })
    },
    close: () => void socket.destroy(),
  }
}
