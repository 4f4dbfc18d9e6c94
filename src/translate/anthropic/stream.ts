import type { Json } from '../json.ts'
import { createMessageFlow, type MessageOptions } from './flow.ts'

/** Turns the events of a response into the text of a message stream. After its end everything gives ''. */
export type MessagesStream = {
  event(data: Json): string
  /** Keeps a silent stream alive. */
  ping(): string
  /** The upstream has ended; the client is told when that was too early. */
  end(): string
  /** The answer broke off, before or after its first output. */
  fail(code: string, message: string, status: number): string
  /** Nothing follows, even where the upstream goes on: a stop sequence ends a message at once. */
  isOver(): boolean
}

export function createMessagesStream(options: MessageOptions): MessagesStream {
  const flow = createMessageFlow(options)
  const fail: MessagesStream['fail'] = (code, message, status) =>
    flow.fail(code, message, status).map(eventText).join('')
  return {
    event: (data) => flow.event(data).map(eventText).join(''),
    ping: () => (flow.isOver() ? '' : eventText({ type: 'ping' })),
    end: () => fail('stream_incomplete', 'The upstream ended the answer early.', 502),
    fail,
    isOver: flow.isOver,
  }
}

function eventText(event: Json): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
