import { invalid } from '../../errors.ts'
import { filled, isObject, type Json, text } from '../json.ts'
import { assistantParts, inputText, plainTexts, refusalPart, userParts } from './parts.ts'

/** A conversation as a response takes it. */
export type Conversation = { instructions: string; input: Json[] }

/** A call the assistant made, waiting for its output. */
type OpenCall = { id: string; name: string; outputType: string; messageIndex: number; isAnswered: boolean }

/**
 * The system messages that open the conversation become its instructions; later ones keep their place, since moving
 * them would change their meaning. With `keepsSystem` all stay in the input. @throws AppError naming the message
 */
export function conversationOf(messages: unknown, keepsSystem: boolean): Conversation {
  if (!Array.isArray(messages)) throw invalid('messages', '"messages" must be a list of messages.')
  if (messages.length === 0) throw invalid('messages', '"messages" is empty: give at least one message.')
  const calls: OpenCall[] = []
  const each = messages.map((message, index) => itemsOf(message, index, calls))
  const unanswered = calls.find(({ isAnswered }) => !isAnswered)
  if (unanswered) {
    const ids = calls.filter((call) => !call.isAnswered && call.messageIndex === unanswered.messageIndex)
    throw invalid(
      `messages[${unanswered.messageIndex}].tool_calls`,
      `Some tool calls have no answer: ${ids.map(({ id }) => id).join(', ')}. Add a "tool" message for each "tool_call_id".`,
    )
  }
  const firstOther = messages.findIndex((message) => !isSystem(message))
  // A response needs an input: a conversation of system messages alone keeps them there.
  const lifted = keepsSystem || firstOther === -1 ? 0 : firstOther
  const texts = messages.slice(0, lifted).flatMap((message, index) => systemTexts(message, index))
  return { instructions: texts.join('\n'), input: each.slice(lifted).flat() }
}

function itemsOf(message: unknown, index: number, calls: OpenCall[]): Json[] {
  const path = `messages[${index}]`
  if (!isObject(message)) throw invalid(path, 'Every message must be an object with a "role".')
  switch (message.role) {
    case 'system':
    case 'developer':
      return [messageItem('developer', systemTexts(message, index).map(inputText))]
    case 'user':
      return [messageItem('user', userParts(message.content, `${path}.content`))]
    case 'assistant':
      return assistantItems(message, index, calls)
    case 'tool':
      return [outputItem(toolCallOf(message, path, calls), message.content, path)]
    case 'function':
      return [outputItem(functionCallOf(message, path, calls), message.content, path)]
    default:
      throw invalid(`${path}.role`, 'The role must be one of: system, developer, user, assistant, tool.')
  }
}

function isSystem(message: unknown): boolean {
  return isObject(message) && (message.role === 'system' || message.role === 'developer')
}

function systemTexts(message: Json, index: number): string[] {
  return plainTexts(message.content, `messages[${index}].content`, `A ${message.role} message`)
}

function messageItem(role: string, content: Json[]): Json {
  return { type: 'message', role, content }
}

function assistantItems(message: Json, index: number, calls: OpenCall[]): Json[] {
  const path = `messages[${index}]`
  if (message.audio != null) {
    throw invalid(`${path}.audio`, 'Audio is not supported; send what was said as "content".')
  }
  const parts = assistantParts(message.content, `${path}.content`)
  const refusal = filled(message.refusal)
  if (refusal !== null) parts.push(refusalPart(refusal))
  const items = parts.length > 0 ? [messageItem('assistant', parts)] : []
  const { tool_calls: toolCalls, function_call: functionCall } = message
  if (toolCalls != null && !Array.isArray(toolCalls))
    throw invalid(`${path}.tool_calls`, '"tool_calls" must be a list.')
  for (const [at, call] of (toolCalls ?? []).entries()) {
    items.push(callItem(call, `${path}.tool_calls[${at}]`, index, calls))
  }
  if (functionCall != null) {
    // Calls of the older kind have no id; their place in the conversation stands in for it.
    const call = isObject(functionCall) ? functionCall : {}
    items.push(callItem({ id: `call_function_${index}`, function: call }, `${path}.function_call`, index, calls))
  }
  return items
}

function callItem(call: unknown, path: string, messageIndex: number, calls: OpenCall[]): Json {
  if (!isObject(call)) throw invalid(path, 'Every tool call must be an object.')
  const id = filled(call.id)
  if (id === null) throw invalid(`${path}.id`, 'A tool call needs its "id".')
  const kind = call.type === 'custom' ? 'custom' : 'function'
  if (call.type != null && call.type !== kind) {
    throw invalid(`${path}.type`, 'A tool call must have the type "function" or "custom".')
  }
  const body = call[kind]
  const name = isObject(body) ? filled(body.name) : null
  if (!isObject(body) || name === null) throw invalid(`${path}.${kind}.name`, 'A tool call needs the name of its tool.')
  const outputType = kind === 'custom' ? 'custom_tool_call_output' : 'function_call_output'
  calls.push({ id, name, outputType, messageIndex, isAnswered: false })
  if (kind === 'custom') return { type: 'custom_tool_call', call_id: id, name, input: text(body.input) ?? '' }
  const given = body.arguments ?? '{}'
  if (typeof given !== 'string') {
    throw invalid(`${path}.function.arguments`, '"arguments" must be text that holds JSON.')
  }
  return { type: 'function_call', call_id: id, name, arguments: given }
}

function toolCallOf(message: Json, path: string, calls: OpenCall[]): OpenCall {
  const id = filled(message.tool_call_id) ?? filled(message.toolCallId) ?? filled(message.call_id)
  if (id === null) throw invalid(`${path}.tool_call_id`, 'A tool message needs the "tool_call_id" that it answers.')
  // Some clients count their ids anew in every turn: the latest call is meant.
  const call = calls.findLast((one) => one.id === id)
  if (call) return call
  throw invalid(
    `${path}.tool_call_id`,
    `No assistant message before this one has a tool call "${id}"; a tool message must answer an earlier call.`,
  )
}

function functionCallOf(message: Json, path: string, calls: OpenCall[]): OpenCall {
  const call = calls.findLast((one) => one.name === message.name && !one.isAnswered)
  if (call) return call
  throw invalid(`${path}.name`, 'A function message must name a function that an assistant message before it called.')
}

function outputItem(call: OpenCall, content: unknown, path: string): Json {
  const texts = plainTexts(content ?? '', `${path}.content`, 'A tool message')
  call.isAnswered = true
  const [only] = texts
  return { type: call.outputType, call_id: call.id, output: texts.length === 1 ? only : texts.map(inputText) }
}
