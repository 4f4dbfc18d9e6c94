import type { Json } from '../json.ts'
import type { EndReason, Piece } from './answer.ts'
import { gatherAnswer } from './gather.ts'
import type { CallForm } from './tools.ts'

/** What an answer needs beside the response: its name and time, and what the client asked for. */
export type ChatAnswer = {
  id: string
  createdSeconds: number
  /** Named where the upstream does not say which model served. */
  model: string
  stop: readonly string[]
  calls: CallForm
}

/** A finished response as a chat completion. One that failed has none: ask `chatErrorOf` first. @throws AppError */
export function chatCompletionOf(response: Json, options: ChatAnswer): Json {
  const { text, refusal, citations, calls, reason, usage, model, serviceTier } = gatherAnswer(response, options.stop)
  const isWordless = text === '' && (refusal !== '' || calls.length > 0)
  const made: Json[] = calls.map(({ call, input }) => {
    return { id: call.id, type: call.tool, ...callBody(call.tool, call.name, input) }
  })
  const [first] = made
  const message = {
    role: 'assistant',
    content: isWordless ? null : text,
    refusal: refusal === '' ? null : refusal,
    annotations: citations.map(annotationOf),
    ...(first === undefined
      ? {}
      : options.calls === 'tools'
        ? { tool_calls: made }
        : { function_call: first.function }),
  }
  const finish_reason = finishReason(reason, options.calls)
  return {
    id: options.id,
    object: 'chat.completion',
    created: options.createdSeconds,
    model: model ?? options.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    ...(usage === null ? {} : { usage }),
    ...(serviceTier === null ? {} : { service_tier: serviceTier }),
  }
}

export function finishReason(reason: EndReason, calls: CallForm): string {
  return reason === 'tool_calls' && calls === 'function' ? 'function_call' : reason
}

/** The part of a call that is named after its kind. A name is given where the call begins. */
export function callBody(tool: 'function' | 'custom', name: string | null, input: string): Json {
  const named = name === null ? {} : { name }
  return tool === 'custom' ? { custom: { ...named, input } } : { function: { ...named, arguments: input } }
}

export function annotationOf({ startIndex, endIndex, url, title }: Extract<Piece, { kind: 'citation' }>): Json {
  return { type: 'url_citation', url_citation: { start_index: startIndex, end_index: endIndex, url, title } }
}
