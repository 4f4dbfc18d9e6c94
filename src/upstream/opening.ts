import type { IncomingHttpHeaders } from 'node:http'
import { createParser } from 'eventsource-parser'
import type { Answer } from './client.ts'
import type { TransportError } from './transport-error.ts'

/** The start of an answer, held until it has shown what it is. Until here everything can still be thrown away. */
export type Head = {
  status: number
  headers: IncomingHttpHeaders
  /** Every byte received so far, in order. */
  opening: Buffer[]
  /** The first event that says more than "I have begun"; null when the answer ended or is no event stream. */
  firstEvent: { type: string; data: string } | null
  /** Set when the answer ended before its first real event. */
  ended: boolean
  failure: TransportError | null
  answer: Answer
}

/** Events that announce and carry nothing a person could see. An error may still follow on a 200 answer. */
const announcements = new Set([
  'response.created',
  'response.in_progress',
  'response.queued',
  'response.metadata',
  'response.output_item.added',
  'response.content_part.added',
  'response.reasoning_summary_part.added',
  'codex.rate_limits',
  'codex.keepalive',
  'keepalive',
])

/** `response.created` may echo long instructions and tools; an opening larger than this is taken as it is. */
const maxOpeningBytes = 2 * 1024 * 1024
const maxErrorBytes = 64 * 1024

/** `announced` hears the type and data of every announcement that is held back. */
export type OpeningListener = (event: { type: string; data: string }) => void

/** Read an event stream up to its first real event. Never rejects: a broken answer is a head with a failure. */
export function readOpening(answer: Answer, announced: OpeningListener): Promise<Head> {
  return new Promise((resolve) => {
    const head: Head = { ...start(answer) }
    const decoder = new TextDecoder()
    let bytes = 0
    let decided = false
    let ending = false
    const parser = createParser({
      onEvent({ event, data }) {
        if (decided || data === '[DONE]' || (ending && !isJson(data))) return
        const type = typeOf(event, data)
        if (announcements.has(type)) return announced({ type, data })
        head.firstEvent = { type, data }
        decide()
      },
    })
    const decide = () => {
      decided = true
      resolve(head)
    }
    answer.attach({
      data(chunk) {
        head.opening.push(chunk)
        if (decided) return false
        bytes += chunk.length
        parser.feed(decoder.decode(chunk, { stream: true }))
        if (!decided && bytes > maxOpeningBytes) decide()
        return !decided
      },
      end() {
        head.ended = true
        ending = true
        // The last event may lack its blank line; one that was cut is none.
        if (!decided) parser.feed('\n\n')
        if (!decided) decide()
      },
      fail(error) {
        head.ended = true
        head.failure = error
        if (!decided) decide()
      },
    })
  })
}

/** Read an answer that is no stream of events: the whole body, cut off at a bound. */
export function readWhole(answer: Answer, maxBytes = maxErrorBytes): Promise<Head> {
  return new Promise((resolve) => {
    const head: Head = { ...start(answer) }
    let bytes = 0
    const done = (failure: TransportError | null) => {
      // Letting go of the rest comes back as a break.
      if (head.ended) return
      head.ended = true
      head.failure = failure
      resolve(head)
    }
    answer.attach({
      data(chunk) {
        if (bytes < maxBytes) head.opening.push(chunk.subarray(0, maxBytes - bytes))
        bytes += chunk.length
        if (bytes < maxBytes) return true
        done(null)
        answer.abort()
        return false
      },
      end: () => done(null),
      fail: done,
    })
  })
}

function start(answer: Answer): Head {
  return {
    status: answer.status,
    headers: answer.headers,
    opening: [],
    firstEvent: null,
    ended: false,
    failure: null,
    answer,
  }
}

function isJson(data: string): boolean {
  try {
    JSON.parse(data)
    return true
  } catch {
    return false
  }
}

const leadingType = /^\s*\{\s*"type"\s*:\s*"([^"\\]{1,100})"/

/** An event's type: its `event:` line, else the `type` of its data, which nearly always comes first. */
export function typeOf(event: string | undefined, data: string): string {
  if (event) return event
  const leading = leadingType.exec(data)?.[1]
  if (leading !== undefined) return leading
  try {
    const { type } = JSON.parse(data)
    return typeof type === 'string' ? type : ''
  } catch {
    // Not JSON: an event without a type is real output as far as we can tell.
    return ''
  }
}
