import type { Ask } from '../../domain/request.ts'
import { randomId } from '../../lib/secrets.ts'
import type { Stored } from '../../stored/stored.ts'
import { collectResponse } from '../events.ts'
import type { Exchange } from '../exchange.ts'

type Json = Record<string, unknown>

/** What can be kept of a chat completion. */
export type ChatToKeep = {
  /** What the client says about keeping it; null where it says nothing. */
  store: boolean | null
  metadata: Record<string, string>
  messages: unknown[]
  completionOf(response: Json): Json
}

/** The same exchange, in which a completion that is to be kept is kept as soon as it is whole. */
export function keptChatExchange(
  inner: Exchange,
  { store, metadata, messages, completionOf }: ChatToKeep,
  { keyId }: Pick<Ask, 'keyId'>,
  stored: Pick<Stored, 'keeps' | 'record'>,
): Exchange {
  if (!stored.keeps(store)) return inner
  const keep = (completion: Json) => {
    const about = { kind: 'chat' as const, keyId, model: String(completion.model), metadata }
    const alone = { background: false, previousId: null, threadId: randomId('kept_') }
    stored.record({ ...about, ...alone, input: messages }).end(completion)
  }
  return {
    ...inner,
    createShape() {
      const shape = inner.createShape()
      let isKept = false
      // Chunks say less than the object: it is made of the whole response, as for a client that wants no stream.
      const collector = collectResponse(({ type }) => {
        const response = collector.response()
        const isWhole = type === 'response.completed' || type === 'response.incomplete'
        if (isKept || !isWhole || response === null || response.status === 'failed') return
        isKept = true
        keep(completionOf(response))
      })
      return {
        ...shape,
        chunk(chunk) {
          collector.push(chunk)
          return shape.chunk(chunk)
        },
        rest() {
          collector.finish()
          return shape.rest()
        },
      }
    },
    objectOf(response) {
      const completion = completionOf(response)
      keep(completion)
      return completion
    },
  }
}
