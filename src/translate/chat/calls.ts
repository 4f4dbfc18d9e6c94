import { filled, isObject, type Json } from '../json.ts'
import type { Piece } from './answer.ts'
import { addTo, createTracker, fillTo, type Growing } from './tracker.ts'

/** Reads the calls that an answer makes to the client's tools. */
export type Calls = {
  /** A call has begun: its input is still to come. */
  begun(event: Json): void
  delta(event: Json): void
  /** The whole input, which stands in the field of that name. */
  input(event: Json, field: 'arguments' | 'input'): void
  /** A call in its whole form, as the `item` of the event. */
  whole(event: Json): void
  count(): number
}

type Call = Growing & { index: number | null }

const tools = new Map<unknown, 'function' | 'custom'>([
  ['function_call', 'function'],
  ['custom_tool_call', 'custom'],
])

export function createCalls(emit: (piece: Piece) => void): Calls {
  const calls = createTracker<Call>(() => ({ received: '', index: null }))
  let known = 0

  const pass = (call: Call, input: string) => {
    if (call.index !== null && input !== '') emit({ kind: 'call_input', index: call.index, text: input })
  }
  const begun = (event: Json) => {
    const { item } = event
    const tool = isObject(item) ? tools.get(item.type) : undefined
    if (!isObject(item) || !tool) return
    const call = calls.of(event)
    const name = filled(item.name)
    if (call.index !== null || name === null) return
    call.index = known++
    const id = filled(item.call_id) ?? filled(item.id) ?? `call_${call.index}`
    emit({ kind: 'call', index: call.index, id, tool, name })
    // What came before the name was known could not be passed on then.
    pass(call, call.received)
  }
  const input = (event: Json, whole: unknown) => {
    if (typeof whole !== 'string') return
    const call = calls.of(event)
    pass(call, fillTo(call, whole))
  }
  return {
    begun,
    delta(event) {
      if (typeof event.delta !== 'string') return
      const call = calls.of(event)
      pass(call, addTo(call, event.delta))
    },
    input: (event, field) => input(event, event[field]),
    whole(event) {
      if (!isObject(event.item)) return
      begun(event)
      if (event.item.type === 'function_call') input(event, event.item.arguments)
      if (event.item.type === 'custom_tool_call') input(event, event.item.input)
    },
    count: () => known,
  }
}
