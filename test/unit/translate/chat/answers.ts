import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import type { ChatAnswer } from '../../../../src/translate/chat/completion.ts'
import { createChatStream } from '../../../../src/translate/chat/stream.ts'
import type { Json } from '../../../../src/translate/json.ts'

const folder = join(import.meta.dirname, '../../../fixtures/translate/chat/answers')

export type Recorded = { name: string; events: Json[]; sse: string; object: Json }

/** The recorded answers: what the upstream sent, the stream it becomes, and the object or error it becomes. */
export function recordedAnswers(): Recorded[] {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const names = readdirSync(folder).flatMap((file) => /^(.+)\.events\.json$/.exec(file)?.[1] ?? [])
  return names.map((name) => {
    const events = JSON.parse(read(`${name}.events.json`))
    return { name, events, sse: read(`${name}.sse`), object: JSON.parse(read(`${name}.object.json`)) }
  })
}

export const answerOptions: ChatAnswer & { includeUsage: boolean } = {
  id: 'chatcmpl-1',
  createdSeconds: 1_780_000_000,
  model: 'gpt-5.5',
  stop: [],
  calls: 'tools',
  includeUsage: true,
}

export function streamText(events: Json[], options: Partial<typeof answerOptions> = {}): string {
  const stream = createChatStream({ ...answerOptions, ...options })
  return events.map((event) => stream.event(event)).join('') + stream.end()
}

/** The JSON of every event of a stream, which must be well formed to the last byte; `[DONE]` is a text. */
export function dataOf(sse: string): (Json | string)[] {
  if (sse === '') return []
  if (!sse.endsWith('\n\n')) throw new Error('The last event is not whole.')
  return sse
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      if (!event.startsWith('data: ') || event.includes('\n')) throw new Error(`Not one line of data: ${event}`)
      const data = event.slice('data: '.length)
      return data === '[DONE]' ? data : JSON.parse(data)
    })
}

/** The real SDK, which is given this text whatever it asks. */
export function sdkReading(text: string, contentType = 'text/event-stream'): OpenAI {
  const fetch = async () => new Response(text, { headers: { 'content-type': contentType } })
  return new OpenAI({ apiKey: 'sk-none', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0, fetch })
}
