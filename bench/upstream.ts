// The upstream of the benchmark: prepared bytes on bare sockets, so that it costs as little as can be beside what is
// measured. It reads just enough HTTP for requests that come one at a time, each with a length.
import { randomBytes } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import {
  eventChunk,
  idLength,
  jsonAnswer,
  lastChunk,
  type PreparedAnswer,
  preparedStream,
  streamHead,
} from './events.ts'
import { answerHeader, listen, type StreamKind } from './programs.ts'

const windows = (lengthSeconds: number, used: number) => ({
  used_percent: used,
  limit_window_seconds: lengthSeconds,
  reset_after_seconds: lengthSeconds / 2,
})
const sideAnswers: Record<string, Buffer> = {
  '/backend-api/wham/usage': jsonAnswer({
    plan_type: 'plus',
    rate_limit: {
      allowed: true,
      limit_reached: false,
      primary_window: windows(18_000, 20),
      secondary_window: windows(604_800, 10),
    },
    credits: null,
  }),
  '/backend-api/codex/models': jsonAnswer({
    models: [{ slug: 'gpt-5.5', visibility: 'list', supported_in_api: true }],
  }),
}
const streams: Record<Exclude<StreamKind, 'slow'>, PreparedAnswer> = {
  short: preparedStream(20),
  long: preparedStream(1_992),
}
const slowEveryMs = 250
const headLimit = 64 * 1024

function answer(socket: Socket, head: string): void {
  const path = /^\S+ ([^? ]+)/.exec(head)?.[1] ?? ''
  const side = sideAnswers[path]
  const kind = new RegExp(`^${answerHeader}: (\\w+)`, 'im').exec(head)?.[1]
  if (side) socket.write(side)
  else if (kind === 'slow') drip(socket, Number(/^x-codex-events: (\d+)/im.exec(head)?.[1] ?? 1))
  else socket.write(withNewId(kind === 'long' ? streams.long : streams.short))
}

function withNewId({ bytes, idAt }: PreparedAnswer): Buffer {
  const copy = Buffer.from(bytes)
  const id = randomBytes(idLength / 2).toString('hex')
  for (const at of idAt) copy.write(id, at, 'latin1')
  return copy
}

/** Deltas with the time at which they were sent, one at a time. */
function drip(socket: Socket, events: number): void {
  socket.write(streamHead)
  let left = events
  const timer = setInterval(() => {
    if (socket.destroyed) return clearInterval(timer)
    const sentAtMs = performance.timeOrigin + performance.now()
    socket.write(eventChunk('response.output_text.delta', { sent_at_ms: sentAtMs, delta: 'a word or two' }))
    if (--left > 0) return
    clearInterval(timer)
    const response = { id: 'resp_slow', status: 'completed', output: [], usage: null }
    socket.write(eventChunk('response.completed', { response }) + lastChunk)
  }, slowEveryMs)
}

const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  let head = ''
  let bodyLeft = 0
  socket.on('data', (chunk) => {
    if (bodyLeft > 0) bodyLeft -= chunk.length
    else {
      head += chunk.toString('latin1', 0, headLimit)
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      const early = chunk.length - (end + 4 - (head.length - Math.min(chunk.length, headLimit)))
      bodyLeft = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0) - early
      head = head.slice(0, end)
    }
    if (bodyLeft > 0) return
    answer(socket, head)
    head = ''
    bodyLeft = 0
  })
})
listen(server)
