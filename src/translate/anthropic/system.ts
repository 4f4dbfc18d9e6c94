import { isObject, type Json } from '../json.ts'
import { refuse, wrongTag } from './refuse.ts'

/**
 * Claude Code puts a line of this kind in front of its system prompt. It tells the model nothing and has another value in
 * every request: passed on, it would keep the upstream from ever finding the prompt in its cache.
 */
const accountingLine = /^x-anthropic-[a-z-]+:[^\n]*\n*/

/** Null when there is none. @throws AppError */
export function systemText(system: unknown): string | null {
  const texts = textsOf(system).filter((text) => text !== '')
  return texts.length === 0 ? null : texts.join('\n\n')
}

function textsOf(system: unknown): string[] {
  if (system == null) return []
  if (typeof system === 'string') return [system.replace(accountingLine, '')]
  if (!Array.isArray(system)) throw refuse('system', 'Input should be a valid string or a list of text blocks')
  return system.map((block: unknown, index) => {
    if (!isObject(block)) throw refuse(`system.${index}`, 'Input should be a valid dictionary')
    return systemBlockText(block, `system.${index}`).replace(accountingLine, '')
  })
}

/** The text of a block from the system, which says nothing else. @throws AppError */
export function systemBlockText(block: Json, path: string): string {
  if (block.type !== 'text') throw wrongTag(path, block.type, ['text'])
  if (typeof block.text !== 'string') throw refuse(`${path}.text`, 'Field required')
  return block.text
}
