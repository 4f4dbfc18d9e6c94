import type { ServerResponse } from 'node:http'
import { createRoster } from '../lib/roster.ts'

/** The client's side of a stream: headers once, then bytes, and a sign of life when nothing else comes. */
export type Downstream = {
  hasBegun(): boolean
  /** Status 200 and the headers, unless they were set already; they go out with the first bytes. */
  begin(headers: Record<string, string>): void
  /** False when the client is slow: wait for `drained`. */
  write(chunk: Buffer | string): boolean
  drained(resume: () => void): void
  end(): void
}

/** Keeps silent streams alive in the way that their client counts, and ends turns that take too long. */
export type KeepAlive = {
  watch(stream: WatchedStream): () => void
  /** Looks at every stream once; called about once a second. */
  sweep(nowMs: number): void
}

type WatchedStream = {
  lastWriteAtMs: number
  startedAtMs: number
  /** True when something may be put into the stream now. */
  mayInsert(): boolean
  insert(): void
  tooLong(): void
}

/** A stream that is silent this long gets a sign of life; before its first byte a longer wait is ordinary. */
const silenceMs = 10_000
/** The longest turn, as the upstream's own clients allow. */
const turnMs = 2 * 60 * 60_000

export function createKeepAlive(limits = { silenceMs, turnMs }): KeepAlive {
  const streams = createRoster<WatchedStream>()
  return {
    watch: (stream) => streams.add(stream),
    sweep(nowMs) {
      for (const stream of streams.entries()) {
        if (nowMs - stream.startedAtMs >= limits.turnMs) stream.tooLong()
        else if (nowMs - stream.lastWriteAtMs >= limits.silenceMs && stream.mayInsert()) {
          stream.insert()
          stream.lastWriteAtMs = nowMs
        }
      }
    },
  }
}

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // Reverse proxies that buffer would hold a stream back until it ends.
  'x-accel-buffering': 'no',
}

/** What is written within one tick goes out as one piece: an upstream's read often holds many events. */
export function createDownstream(response: ServerResponse, wrote: () => void): Downstream {
  let gathered: (Buffer | string)[] = []
  const flush = () => {
    if (gathered.length > 0 && !response.destroyed) response.write(joined(gathered))
    gathered = []
  }
  return {
    // Not a getter: V8 would make a new shape for each stream, and keep the whole turn alive with it.
    hasBegun: () => response.headersSent,
    begin(headers) {
      if (response.headersSent || response.destroyed) return
      response.writeHead(200, { ...streamHeaders, ...headers })
    },
    write(chunk) {
      wrote()
      if (gathered.length === 0) process.nextTick(flush)
      gathered.push(chunk)
      return response.destroyed || !response.writableNeedDrain
    },
    drained(resume) {
      if (response.writableNeedDrain) response.once('drain', resume)
      else resume()
    },
    end() {
      flush()
      response.end()
    },
  }
}

function joined(parts: (Buffer | string)[]): Buffer | string {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}
