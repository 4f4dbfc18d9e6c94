import { addTo, fillTo, type Growing } from '../chat/tracker.ts'
import { filled, isObject, type Json } from '../json.ts'
import type { ItemParts, ItemReader } from './answer.ts'

/** Reads a function call: a `tool_use` block whose input grows as JSON text. */
export function createCall({ lane, facts, reply, order }: ItemParts): ItemReader {
  const input: Growing = { received: '' }
  let isStarted = false

  const start = (item: Json) => {
    if (isStarted) return
    isStarted = true
    facts.hasCalls = true
    const name = filled(item.name) ?? ''
    const block = {
      type: 'tool_use',
      id: filled(item.call_id) ?? filled(item.id) ?? `toolu_${order}`,
      name: reply.toolNames.get(name) ?? name,
      input: {},
      caller: { type: 'direct' },
    }
    lane.push({ kind: 'start', block })
  }
  const add = (json: string) => {
    if (json !== '') lane.push({ kind: 'delta', delta: { type: 'input_json_delta', partial_json: json } })
  }
  return {
    event(event) {
      if (event.type === 'response.output_item.added' && isObject(event.item)) return start(event.item)
      const said =
        event.type === 'response.function_call_arguments.delta' && typeof event.delta === 'string'
          ? addTo(input, event.delta)
          : filledUp(input, event.arguments)
      // Without the item nobody knows what is called: its input waits until the item is there as a whole.
      if (isStarted) add(said)
    },
    done(item) {
      if (!isStarted && filled(item.name) === null) return
      const wasStarted = isStarted
      start(item)
      if (!wasStarted) add(input.received)
      add(filledUp(input, item.arguments))
      if (input.received.trim() === '') add('{}')
      else if (item.status !== 'incomplete' && !isJsonObject(input.received)) {
        facts.fault ??= 'The model called a tool with an input that is not valid JSON.'
        // The block stays open: no client could read it.
        return
      }
      lane.push({ kind: 'stop' })
    },
  }
}

function filledUp(input: Growing, whole: unknown): string {
  return typeof whole === 'string' ? fillTo(input, whole) : ''
}

function isJsonObject(json: string): boolean {
  try {
    return isObject(JSON.parse(json))
  } catch {
    // Not JSON at all.
    return false
  }
}
