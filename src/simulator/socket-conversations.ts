import type { Turn } from './events.ts'
import { isObject, type JsonObject } from './json.ts'

/** What a model has before it when it goes on from a response: everything that was asked and answered until then. */
export type Conversation = { items: readonly unknown[]; bytes: number }

/** The responses a connection can be continued from, the oldest forgotten first. Another connection knows none of them. */
export type Conversations = {
  get(responseId: string): Conversation | null
  add(turn: Turn, before: Conversation, input: readonly unknown[]): void
}

const remembered = 200

export const noConversation: Conversation = { items: [], bytes: 0 }

export function createConversations(): Conversations {
  const byResponse = new Map<string, Conversation>()
  return {
    get: (responseId) => byResponse.get(responseId) ?? null,
    add({ id, output }, before, input) {
      const added = [...input, ...output]
      byResponse.set(id, { items: [...before.items, ...added], bytes: before.bytes + bytesOf(added) })
      if (byResponse.size <= remembered) return
      const oldest = byResponse.keys().next()
      if (!oldest.done) byResponse.delete(oldest.value)
    },
  }
}

function bytesOf(items: readonly unknown[]): number {
  return items.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(items)) - 1
}

/** The body that the same request would have over HTTP, its whole input included. */
export function wholeBody(frame: JsonObject, before: Conversation): JsonObject {
  const { type, generate, previous_response_id, input, ...settings } = frame
  return { ...settings, stream: true, input: Array.isArray(input) ? [...before.items, ...input] : input }
}

/** What the request adds to the conversation. */
export function inputOf({ input }: JsonObject): unknown[] {
  return Array.isArray(input) ? input.filter(isObject) : []
}
