import { filled, isObject, type Json, objectsOf } from '../json.ts'
import { estimateTokens } from './estimate.ts'
import { refuse } from './refuse.ts'
import { openReasoning } from './seal.ts'
import { systemText } from './system.ts'

/** What surrounds a message, and a tool, beside their texts. */
const messageTokens = 4
const toolTokens = 8
/** A picture as the clients of the Messages API send them, scaled down before. */
const imageTokens = 1_500
/** A page of a PDF as text and picture; of its size only the bytes are known. */
const pageTokens = 2_000
const pageBytes = 50_000

/**
 * An estimate of the input tokens of a request, for `/v1/messages/count_tokens` and for the beginning of a stream: the
 * upstream has no such call, and tells the true number with the answer. @throws AppError
 */
export function countTokens(body: Json): number {
  if (filled(body.model) === null) throw refuse('model', 'Field required')
  if (!Array.isArray(body.messages)) throw refuse('messages', 'Field required')
  const messages = objectsOf(body.messages).map(({ content }) => messageTokens + contentTokens(content))
  const tools = objectsOf(body.tools).map((tool) => toolTokens + jsonTokens(toolText(tool)))
  const all = [estimateTokens(systemText(body.system) ?? ''), ...messages, ...tools]
  return Math.ceil(all.reduce((sum, tokens) => sum + tokens, 0))
}

function contentTokens(content: unknown): number {
  if (typeof content === 'string') return estimateTokens(content)
  return objectsOf(content).reduce((sum, block) => sum + blockTokens(block), 0)
}

function blockTokens(block: Json): number {
  switch (block.type) {
    case 'text':
      return estimateTokens(filled(block.text) ?? '')
    case 'image':
      return imageTokens
    case 'document':
      return documentTokens(block)
    case 'search_result':
      return contentTokens(block.content) + jsonTokens([block.title, block.source])
    case 'tool_use':
    case 'server_tool_use':
      return toolTokens + jsonTokens([block.name, block.input])
    case 'tool_result':
      return toolTokens + contentTokens(block.content)
    case 'thinking':
    case 'redacted_thinking':
      return reasoningTokens(block)
    default:
      return 0
  }
}

function documentTokens({ source, title, context }: Json): number {
  const heading = jsonTokens([title, context])
  if (!isObject(source)) return heading
  if (source.type === 'text') return heading + contentTokens(source.data)
  if (source.type === 'content') return heading + contentTokens(source.content)
  const bytes = (filled(source.data)?.length ?? 0) * 0.75
  return heading + pageTokens * Math.max(1, Math.ceil(bytes / pageBytes))
}

/** Of a stranger's reasoning nothing is sent on; of ours only the length of its encrypted form is known. */
function reasoningTokens(block: Json): number {
  const item = openReasoning(block.signature ?? block.data, '')
  return item === null ? 0 : (filled(item.encrypted_content)?.length ?? 0) / 8
}

function toolText({ name, description, input_schema: schema }: Json): unknown[] {
  return [name, description, schema]
}

function jsonTokens(values: unknown[]): number {
  return estimateTokens(
    values.map((value) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))).join(' '),
  )
}
