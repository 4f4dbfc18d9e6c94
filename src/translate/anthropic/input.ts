import { filled, isObject, type Json } from '../json.ts'
import { inputParts, inputText, textOf } from './parts.ts'
import { refuse, wrongTag } from './refuse.ts'
import { toolOutput } from './results.ts'
import { openReasoning } from './seal.ts'
import { systemBlockText } from './system.ts'
import { upstreamName } from './tool-names.ts'
import type { Placed, Turn } from './turns.ts'

/** Calls of the last assistant turn that no result has answered yet, and where that turn was. */
type Owed = { path: string; ids: Set<string> }

/** The turns as input items. @throws AppError naming the block, also when calls and results do not belong together */
export function inputOf(turns: readonly Turn[]): Json[] {
  const usedIds = new Set<string>()
  let owed: Owed = { path: '', ids: new Set() }
  const items = turns.flatMap((turn) => {
    if (turn.role === 'system') return systemItems(turn)
    if (turn.role === 'user') return userItems(turn, owed)
    checkAnswered(owed)
    owed = { path: turn.path, ids: new Set() }
    return assistantItems(turn, owed, usedIds)
  })
  checkAnswered(owed)
  return items
}

function systemItems({ blocks }: Turn): Json[] {
  const content = blocks.map(({ block, path }) => inputText(systemBlockText(block, path)))
  return [{ type: 'message', role: 'developer', content }]
}

function userItems({ blocks }: Turn, owed: Owed): Json[] {
  const items: Json[] = []
  let content: Json[] = []
  const endMessage = () => {
    if (content.length > 0) items.push({ type: 'message', role: 'user', content })
    content = []
  }
  for (const { block, path } of blocks) {
    if (block.type !== 'tool_result') {
      content.push(...inputParts(block, path))
      continue
    }
    endMessage()
    items.push({
      type: 'function_call_output',
      call_id: answeredId(block, path, owed),
      output: toolOutput(block, path),
    })
  }
  endMessage()
  checkAnswered(owed)
  return items
}

function answeredId(block: Json, path: string, owed: Owed): string {
  const id = filled(block.tool_use_id)
  if (id === null) throw refuse(`${path}.tool_result.tool_use_id`, 'Field required')
  if (owed.ids.delete(id)) return id
  throw refuse(
    path,
    `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. ` +
      'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.',
  )
}

function checkAnswered({ path, ids }: Owed): void {
  if (ids.size === 0) return
  throw refuse(
    path,
    `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${[...ids].join(', ')}. ` +
      'Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
  )
}

function assistantItems({ blocks }: Turn, owed: Owed, usedIds: Set<string>): Json[] {
  const items: Json[] = []
  // The upstream refuses reasoning that leads to nothing, which a turn that was broken off can end with.
  let reasoning: Json[] = []
  let content: Json[] = []
  const endMessage = () => {
    if (content.length > 0) items.push({ type: 'message', role: 'assistant', content })
    content = []
  }
  const endReasoning = () => {
    if (reasoning.length === 0) return
    endMessage()
    items.push(...reasoning)
    reasoning = []
  }
  const add = (item: Json) => {
    endReasoning()
    endMessage()
    items.push(item)
  }
  for (const { block, path } of blocks) {
    if (block.type === 'text') {
      endReasoning()
      content.push({ type: 'output_text', text: textOf(block, path) })
    } else if (block.type === 'thinking' || block.type === 'redacted_thinking') {
      const item = reasoningOf(block)
      if (item !== null) reasoning.push(item)
    } else if (block.type === 'tool_use') add(callOf({ block, path }, owed, usedIds))
    else if (block.type === 'server_tool_use') {
      const search = searchOf(block)
      if (search !== null) add(search)
    } else if (!isServerResult(block)) throw wrongTag(path, block.type, assistantTags)
  }
  endMessage()
  return items
}

const assistantTags = ['text', 'thinking', 'redacted_thinking', 'tool_use', 'server_tool_use', 'web_search_tool_result']

function reasoningOf(block: Json): Json | null {
  if (block.type === 'redacted_thinking') return openReasoning(block.data, '')
  return openReasoning(block.signature, typeof block.thinking === 'string' ? block.thinking : '')
}

function callOf({ block, path }: Placed, owed: Owed, usedIds: Set<string>): Json {
  const id = filled(block.id)
  const name = filled(block.name)
  if (id === null) throw refuse(`${path}.tool_use.id`, 'Field required')
  if (name === null) throw refuse(`${path}.tool_use.name`, 'Field required')
  if (!isObject(block.input)) throw refuse(`${path}.tool_use.input`, 'Input should be a valid dictionary')
  if (usedIds.has(id)) throw refuse(path, '`tool_use` ids must be unique')
  usedIds.add(id)
  owed.ids.add(id)
  return { type: 'function_call', call_id: id, name: upstreamName(name), arguments: JSON.stringify(block.input) }
}

/** A search of an earlier answer; the uses of other server tools have no counterpart. */
function searchOf(block: Json): Json | null {
  if (block.name !== 'web_search') return null
  const query = isObject(block.input) ? filled(block.input.query) : null
  return query === null ? null : { type: 'web_search_call', status: 'completed', action: { type: 'search', query } }
}

/** What a server tool found can be read by its maker only; what the model made of it stands in the texts. */
function isServerResult(block: Json): boolean {
  return typeof block.type === 'string' && block.type.endsWith('_tool_result')
}
