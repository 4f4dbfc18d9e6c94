import { createParser } from 'eventsource-parser'
import type { OutwardStream } from '../translate/outward/stream.ts'
import type { Answer } from '../upstream/client.ts'

/** Makes of the events of a source what goes on. Pure; one for each answer. */
type EventWriter = {
  event(event: string | undefined, data: string): string
  /** The source has ended its answer. */
  end(): string
}

/** Chunks that are whole events, as those need who make a frame of each. */
export function wholeEvents(answer: Answer): Answer {
  return rewritten(answer, {
    event(event, data) {
      if (data === '[DONE]') return ''
      const lines = data.replaceAll('\n', '\ndata: ')
      return event === undefined ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`
    },
    end: () => '',
  })
}

/** The stream of a chat completion as that of a response. */
export function asResponse(answer: Answer, stream: OutwardStream): Answer {
  return rewritten(answer, { event: (_event, data) => stream.chunk(data), end: () => stream.end() })
}

function rewritten(answer: Answer, writer: EventWriter): Answer {
  const decoder = new TextDecoder()
  let ready = ''
  let isOver = false
  const parser = createParser({
    onEvent({ event, data }) {
      ready += writer.event(event, data)
    },
  })
  const take = (): Buffer | null => {
    const text = ready
    ready = ''
    return text === '' ? null : Buffer.from(text)
  }
  return {
    status: answer.status,
    headers: answer.headers,
    via: answer.via,
    attach(sink) {
      answer.attach({
        data(chunk) {
          parser.feed(decoder.decode(chunk, { stream: true }))
          const text = take()
          return text === null ? true : sink.data(text)
        },
        end() {
          // The end is told to each sink, and the last event may lack its blank line.
          if (!isOver) {
            isOver = true
            parser.feed('\n\n')
            ready += writer.end()
          }
          const text = take()
          if (text !== null) sink.data(text)
          sink.end()
        },
        fail: (error) => sink.fail(error),
      })
    },
    resume: () => answer.resume(),
    abort: () => answer.abort(),
  }
}
