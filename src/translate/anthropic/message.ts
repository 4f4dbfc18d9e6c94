import { AppError } from '../../errors.ts'
import { isObject, type Json, text } from '../json.ts'
import { createMessageFlow, type MessageOptions } from './flow.ts'
import { messageUsage } from './usage.ts'

/**
 * A finished response as a message. Read as a stream of one event, so that a stream and an object cannot differ.
 * @throws AppError when the response failed or cannot be told as a message
 */
export function messageOf(response: Json, options: MessageOptions): Json {
  let message: Json = {}
  const content: Json[] = []
  for (const event of createMessageFlow(options).event({ type: terminalFor(response.status), response })) {
    switch (event.type) {
      case 'message_start':
        if (isObject(event.message)) message = event.message
        break
      case 'content_block_start':
        if (isObject(event.content_block)) content.push({ ...event.content_block })
        break
      case 'content_block_delta': {
        const block = content.at(-1)
        if (block && isObject(event.delta)) grow(block, event.delta)
        break
      }
      case 'message_delta':
        if (isObject(event.delta) && isObject(event.usage)) {
          message = { ...message, ...event.delta, usage: messageUsage(event.usage) }
        }
        break
      case 'error':
        throw new AppError('upstream_error', {
          message: (isObject(event.error) ? text(event.error.message) : null) ?? 'The upstream gave no usable answer.',
        })
    }
  }
  return { ...message, content: content.map(withInput) }
}

function terminalFor(status: unknown): string {
  return status === 'incomplete' || status === 'failed' ? `response.${status}` : 'response.completed'
}

/** While a block grows, `input` holds the JSON text of what it will be. */
function grow(block: Json, delta: Json): void {
  switch (delta.type) {
    case 'text_delta':
      block.text = `${block.text}${delta.text}`
      break
    case 'thinking_delta':
      block.thinking = `${block.thinking}${delta.thinking}`
      break
    case 'signature_delta':
      block.signature = delta.signature
      break
    case 'citations_delta':
      block.citations = [...(Array.isArray(block.citations) ? block.citations : []), delta.citation]
      break
    case 'input_json_delta':
      block.input = `${typeof block.input === 'string' ? block.input : ''}${delta.partial_json}`
      break
  }
}

function withInput(block: Json): Json {
  if (typeof block.input !== 'string') return block
  try {
    return { ...block, input: JSON.parse(block.input) }
  } catch {
    // The answer reached its length in the middle of the call, which the stop reason says.
    return { ...block, input: {} }
  }
}
