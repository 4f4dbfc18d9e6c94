import type { Answer } from '../upstream/client.ts'
import type { Head } from '../upstream/opening.ts'
import type { Downstream } from './downstream.ts'
import type { Watch } from './watch.ts'

/**
 * How a relayed answer ended. `failure` is set when the upstream broke off before its terminal event. `events`: how many
 * have come.
 */
export type Ending = { terminal: { type: string; data: unknown } | null; failure: string | null; events: number }

/** Turns an upstream stream into what this client gets. */
export type Shape = {
  /** What to write for a chunk; the chunk itself, where nothing has to change. */
  chunk(chunk: Buffer): Buffer | string | null
  /** What is left to write after the last chunk. */
  rest(): string | null
  /** What a client of this route understands as "the answer broke off"; `atBoundary` is false in the middle of an event. */
  broken(code: string, message: string, atBoundary: boolean): string | null
}

/** After its last event an upstream gets this long to end its answer, so that the connection can serve again. */
const closingMs = 2_000

/**
 * From here nothing can be tried elsewhere: the client has bytes. Copy every chunk as it comes, with back-pressure;
 * resolve when the answer is over: at its terminal event, or where it broke off.
 */
export function relay({ opening, answer }: Head, watch: Watch, shape: Shape, out: Downstream): Promise<Ending> {
  return new Promise((resolve) => {
    const finish = (failure: string | null) => {
      const rest = shape.rest()
      if (rest !== null) out.write(rest)
      const terminal = watch.terminal()
      if (terminal === null) {
        const last = shape.broken('stream_incomplete', 'The upstream ended the answer early.', watch.atBoundary())
        if (last !== null) out.write(last)
      }
      out.end()
      const broken = terminal === null ? (failure ?? 'stream_incomplete') : null
      resolve({ terminal, failure: broken, events: watch.events() })
    }
    /** False when the client is slow. */
    const pass = (chunk: Buffer): boolean => {
      watch.push(chunk)
      const shaped = shape.chunk(chunk)
      return shaped === null || out.write(shaped)
    }
    const ended = () => {
      finish(null)
      drain(answer)
    }
    for (const chunk of opening) pass(chunk)
    if (watch.sawTerminal()) return ended()
    answer.attach({
      data(chunk) {
        const more = pass(chunk)
        if (watch.sawTerminal()) ended()
        else if (!more) out.drained(() => answer.resume())
        return more || watch.sawTerminal()
      },
      end: () => finish(null),
      // An abort of ours carries its reason as the message.
      fail: (error) => finish(error.kind === 'aborted' ? error.message : `upstream_${error.kind}`),
    })
  })
}

/** Read what comes after the last event, which nobody needs, so that the connection is free again. */
function drain(answer: Answer): void {
  const timer = setTimeout(() => answer.abort(), closingMs)
  timer.unref()
  const done = () => clearTimeout(timer)
  answer.attach({ data: () => true, end: done, fail: done })
}
