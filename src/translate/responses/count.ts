import { estimateTokens } from '../anthropic/estimate.ts'
import { filled, isObject, type Json, objectsOf } from '../json.ts'

/** What surrounds a message, and a tool or a call, beside their texts. */
const itemTokens = 4
const toolTokens = 8
/** A picture whose size in pixels is not looked at: as the smallest detail, and as what clients usually send. */
const lowImageTokens = 85
const imageTokens = 1_100
/** A page of a file as text and picture; of its size only the bytes are known. */
const pageTokens = 2_000
const pageBytes = 50_000

/**
 * An estimate of the input tokens of a Responses request. The upstream has no such call, and tells the true number only
 * with an answer; how it lays out tools and messages is not known.
 */
export function countResponseTokens(body: Json): number {
  const { input, instructions, tools, text } = body
  const format = isObject(text) && isObject(text.format) ? jsonTokens(text.format.schema ?? '') : 0
  const tokens = typeof input === 'string' ? itemTokens + estimateTokens(input) : sum(objectsOf(input).map(tokensOf))
  const offered = sum(objectsOf(tools).map((tool) => toolTokens + jsonTokens(tool)))
  return Math.ceil(estimateTokens(filled(instructions) ?? '') + tokens + offered + format)
}

function tokensOf(item: Json): number {
  const { type = 'message', content, encrypted_content: sealed, output, ...rest } = item
  if (type === 'message') return itemTokens + contentTokens(content)
  // Of what is sealed only the length is known: base64 of something smaller.
  if (typeof sealed === 'string') return sealed.length / 8
  if (type === 'reasoning') return 0
  const { id: _id, call_id: _callId, status: _status, ...said } = rest
  return toolTokens + jsonTokens(said) + (output === undefined ? 0 : contentTokens(output)) + contentTokens(content)
}

function contentTokens(content: unknown): number {
  if (typeof content === 'string') return estimateTokens(content)
  return sum(objectsOf(Array.isArray(content) ? content : isObject(content) ? [content] : []).map(partTokens))
}

function partTokens(part: Json): number {
  if (part.type === 'input_image' || part.type === 'computer_screenshot')
    return part.detail === 'low' ? lowImageTokens : imageTokens
  if (part.type === 'input_file') {
    const bytes = (filled(part.file_data)?.length ?? 0) * 0.75
    return pageTokens * Math.max(1, Math.ceil(bytes / pageBytes))
  }
  return estimateTokens(filled(part.text) ?? filled(part.refusal) ?? '')
}

function jsonTokens(value: unknown): number {
  return estimateTokens(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
