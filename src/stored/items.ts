import type { StoredObject } from '../domain/stored.ts'
import { namedInput } from '../domain/stored-items.ts'

type Json = Record<string, unknown>

/** Text is one message of the user. What else is no list is refused where requests are checked. */
export function itemsOf(input: unknown): unknown[] {
  if (typeof input !== 'string') return Array.isArray(input) ? input : []
  return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }]
}

/**
 * The conversation that kept responses make, oldest first, as input for an account that knows none of it. What was made
 * is known by its id only where it was stored, and reasoning without its content says nothing anywhere else.
 */
export function replayed(newestFirst: readonly StoredObject[]): unknown[] {
  return newestFirst
    .toReversed()
    .flatMap(({ input, output }) => [...input.map(withoutId), ...outputOf(output).flatMap(asInput)])
}

/** Items that mean the same without their id. */
const nameless = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call'])

/** A kept item as any account takes it; nothing where that is not possible. */
export function asInput(item: unknown): unknown[] {
  if (!isObject(item)) return []
  if (item.type === 'reasoning' && typeof item.encrypted_content !== 'string') return []
  return [withoutId(item)]
}

function withoutId(item: unknown): unknown {
  if (!isObject(item) || !nameless.has(String(item.type ?? 'message'))) return item
  const { id: _id, ...rest } = item
  return rest
}

/** Everything that went into a response, oldest first, each with an id that stays the same. */
export function inputItems(newestFirst: readonly StoredObject[]): Json[] {
  const [own, ...earlier] = newestFirst
  if (own === undefined) return []
  const before = earlier.toReversed().flatMap((one) => [...listed(one), ...outputOf(one.output).filter(isObject)])
  return [...before, ...listed(own)]
}

function listed(object: StoredObject): Json[] {
  return namedInput(object).map((item) =>
    item.type === 'message' ? { status: 'completed', ...item, content: contentOf(item) } : item,
  )
}

function contentOf({ role, content }: Json): unknown {
  if (typeof content !== 'string') return content
  return [{ type: role === 'assistant' ? 'output_text' : 'input_text', text: content }]
}

/** What a client gets of an item only when it asks for it by name. */
const asked = {
  reasoning: 'reasoning.encrypted_content',
  image: 'message.input_image.image_url',
  screenshot: 'computer_call_output.output.image_url',
}

/** The item without what was not asked for. */
export function shownItem(item: Json, include: ReadonlySet<string>): Json {
  if (item.type === 'reasoning' && !include.has(asked.reasoning)) return withoutSeal(item)
  if (item.type === 'computer_call_output' && isObject(item.output) && !include.has(asked.screenshot))
    return { ...item, output: withoutUrl(item.output) }
  if (!Array.isArray(item.content) || include.has(asked.image)) return item
  const content = item.content.map((part) => (isObject(part) && part.type === 'input_image' ? withoutUrl(part) : part))
  return { ...item, content }
}

/** The response as its client gets it: sealed reasoning only where it was asked for. */
export function shownResponse(response: Json, include: ReadonlySet<string>): Json {
  if (include.has(asked.reasoning) || !Array.isArray(response.output)) return response
  return { ...response, output: response.output.map(withoutSealedReasoning) }
}

function withoutSealedReasoning(item: unknown): unknown {
  return isObject(item) && item.type === 'reasoning' ? withoutSeal(item) : item
}

function withoutSeal({ encrypted_content: _sealed, ...rest }: Json): Json {
  return rest
}

function withoutUrl({ image_url: _url, ...rest }: Json): Json {
  return rest
}

function outputOf({ output }: Json): unknown[] {
  return Array.isArray(output) ? output : []
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
