import type { WebSocket } from 'ws'
import type { Downstream } from './downstream.ts'
import type { Connect } from './exchange.ts'
import type { Failure } from './failure.ts'

/** Beyond this a client is slow, and the upstream is read no further until it has caught up. */
const maxUnsentBytes = 1024 * 1024
/** Told to Codex, which then opens another socket and sends the whole conversation, without a word to its user. */
const serviceRestart = 1012
/** What the client of a lost conversation recovers from by sending everything again on a new socket. */
const resent = new Set(['stream_incomplete', 'previous_response_not_found', 'shutting_down', 'websocket_unavailable'])

/** A client that asked by a frame on its socket: each event goes back as a frame of its own, `greeting` before the first. */
export function socketClient(
  socket: WebSocket,
  closeWith: (code: number, reason: string) => void,
  greeting: () => string | null,
): Connect {
  return (wrote) => {
    let hasBegun = false
    let waiting: (() => void) | null = null
    const isSlow = () => socket.bufferedAmount > maxUnsentBytes
    const sent = () => {
      if (waiting === null || isSlow()) return
      const resume = waiting
      waiting = null
      resume()
    }
    const out: Downstream = {
      // Signs of life may stand before an error.
      hasBegun: () => hasBegun,
      begin() {
        const first = greeting()
        if (first !== null) socket.send(first, { binary: false })
      },
      write(chunk) {
        wrote()
        const frames = framesOf(chunk)
        // A comment is a sign of life for those who read events; on a socket that is a ping.
        if (frames.length === 0 && socket.readyState === socket.OPEN) socket.ping()
        for (const frame of frames) {
          hasBegun ||= !isPrivate(frame)
          socket.send(frame, { binary: false }, sent)
        }
        return !isSlow()
      },
      drained(resume) {
        if (!isSlow()) return resume()
        waiting = resume
      },
      end() {},
    }
    return {
      out,
      refuse(failure) {
        if (resent.has(failure.code)) closeWith(serviceRestart, failure.code)
        else socket.send(errorFrame(failure), { binary: false })
      },
      answer() {
        throw new Error('On a socket every answer is a stream.')
      },
    }
  }
}

/** An error in the form of the socket protocol, in which the status is compulsory (client notes, §8). */
export function errorFrame({ status, headers, body }: Pick<Failure, 'status' | 'headers' | 'body'>): string {
  const { 'content-type': _type, ...told } = headers
  return JSON.stringify({ type: 'error', status, error: errorOf(String(body)), headers: told })
}

function errorOf(body: string): unknown {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null) {
      if ('error' in parsed) return parsed.error
      if ('detail' in parsed) return { message: parsed.detail }
    }
  } catch {
    // A page of an edge: its text is all that there is to tell.
  }
  return { message: body.slice(0, 1_000) }
}

const dataStart = 'data: '
const eventEnd = '\n\n'

/** The data of each event, as frames. Upstream's frames come one to a chunk, and then nothing is copied. */
function framesOf(chunk: Buffer | string): (Buffer | string)[] {
  if (typeof chunk !== 'string') {
    const isOne = chunk.indexOf(eventEnd) === chunk.length - eventEnd.length && chunk.indexOf('\n') === chunk.length - 2
    if (isOne && chunk.toString('latin1', 0, dataStart.length) === dataStart)
      return [chunk.subarray(dataStart.length, chunk.length - eventEnd.length)]
  }
  return String(chunk).split(eventEnd).flatMap(dataOf)
}

function dataOf(event: string): string[] {
  const lines = event.split('\n').filter((line) => line.startsWith(dataStart))
  return lines.length === 0 ? [] : [lines.map((line) => line.slice(dataStart.length)).join('\n')]
}

function isPrivate(frame: Buffer | string): boolean {
  const start = typeof frame === 'string' ? frame.slice(0, 40) : frame.toString('latin1', 0, 40)
  return start.startsWith('{"type":"codex.')
}
