import { fingerprint } from '../lib/secrets.ts'
import type { StoredObject } from './stored.ts'

type Json = Record<string, unknown>

const prefixes: Record<string, string> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
}

/** What went into a response, each item with its own id, or else with one that stays the same. */
export function namedInput({ id, input }: Pick<StoredObject, 'id' | 'input'>): (Json & { id: string; type: string })[] {
  return input.map((item, at) => {
    const fields = isObject(item) ? item : {}
    const type = typeof fields.type === 'string' ? fields.type : 'message'
    const made = () => `${prefixes[type] ?? 'item'}_${fingerprint(`${id} ${at}`).slice(0, 48)}`
    return { ...fields, type, id: idOf(fields) ?? made() }
  })
}

/** Items of a response that a later request may name instead of sending them, by their ids. */
export function itemsById(object: Pick<StoredObject, 'id' | 'input' | 'output'>): Map<string, Json> {
  const { output } = object.output
  const made: unknown[] = Array.isArray(output) ? output : []
  const items = new Map<string, Json>()
  for (const item of [...namedInput(object), ...made]) {
    if (!isObject(item) || item.type === 'item_reference') continue
    const id = idOf(item)
    if (id !== null) items.set(id, item)
  }
  return items
}

function idOf({ id }: Json): string | null {
  return typeof id === 'string' && id !== '' ? id : null
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
