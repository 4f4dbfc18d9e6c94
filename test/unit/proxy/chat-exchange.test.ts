import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../src/proxy/exchange.ts'
import { type ChatToKeep, keptChatExchange } from '../../../src/proxy/stored/chat-exchange.ts'
import type { Beginning } from '../../../src/stored/recording.ts'
import type { Stored } from '../../../src/stored/stored.ts'

const message = { type: 'message', id: 'msg_1', content: [{ type: 'output_text', text: 'Grüße 🙂' }] }
const response = { id: 'resp_1', status: 'completed', output: [] }
const bytesOf = (events: readonly { type: string }[]) =>
  Buffer.from(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
const whole = [
  { type: 'response.created', response: { ...response, status: 'in_progress' } },
  { type: 'response.output_item.done', output_index: 0, item: message },
  { type: 'response.completed', response },
]

/** What was kept, and what the client got. */
function kept(rule: boolean | 'unset', given: Partial<ChatToKeep> = {}) {
  const objects: (Beginning & { output: unknown })[] = []
  const stored = {
    keeps: (store: boolean | null) => store ?? rule === true,
    record: (beginning: Beginning) => ({
      end: (output: unknown) => void objects.push({ ...beginning, output }),
    }),
    // Only these two of a recording's parts are used.
  } as unknown as Pick<Stored, 'keeps' | 'record'>
  const inner: Exchange = {
    ...{ streams: true, keepAlive: '', passesBytes: false, objectOf: () => 'inner', failure: (failure) => failure },
    createShape: () => ({ chunk: (chunk) => chunk, rest: () => 'rest', broken: () => 'broken' }),
  }
  const chat: ChatToKeep = {
    ...{ store: null, metadata: { topic: 'a' }, messages: [{ role: 'user' }] },
    completionOf: ({ output }) => ({ id: 'chatcmpl-1', model: 'served', output }),
    ...given,
  }
  return { objects, inner, exchange: keptChatExchange(inner, chat, { keyId: 'key_1' }, stored) }
}

const object = {
  ...{ kind: 'chat', keyId: 'key_1', background: false, model: 'served', previousId: null },
  ...{ metadata: { topic: 'a' }, input: [{ role: 'user' }], threadId: expect.any(String) },
  output: { id: 'chatcmpl-1', model: 'served', output: [message] },
}

describe('a chat completion on its way to the client', () => {
  it('is kept whole, once, however the stream is cut into chunks, and changes nothing in it', () => {
    const bytes = bytesOf(whole)
    for (let size = 1; size <= bytes.length; size++) {
      const { objects, exchange } = kept(true)
      const shape = exchange.createShape()
      for (let at = 0; at < bytes.length; at += size) {
        const chunk = bytes.subarray(at, at + size)
        expect(shape.chunk(chunk)).toBe(chunk)
      }
      expect(shape.rest()).toBe('rest')
      expect(objects).toEqual([object])
    }
  })

  it('is kept before its client hears of the end, and when the last blank line is missing', () => {
    const { objects, exchange } = kept(true)
    const shape = exchange.createShape()
    shape.chunk(bytesOf(whole))
    expect(objects).toHaveLength(1)
    const other = kept(true)
    const cut = other.exchange.createShape()
    cut.chunk(bytesOf(whole).subarray(0, -2))
    expect(other.objects).toEqual([])
    cut.rest()
    expect(other.objects).toEqual([object])
  })

  it.each([
    ['was cut off', whole.slice(0, 2)],
    ['failed', [...whole.slice(0, 2), { type: 'response.failed', response: { ...response, status: 'failed' } }]],
    ['says that it failed', [...whole.slice(0, 2), { type: 'response.completed', response: { status: 'failed' } }]],
    ['ended with an error', [...whole.slice(0, 2), { type: 'error', code: 'x', message: 'y' }]],
  ])('is not kept when it %s', (_, events) => {
    const { objects, exchange } = kept(true)
    const shape = exchange.createShape()
    shape.chunk(bytesOf(events))
    shape.rest()
    expect(objects).toEqual([])
  })

  it('is kept as the object that a client without a stream gets', () => {
    const { objects, exchange } = kept(true)
    expect(exchange.objectOf({ output: [message] })).toEqual(object.output)
    expect(objects).toEqual([object])
  })

  it('goes its ordinary way when it is not to be kept', () => {
    for (const { exchange, inner } of [kept('unset'), kept(true, { store: false })]) expect(exchange).toBe(inner)
    expect(kept('unset', { store: true }).exchange.objectOf({})).toMatchObject({ id: 'chatcmpl-1' })
  })
})
