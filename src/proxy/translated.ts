import { createParser } from 'eventsource-parser'
import { parseObject } from './events.ts'
import type { Exchange } from './exchange.ts'
import type { Shape } from './relay.ts'

type Json = Record<string, unknown>

/** Makes of the upstream's events the text that a client of another protocol reads. Pure; one for each stream. */
type EventTranslator = {
  event(data: Json): string
  /** The stream broke off. */
  fail(code: string, message: string): string
}

/** An exchange in another protocol than the Responses API. */
export type Translation = {
  streams: boolean
  createStream(): EventTranslator
  objectOf(response: Json): unknown
  failure?: Exchange['failure']
  keepAlive?: string
}

export function translatedExchange(translation: Translation): Exchange {
  const { streams, createStream, objectOf, failure = (told) => told, keepAlive = ': keepalive\n\n' } = translation
  return {
    ...{ streams, objectOf, failure, keepAlive },
    createShape: () => translatedShape(createStream()),
    passesBytes: false,
  }
}

function translatedShape(stream: EventTranslator): Shape {
  const decoder = new TextDecoder()
  let ready = ''
  const parser = createParser({
    onEvent({ data }) {
      const event = parseObject(data)
      if (event !== null) ready += stream.event(event)
    },
  })
  const take = () => {
    const text = ready
    ready = ''
    return text === '' ? null : text
  }
  return {
    chunk(chunk) {
      parser.feed(decoder.decode(chunk, { stream: true }))
      return take()
    },
    rest() {
      // The last event may lack its blank line.
      parser.feed('\n\n')
      return take()
    },
    broken: (code, message) => stream.fail(code, message),
  }
}
