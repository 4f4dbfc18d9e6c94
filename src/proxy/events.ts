import { createParser } from 'eventsource-parser'
import { typeOf } from '../upstream/opening.ts'

type Json = Record<string, unknown>

/** Collects what a response is made of while it streams: the terminal event sometimes comes with an empty `output`. */
export type Collector = {
  push(chunk: Buffer): void
  /** The stream is over: a last event without its blank line still counts, a cut one does not. */
  finish(): void
  /** The finished response object, or null when none has come. */
  response(): Json | null
}

/** An event as a public client may see it. */
export type PublicEvent = { type: string; data: string }

/** The event as it stands in a stream. Data that came on several lines goes out on several. */
export function textOfEvent({ type, data }: PublicEvent): string {
  return `event: ${type}\ndata: ${data.replaceAll('\n', '\ndata: ')}\n\n`
}

/** `forward` gets each event that a public client may see, in its final form. */
export function collectResponse(forward: (event: PublicEvent) => void = () => {}): Collector {
  const items: { index: number; item: unknown }[] = []
  const decoder = new TextDecoder()
  let response: Json | null = null
  let finishing = false
  const parser = createParser({
    onEvent({ event, data }) {
      if (data === '[DONE]' || (finishing && parseObject(data) === null)) return
      const type = typeOf(event, data)
      // Events of the private protocol mean nothing to public clients, and some of them stop at an unknown one.
      if (type.startsWith('codex.')) return
      if (type === 'response.output_item.done') keepItem(parseObject(data))
      forward({ type, data: isTerminal(type) ? complete(data) : data })
    },
  })
  const keepItem = (event: Json | null) => {
    if (event?.item === undefined) return
    items.push({ index: typeof event.output_index === 'number' ? event.output_index : items.length, item: event.item })
  }
  const complete = (data: string): string => {
    const event = parseObject(data)
    if (event === null || !isObject(event.response)) return data
    response = event.response
    const isEmpty = !Array.isArray(response.output) || response.output.length === 0
    if (!isEmpty || items.length === 0) return data
    response = { ...response, output: items.toSorted((a, b) => a.index - b.index).map(({ item }) => item) }
    return JSON.stringify({ ...event, response })
  }
  return {
    push: (chunk) => parser.feed(decoder.decode(chunk, { stream: true })),
    finish() {
      finishing = true
      parser.feed('\n\n')
    },
    response: () => response,
  }
}

function isTerminal(type: string): boolean {
  return type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed'
}

/** The object that an event holds; null for anything else. */
export function parseObject(data: string): Json | null {
  try {
    const value: unknown = JSON.parse(data)
    return isObject(value) ? value : null
  } catch {
    // Passed on as it came; the client decides what to make of it.
    return null
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
