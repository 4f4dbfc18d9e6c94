import { filled, isObject, type Json } from '../json.ts'
import { createCalls } from './calls.ts'
import { type ChatError, chatErrorOf } from './errors.ts'
import { createTexts } from './texts.ts'
import { type Usage, usageOf } from './usage.ts'

/** One step of an answer, free of the protocol that it came in. */
export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'refusal'; text: string }
  /** A web page that the text cites; the places count from the beginning of the whole text. */
  | { kind: 'citation'; startIndex: number; endIndex: number; url: string; title: string }
  /** Its input follows in pieces of its own. `index` counts the calls from 0. */
  | { kind: 'call'; index: number; id: string; tool: 'function' | 'custom'; name: string }
  | { kind: 'call_input'; index: number; text: string }
  | { kind: 'end'; reason: EndReason; usage: Usage | null }
  | { kind: 'error'; error: ChatError }

export type EndReason = 'stop' | 'tool_calls' | 'length' | 'content_filter'

/** Reads the events of one answer in their order, and makes up for missing deltas from the whole forms that follow. */
export type AnswerReader = {
  read(event: Json): Piece[]
  /** The model and tier that the upstream named last. */
  model(): string | null
  serviceTier(): string | null
}

export function createAnswerReader(): AnswerReader {
  let pieces: Piece[] = []
  let model: string | null = null
  let serviceTier: string | null = null
  const emit = (piece: Piece) => void pieces.push(piece)
  const texts = createTexts(emit)
  const calls = createCalls(emit)

  const note = ({ response }: Json) => {
    if (!isObject(response)) return
    model = filled(response.model) ?? model
    serviceTier = filled(response.service_tier) ?? serviceTier
  }
  const item = (event: Json) => {
    if (isObject(event.item) && event.item.type === 'message') texts.message(event)
    else calls.whole(event)
  }
  const fail = (event: Json) => emit({ kind: 'error', error: chatErrorOf(event) })
  const end = (event: Json) => {
    note(event)
    const response = isObject(event.response) ? event.response : {}
    if (response.status === 'failed') return fail(event)
    const output = Array.isArray(response.output) ? response.output : []
    for (const [index, one] of output.entries()) item({ output_index: index, item: one })
    const isCut = event.type === 'response.incomplete' || response.status === 'incomplete'
    const reason = isCut ? cutReason(response) : calls.count() > 0 ? 'tool_calls' : 'stop'
    emit({ kind: 'end', reason, usage: usageOf(response.usage) })
  }
  // Events of any other type say nothing that a chat completion could hold.
  const handlers = new Map<unknown, (event: Json) => void>([
    ['response.created', note],
    ['response.in_progress', note],
    ['response.output_text.delta', (event) => texts.delta('text', event)],
    ['response.output_text.done', (event) => texts.whole(event, { type: 'output_text', text: event.text })],
    ['response.output_text.annotation.added', texts.cited],
    ['response.refusal.delta', (event) => texts.delta('refusal', event)],
    ['response.refusal.done', (event) => texts.whole(event, { type: 'refusal', refusal: event.refusal })],
    ['response.content_part.done', (event) => isObject(event.part) && texts.whole(event, event.part)],
    ['response.output_item.added', calls.begun],
    ['response.function_call_arguments.delta', calls.delta],
    ['response.function_call_arguments.done', (event) => calls.input(event, 'arguments')],
    ['response.custom_tool_call_input.delta', calls.delta],
    ['response.custom_tool_call_input.done', (event) => calls.input(event, 'input')],
    ['response.output_item.done', item],
    ['response.completed', end],
    ['response.incomplete', end],
    ['response.failed', fail],
    ['error', fail],
  ])
  return {
    read(event) {
      pieces = []
      handlers.get(event.type)?.(event)
      return pieces
    },
    model: () => model,
    serviceTier: () => serviceTier,
  }
}

/** An answer that was cut off for a reason we do not know is not whole either. */
function cutReason(response: Json): EndReason {
  const details = isObject(response.incomplete_details) ? response.incomplete_details : {}
  return details.reason === 'content_filter' ? 'content_filter' : 'length'
}
