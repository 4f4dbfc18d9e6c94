import type { Json } from '../json.ts'
import { createAnswerReader, type EndReason, type Piece } from './answer.ts'
import type { ChatError } from './errors.ts'
import { createStopFilter } from './stop.ts'
import type { Usage } from './usage.ts'

/** One step of an answer as a client may see it: cut off where the client asked for that, and in an order that ends once. */
export type Step =
  | Exclude<Piece, { kind: 'end' }>
  /** After all output; nothing but the usage may follow. */
  | { kind: 'finish'; reason: EndReason }
  | { kind: 'usage'; usage: Usage }
  /** Always the last. */
  | { kind: 'done' }

/** Reads the events of one answer. After the last step nothing gives another. */
export type AnswerFlow = {
  event(event: Json): Step[]
  fail(error: ChatError): Step[]
  model(): string | null
  serviceTier(): string | null
}

export function createAnswerFlow(stopSequences: readonly string[]): AnswerFlow {
  const reader = createAnswerReader()
  const stop = createStopFilter(stopSequences)
  const citations: Extract<Piece, { kind: 'citation' }>[] = []
  let textLength = 0
  let hasCalls = false
  let isFinished = false
  let isOver = false

  const say = (text: string): Step[] => {
    textLength += text.length
    return text === '' ? [] : [{ kind: 'text', text }]
  }
  const finish = (reason: EndReason): Step[] => {
    isFinished = true
    return [...citations.filter(({ endIndex }) => endIndex <= textLength), { kind: 'finish', reason }]
  }
  const fail = (error: ChatError): Step[] => {
    if (isOver) return []
    isOver = true
    // Behind a stop sequence the client misses nothing.
    if (isFinished) return [{ kind: 'done' }]
    return [...say(stop.rest()), { kind: 'error', error }, { kind: 'done' }]
  }
  const show = (piece: Piece): Step[] => {
    if (piece.kind === 'error') return fail(piece.error)
    if (piece.kind === 'end') {
      isOver = true
      const rest = isFinished ? [] : [...say(stop.rest()), ...finish(piece.reason)]
      return [
        ...rest,
        ...(piece.usage === null ? [] : [{ kind: 'usage' as const, usage: piece.usage }]),
        { kind: 'done' },
      ]
    }
    if (isFinished) return []
    if (piece.kind === 'text') {
      const said = say(stop.push(piece.text))
      return stop.hasStopped() ? [...said, ...finish(hasCalls ? 'tool_calls' : 'stop')] : said
    }
    if (piece.kind === 'citation') {
      // A client keeps the last list that it gets: they go out together, at the end.
      citations.push(piece)
      return []
    }
    hasCalls ||= piece.kind === 'call'
    return [piece]
  }
  return {
    event: (event) => (isOver ? [] : reader.read(event).flatMap((piece) => (isOver ? [] : show(piece)))),
    fail,
    model: reader.model,
    serviceTier: reader.serviceTier,
  }
}
