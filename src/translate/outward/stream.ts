import { count, filled, given, isObject, type Json, objectsOf } from '../json.ts'

/** Turns the chunks of a chat completion into the events of a response. Pure; one for each stream. */
export type OutwardStream = {
  /** The data of one event; `[DONE]` is the last. */
  chunk(data: string): string
  /** The source has ended its answer. Nothing, where it had not said how the answer ends: then it broke off. */
  end(): string
}

export type OutwardAnswer = {
  /** Of the response. */
  id: string
  createdSeconds: number
  model: string
  customTools: ReadonlySet<string>
  /** Makes the id of an item. */
  newId: (prefix: string) => string
}

type TextItem = { kind: 'message'; id: string; index: number; part: 'output_text' | 'refusal'; text: string }
type CallItem = {
  kind: 'call'
  id: string
  index: number
  callId: string
  name: string
  isCustom: boolean
  text: string
}

export function createOutwardStream(options: OutwardAnswer): OutwardStream {
  const { customTools, newId } = options
  let sequence = 0
  let hasBegun = false
  let isOver = false
  let reason: string | null = null
  let usage: Json | null = null
  const output: Json[] = []
  let message: TextItem | null = null
  /** By the index that the source gives them. */
  const calls = new Map<number, CallItem>()
  let items = 0

  const event = (type: string, fields: Json) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`
  const response = (status: string, more: Json = {}) => ({
    id: options.id,
    object: 'response',
    created_at: options.createdSeconds,
    status,
    model: options.model,
    output: output.filter((item) => item !== undefined),
    error: null,
    incomplete_details: null,
    ...more,
  })
  const begin = (): string => {
    if (hasBegun) return ''
    hasBegun = true
    return (
      event('response.created', { response: response('in_progress') }) +
      event('response.in_progress', { response: response('in_progress') })
    )
  }

  const partOf = ({ part, text }: TextItem, value = text): Json =>
    part === 'refusal' ? { type: part, refusal: value } : { type: part, text: value, annotations: [] }
  const messageItem = (item: TextItem, status: string, content: Json[]): Json => ({
    ...{ id: item.id, type: 'message', status, role: 'assistant', content },
  })
  const say = (part: TextItem['part'], text: string): string => {
    let told = ''
    if (message !== null && message.part !== part) told += endMessage()
    if (message === null) {
      message = { kind: 'message', id: newId('msg_'), index: items++, part, text: '' }
      const place = { item_id: message.id, output_index: message.index, content_index: 0 }
      told += event('response.output_item.added', {
        output_index: message.index,
        item: messageItem(message, 'in_progress', []),
      })
      told += event('response.content_part.added', { ...place, part: partOf(message) })
    }
    message.text += text
    const place = { item_id: message.id, output_index: message.index, content_index: 0 }
    return told + event(`response.${part}.delta`, { ...place, delta: text })
  }
  const endMessage = (): string => {
    if (message === null) return ''
    const ended = message
    message = null
    const place = { item_id: ended.id, output_index: ended.index, content_index: 0 }
    const item = messageItem(ended, 'completed', [partOf(ended)])
    output[ended.index] = item
    const whole = ended.part === 'refusal' ? { refusal: ended.text } : { text: ended.text }
    return (
      event(`response.${ended.part}.done`, { ...place, ...whole }) +
      event('response.content_part.done', { ...place, part: partOf(ended) }) +
      event('response.output_item.done', { output_index: ended.index, item })
    )
  }

  const callItem = ({ id, callId, name, isCustom }: CallItem, status: string, text: string): Json =>
    isCustom
      ? { id, type: 'custom_tool_call', status, call_id: callId, name, input: text }
      : { id, type: 'function_call', status, call_id: callId, name, arguments: text }
  const call = (delta: Json, position: number): string => {
    const key = count(delta.index) ?? position
    const fields = isObject(delta.function) ? delta.function : {}
    let told = ''
    let item = calls.get(key)
    if (item === undefined) {
      told += endMessage()
      const name = filled(fields.name) ?? ''
      const isCustom = customTools.has(name)
      const id = newId(isCustom ? 'ctc_' : 'fc_')
      item = { kind: 'call', id, index: items++, callId: filled(delta.id) ?? newId('call_'), name, isCustom, text: '' }
      calls.set(key, item)
      const added = callItem(item, 'in_progress', '')
      told += event('response.output_item.added', { output_index: item.index, item: added })
    }
    const text = typeof fields.arguments === 'string' ? fields.arguments : ''
    item.text += text
    // The text of a custom tool stands inside JSON, which is told when it is whole.
    if (text === '' || item.isCustom) return told
    const place = { item_id: item.id, output_index: item.index }
    return told + event('response.function_call_arguments.delta', { ...place, delta: text })
  }
  const endCall = (item: CallItem): string => {
    const place = { item_id: item.id, output_index: item.index }
    const text = item.isCustom ? plainInput(item.text) : item.text
    const done = callItem(item, 'completed', text)
    output[item.index] = done
    const told = item.isCustom
      ? event('response.custom_tool_call_input.delta', { ...place, delta: text }) +
        event('response.custom_tool_call_input.done', { ...place, input: text })
      : event('response.function_call_arguments.done', { ...place, arguments: text })
    return told + event('response.output_item.done', { output_index: item.index, item: done })
  }

  const finish = (): string => {
    if (isOver || reason === null) return ''
    isOver = true
    const told = begin() + endMessage() + [...calls.values()].map(endCall).join('')
    const cut = incompleteReasons[reason]
    const more = { usage: responseUsage(usage), ...(cut ? { incomplete_details: { reason: cut } } : {}) }
    const type = cut ? 'response.incomplete' : 'response.completed'
    return told + event(type, { response: response(cut ? 'incomplete' : 'completed', more) })
  }
  const fail = (error: Json): string => {
    isOver = true
    const code = filled(error.code) ?? (filled(error.type) || 'server_error')
    const told = { code: String(code), message: filled(error.message) ?? 'The source reported an error.' }
    return begin() + event('response.failed', { response: response('failed', { error: told }) })
  }

  return {
    chunk(data) {
      if (isOver) return ''
      if (data === '[DONE]') return finish()
      const parsed = parse(data)
      if (parsed === null) return ''
      if (isObject(parsed.error)) return fail(parsed.error)
      if (isObject(parsed.usage)) usage = parsed.usage
      // More than one choice is never asked for.
      const choice = objectsOf(parsed.choices).find((one) => (one.index ?? 0) === 0)
      let told = begin()
      const delta = isObject(choice?.delta) ? choice.delta : {}
      if (filled(delta.content) !== null) told += say('output_text', String(delta.content))
      if (filled(delta.refusal) !== null) told += say('refusal', String(delta.refusal))
      told += objectsOf(delta.tool_calls).map(call).join('')
      reason = filled(choice?.finish_reason) ?? reason
      return told
    },
    end: finish,
  }
}

const incompleteReasons: Record<string, string> = { length: 'max_output_tokens', content_filter: 'content_filter' }

/** Models that miss the form give the text itself. */
function plainInput(text: string): string {
  const { input } = parse(text) ?? {}
  return typeof input === 'string' ? input : text
}

function responseUsage(usage: Json | null): Json | null {
  if (usage === null) return null
  const prompt = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {}
  const completion = isObject(usage.completion_tokens_details) ? usage.completion_tokens_details : {}
  const input = count(usage.prompt_tokens) ?? 0
  const output = count(usage.completion_tokens) ?? 0
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: count(prompt.cached_tokens) ?? 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: count(completion.reasoning_tokens) ?? 0 },
    ...given({ total_tokens: count(usage.total_tokens) ?? input + output }),
  }
}

function parse(data: string): Json | null {
  try {
    const value: unknown = JSON.parse(data)
    return isObject(value) ? value : null
  } catch {
    // Half an event says nothing; whether the answer is whole shows at its end.
    return null
  }
}
