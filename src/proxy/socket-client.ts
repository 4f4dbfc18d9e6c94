import type { WebSocket } from 'ws'
import type { Clock } from '../lib/clock.ts'
import type { Downstream } from './downstream.ts'
import type { Connect } from './exchange.ts'
import { errorFrame, isErrorFrame, translatedError } from './socket-errors.ts'

/** Beyond this a client is slow, and the upstream is read no further until it has caught up. */
const maxUnsentBytes = 1024 * 1024
/** Told to Codex, which then opens another socket and sends the whole conversation, without a word to its user. */
const serviceRestart = 1012
/** What a client recovers from by sending everything again on a new socket. */
const resent = new Set(['stream_incomplete', 'shutting_down', 'websocket_unavailable'])
/** The public protocol has an error for it; Codex would show that to its user. */
const resentByCodex = new Set([...resent, 'previous_response_not_found'])

/** Whom a socket belongs to, and what goes before the first event of a turn, if anything. */
type SocketOwner = { isCodex: boolean; greeting: () => string | null }

/** A client that asked by a frame on its socket: each event goes back as a frame of its own. */
export function socketClient(
  socket: WebSocket,
  closeWith: (code: number, reason: string) => void,
  { isCodex, greeting }: SocketOwner,
  clock: Clock,
): Connect {
  const letGo = isCodex ? resentByCodex : resent
  return (wrote) => {
    let hasBegun = false
    let hasGreeted = false
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
        const first = hasGreeted ? null : greeting()
        hasGreeted = true
        if (first !== null) socket.send(first, { binary: false })
      },
      write(chunk) {
        wrote()
        const frames = framesOf(chunk)
        // A comment is a sign of life for those who read events; on a socket that is a ping.
        if (frames.length === 0 && socket.readyState === socket.OPEN) socket.ping()
        for (const frame of frames) {
          const start = startOf(frame)
          hasBegun ||= !start.startsWith(privateStart)
          const told = isErrorFrame(start) ? translatedError(String(frame), clock.now()) : frame
          socket.send(told, { binary: false }, sent)
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
      moves: (code) => letGo.has(code),
      refuse(failure) {
        if (letGo.has(failure.code)) closeWith(serviceRestart, failure.code)
        else socket.send(errorFrame(failure), { binary: false })
      },
      answer() {
        throw new Error('On a socket every answer is a stream.')
      },
    }
  }
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

const privateStart = '{"type":"codex.'
/** Enough for the type, which comes first. */
const startBytes = 40

function startOf(frame: Buffer | string): string {
  return typeof frame === 'string' ? frame.slice(0, startBytes) : frame.toString('latin1', 0, startBytes)
}
