import { filled, isObject, type Json } from '../json.ts'
import { inputParts, inputText } from './parts.ts'
import { refuse } from './refuse.ts'

/**
 * What a tool gave, as the output of a call: text where it is nothing else, parts where it holds pictures or files. The
 * upstream has no mark for a failure, so a failed one says so in words. @throws AppError naming the block
 */
export function toolOutput(block: Json, path: string): string | Json[] {
  const parts = partsOf(block.content, `${path}.tool_result.content`)
  if (block.is_error === true) parts.unshift(inputText(parts.length === 0 ? 'The tool failed.' : 'The tool failed:'))
  const texts = parts.map(({ text }) => text)
  // Only text parts have a text.
  return texts.every((text) => typeof text === 'string') ? texts.join('\n') : parts
}

function partsOf(content: unknown, path: string): Json[] {
  if (content == null || content === '') return []
  if (typeof content === 'string') return [inputText(content)]
  if (!Array.isArray(content)) throw refuse(path, 'Input should be a valid string or a list of content blocks')
  return content.flatMap((block: unknown, index) => {
    const at = `${path}.${index}`
    if (!isObject(block)) throw refuse(at, 'Input should be a valid dictionary')
    // Tools often print nothing, and say so with an empty block.
    if (block.type === 'text' && block.text === '') return []
    // A client that looks tools up itself says with this which one it found; the upstream has them all already.
    if (block.type === 'tool_reference') return [inputText(`Tool: ${filled(block.tool_name) ?? ''}`)]
    return inputParts(block, at)
  })
}
