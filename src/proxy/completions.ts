import { randomId } from '../lib/secrets.ts'
import { itemsOf } from '../stored/items.ts'
import { chatCompletionOf } from '../translate/chat/completion.ts'
import { chatToResponses } from '../translate/chat/request.ts'
import { createChatStream } from '../translate/chat/stream.ts'
import { createTextCompletionStream, textCompletionOf } from '../translate/completions/answer.ts'
import { completionToResponses } from '../translate/completions/request.ts'
import { parseObjectBody } from './normalize.ts'
import type { Surface } from './surfaces.ts'
import { translatedExchange } from './translated.ts'

type Json = Record<string, unknown>

/** Chat Completions, and the completions of plain text before them. */
export const completionSurfaces: readonly Surface[] = [
  {
    path: '/v1/chat/completions',
    speak(bytes, { nowMs }) {
      const body = parseObjectBody(bytes)
      const ask = chatToResponses(body)
      const options = { ...ask, ...identity('chatcmpl-', ask.request, nowMs) }
      const completionOf = (response: Json) => chatCompletionOf(response, options)
      const exchange = () =>
        translatedExchange({
          streams: ask.stream,
          createStream: () => createChatStream(options),
          objectOf: completionOf,
        })
      const messages = Array.isArray(body.messages) ? body.messages : itemsOf(body.input)
      const chat = { store: ask.store, metadata: ask.metadata ?? {}, messages, completionOf }
      return { request: requestOf(ask), form: 'public', exchange, chat }
    },
  },
  {
    path: '/v1/completions',
    speak(bytes, { nowMs }) {
      const ask = completionToResponses(parseObjectBody(bytes))
      const options = { ...ask, ...identity('cmpl-', ask.request, nowMs) }
      const exchange = () =>
        translatedExchange({
          streams: ask.stream,
          createStream: () => createTextCompletionStream(options),
          objectOf: (response) => textCompletionOf(response, options),
        })
      return { request: requestOf(ask), form: 'public', exchange }
    },
  },
]

function identity(prefix: string, request: Json, nowMs: number) {
  return { id: randomId(prefix), createdSeconds: Math.floor(nowMs / 1000), model: String(request.model) }
}

function requestOf({ request, stream }: { request: Json; stream: boolean }): Buffer {
  return Buffer.from(JSON.stringify({ ...request, stream }))
}
