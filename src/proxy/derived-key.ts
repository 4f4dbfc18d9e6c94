import { fingerprint } from '../lib/secrets.ts'
import { isObject, type Json } from '../translate/json.ts'

/** So much of a text is enough to tell conversations apart. */
const keptCharacters = 512

/**
 * A name for the conversation of a client that gives none: made of what stays the same from turn to turn, the instructions
 * and the first thing that the user said. Only a digest leaves this function. Null without a user's message.
 */
export function derivedKey({ model, instructions, input }: Json): string | null {
  const items: unknown[] = Array.isArray(input) ? input : []
  const first = items.find((item) => isObject(item) && item.role === 'user')
  const said = isObject(first) ? textOf(first.content) : ''
  if (said === '') return null
  const told = typeof instructions === 'string' ? instructions.slice(0, keptCharacters) : ''
  const digest = fingerprint(JSON.stringify([model, told, said.slice(0, keptCharacters)]))
  return `derived-${digest.slice(0, 32)}`
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  const parts: unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) => (isObject(part) && typeof part.text === 'string' ? [part.text] : [])).join('\n')
}
