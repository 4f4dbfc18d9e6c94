import { isObject } from '../json.ts'
import { refuse, wrongTag } from './refuse.ts'

/**
 * Claude Code puts a line of this kind in front of its system prompt. It tells the model nothing and has another value in
 * every request: passed on, it would keep the upstream from ever finding the prompt in its cache.
 */
const accountingLine = /^x-anthropic-[a-z-]+:[^\n]*\n*/

/** Null when there is none. @throws AppError */
export function systemText(system: unknown): string | null {
  const texts = systemTexts(system, 'system').filter((text) => text !== '')
  return texts.length === 0 ? null : texts.join('\n\n')
}

/** The texts of a system prompt, which holds nothing else. @throws AppError */
export function systemTexts(system: unknown, path: string): string[] {
  if (system == null) return []
  if (typeof system === 'string') return [system.replace(accountingLine, '')]
  if (!Array.isArray(system)) throw refuse(path, 'Input should be a valid string or a list of text blocks')
  return system.map((block: unknown, index) => {
    const at = `${path}.${index}`
    if (!isObject(block)) throw refuse(at, 'Input should be a valid dictionary')
    if (block.type !== 'text') throw wrongTag(at, block.type, ['text'])
    if (typeof block.text !== 'string') throw refuse(`${at}.text`, 'Field required')
    return block.text.replace(accountingLine, '')
  })
}
