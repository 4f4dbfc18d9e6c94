import type { Head } from '../upstream/opening.ts'
import type { Downstream } from './downstream.ts'
import type { Watch } from './watch.ts'

/** How a relayed answer ended. `failure` is set when the upstream broke off before its terminal event. */
export type Ending = { terminal: { type: string; data: unknown } | null; failure: string | null }

/** Turns an upstream stream into what this client gets. */
export type Shape = {
  /** What to write for a chunk; the chunk itself, where nothing has to change. */
  chunk(chunk: Buffer): Buffer | string | null
  /** What is left to write after the last chunk. */
  rest(): string | null
  /** What a client of this route understands as "the answer broke off"; `atBoundary` is false in the middle of an event. */
  broken(code: string, message: string, atBoundary: boolean): string | null
}

/** After its last event an upstream gets this long to close; the client need not wait for it. */
const closingMs = 2_000

/**
 * From here nothing can be tried elsewhere: the client has bytes. Copy every chunk as it comes, with back-pressure;
 * resolve when the answer is over, whoever ended it.
 */
export function relay(head: Head, watch: Watch, shape: Shape, out: Downstream): Promise<Ending> {
  return new Promise((resolve) => {
    let over = false
    let closing: NodeJS.Timeout | undefined
    const finish = (failure: string | null) => {
      if (over) return
      over = true
      clearTimeout(closing)
      const terminal = watch.terminal()
      const broken = terminal === null
      const rest = shape.rest()
      if (rest !== null) out.write(rest)
      if (broken) {
        const last = shape.broken('stream_incomplete', 'The upstream ended the answer early.', watch.atBoundary())
        if (last !== null) out.write(last)
      }
      out.end()
      resolve({ terminal, failure: broken ? (failure ?? 'stream_incomplete') : null })
    }
    const pass = (chunk: Buffer): boolean => {
      watch.push(chunk)
      const shaped = shape.chunk(chunk)
      const more = shaped === null || out.write(shaped)
      if (!watch.sawTerminal() || over) return more
      closing ??= setTimeout(() => {
        head.answer.abort()
        finish(null)
      }, closingMs).unref()
      return more
    }
    for (const chunk of head.opening) pass(chunk)
    head.opening = []
    head.answer.attach({
      data(chunk) {
        const more = pass(chunk)
        if (!more) out.drained(() => head.answer.resume())
        return more
      },
      end: () => finish(null),
      // An abort of ours carries its reason as the message.
      fail: (error) => finish(error.kind === 'aborted' ? error.message : `upstream_${error.kind}`),
    })
  })
}
