import { invalid } from '../../errors.ts'
import { isObject, type Json } from '../json.ts'
import { refuse } from './refuse.ts'

type Role = 'user' | 'assistant' | 'system'

/** One content block and where it stood in the request. */
export type Placed = { block: Json; path: string }

/** Messages of one role in a row. `path` is that of the last of them. */
export type Turn = { role: Role; path: string; blocks: Placed[] }

const roles: readonly unknown[] = ['user', 'assistant', 'system'] satisfies Role[]

/** @throws AppError when the messages are no conversation that can go on */
export function turnsOf(messages: unknown): Turn[] {
  if (messages === undefined) throw refuse('messages', 'Field required')
  if (!Array.isArray(messages)) throw refuse('messages', 'Input should be a valid list')
  const turns: Turn[] = []
  for (const [index, message] of messages.entries()) {
    const path = `messages.${index}`
    if (!isObject(message)) throw refuse(path, 'Input should be a valid dictionary')
    const role = roleOf(message, path)
    const blocks = blocksOf(message.content, path)
    if (blocks.length === 0) {
      // The one message that may be empty says nothing.
      if (role === 'assistant' && index === messages.length - 1) continue
      throw refuse(path, 'all messages must have non-empty content except for the optional final assistant message')
    }
    const last = turns.at(-1)
    if (last?.role === role) {
      last.path = path
      last.blocks.push(...blocks)
    } else turns.push({ role, path, blocks })
  }
  if (turns.length === 0) throw refuse('messages', 'at least one message is required')
  // The upstream would begin a new message instead of going on with this one.
  if (turns.at(-1)?.role === 'assistant') {
    throw invalid(
      'messages',
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  }
  return turns
}

function roleOf(message: Json, path: string): Role {
  if (message.role === undefined) throw refuse(`${path}.role`, 'Field required')
  if (!roles.includes(message.role)) throw refuse(`${path}.role`, "Input should be 'user' or 'assistant'")
  return message.role as Role // Just found in the list.
}

function blocksOf(content: unknown, path: string): Placed[] {
  const at = `${path}.content`
  if (content === undefined) throw refuse(at, 'Field required')
  if (typeof content === 'string') return content === '' ? [] : [{ block: { type: 'text', text: content }, path: at }]
  if (!Array.isArray(content)) throw refuse(at, 'Input should be a valid string or a list of content blocks')
  return content.map((block: unknown, index) => {
    if (!isObject(block)) throw refuse(`${at}.${index}`, 'Input should be a valid dictionary')
    return { block, path: `${at}.${index}` }
  })
}
