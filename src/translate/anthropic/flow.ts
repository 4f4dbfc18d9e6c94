import { filled, isObject, type Json } from '../json.ts'
import { type AnswerFacts, createAnswerReader } from './answer.ts'
import { createBlockWriter } from './block-writer.ts'
import { anthropicError } from './errors.ts'
import type { Reply } from './request.ts'
import { messageUsage, usageFields, usageOf } from './usage.ts'

/** What makes up the outside of a message. */
export type MessageOptions = Reply & {
  id: string
  /** Our own estimate: the upstream tells the number only at the end. */
  inputTokens: number
}

/** Turns the events of a response into those of a message. After the last one nothing gives another. */
export type MessageFlow = {
  event(event: Json): Json[]
  fail(code: string, message: string, status: number): Json[]
  isOver(): boolean
}

export function createMessageFlow(options: MessageOptions): MessageFlow {
  const writer = createBlockWriter(options.stopSequences)
  let ready: Json[] = []
  const reader = createAnswerReader(options, (step) => ready.push(...writer.write(step)))
  let isStarted = false
  let isOver = false

  const take = (): Json[] => {
    const events = ready
    ready = []
    return events
  }
  const start = (): Json[] => {
    if (isStarted) return []
    isStarted = true
    return [{ type: 'message_start', message: emptyMessage(options) }]
  }
  const end = (response: Json, isWhole: boolean): Json[] => {
    isOver = true
    const facts = reader.facts()
    const usage = usageOf(response) ?? {
      inputTokens: options.inputTokens,
      cachedTokens: 0,
      outputTokens: writer.tokens(),
      thinkingTokens: null,
    }
    const stoppedBy = writer.stoppedBy()
    const delta = { ...stopFields(stoppedBy, facts, isWhole ? null : response), container: null }
    return [{ type: 'message_delta', delta, usage: usageFields(usage, facts.searchCount) }, { type: 'message_stop' }]
  }
  const fail: MessageFlow['fail'] = (code, message, status) => {
    if (isOver) return []
    isOver = true
    const { error } = anthropicError(status, code, message)
    return [{ type: 'error', error }]
  }
  const failed = (error: unknown): Json[] => {
    const { code, message } = isObject(error) ? error : {}
    const words = filled(message) ?? 'The upstream could not finish the answer.'
    return fail(filled(code) ?? 'upstream_error', words, 502)
  }
  /** What the event brought, and the end where there is one already. `response` is the finished one, if that is here. */
  const shown = (response: Json = {}): Json[] => {
    const events = take()
    const { fault } = reader.facts()
    if (fault !== null) return [...start(), ...events, ...fail('upstream_error', fault, 502)]
    // The rest of the answer is not waited for: what it costs is then estimated.
    if (writer.stoppedBy() !== null) return [...start(), ...events, ...end(response, true)]
    return events.length === 0 ? [] : [...start(), ...events]
  }
  return {
    event(event) {
      if (isOver) return []
      const response = isObject(event.response) ? event.response : {}
      switch (event.type) {
        case 'response.created':
          return start()
        case 'response.completed':
        case 'response.incomplete': {
          const isWhole = event.type === 'response.completed'
          reader.finish(response, isWhole)
          const events = shown(response)
          return isOver ? events : [...start(), ...events, ...end(response, isWhole)]
        }
        case 'response.failed':
          return failed(response.error)
        case 'error':
          return failed(isObject(event.error) ? event.error : event)
        default:
          reader.event(event)
          return shown()
      }
    },
    fail,
    isOver: () => isOver,
  }
}

/** `cut` is the response that the upstream did not bring to its end, null when it did. */
function stopFields(stoppedBy: string | null, facts: AnswerFacts, cut: Json | null): Json {
  const stop = (reason: string) => ({ stop_reason: reason, stop_sequence: null, stop_details: null })
  if (stoppedBy !== null) return { ...stop('stop_sequence'), stop_sequence: stoppedBy }
  const details = cut !== null && isObject(cut.incomplete_details) ? cut.incomplete_details : {}
  if (facts.isRefused || details.reason === 'content_filter') {
    return { ...stop('refusal'), stop_details: { type: 'refusal', category: null, explanation: null } }
  }
  if (cut !== null) return stop('max_tokens')
  return stop(facts.hasCalls ? 'tool_use' : 'end_turn')
}

function emptyMessage({ id, model, inputTokens }: MessageOptions): Json {
  const counters = usageFields({ inputTokens, cachedTokens: 0, outputTokens: 0, thinkingTokens: null }, 0)
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: messageUsage(counters),
  }
}
