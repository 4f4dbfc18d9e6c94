import { collectResponse, textOfEvent } from './events.ts'
import type { Shape } from './relay.ts'

/** The Codex route: every byte as it came. Codex counts data events as life, not comments. */
export function codexShape(): Shape {
  return {
    chunk: (chunk) => chunk,
    rest: () => null,
    broken: (code, message, atBoundary) => {
      if (!atBoundary) return null
      const event = { type: 'response.failed', response: { status: 'failed', error: { code, message } } }
      return `event: response.failed\ndata: ${JSON.stringify(event)}\n\n`
    },
  }
}

/** The public route: only public events, each whole, and a final response that holds its output. */
export function publicShape(): Shape {
  let ready = ''
  const collector = collectResponse((event) => {
    ready += textOfEvent(event)
  })
  const take = () => {
    const text = ready
    ready = ''
    return text === '' ? null : text
  }
  return {
    chunk(chunk) {
      collector.push(chunk)
      return take()
    },
    rest() {
      collector.finish()
      return take()
    },
    broken: (code, message) => {
      const event = { type: 'error', code, message, param: null, sequence_number: 0 }
      return `event: error\ndata: ${JSON.stringify(event)}\n\n`
    },
  }
}
