import { count, filled, isObject, type Json } from '../json.ts'

/** Finds what is known of the output item that an event speaks of, whichever of its names the event uses. */
export type Tracker<State> = { of(event: Json): State }

type Entry<State> = { ids: Set<string>; outputIndex: number | null; state: State }

/** `make` gives the state of an item that was not heard of before. */
export function createTracker<State>(make: () => State): Tracker<State> {
  const entries: Entry<State>[] = []
  return {
    of(event) {
      const item = isObject(event.item) ? event.item : {}
      const ids = [event.item_id, item.id, event.call_id, item.call_id].filter((id) => filled(id) !== null) as string[]
      const outputIndex = count(event.output_index)
      let entry =
        entries.find((one) => ids.some((id) => one.ids.has(id))) ??
        entries.find((one) => outputIndex !== null && one.outputIndex === outputIndex)
      // An event that names nothing goes on with the item before it.
      if (!entry && ids.length === 0 && outputIndex === null) entry = entries.at(-1)
      if (!entry) {
        entry = { ids: new Set(), outputIndex: null, state: make() }
        entries.push(entry)
      }
      for (const id of ids) entry.ids.add(id)
      entry.outputIndex ??= outputIndex
      return entry.state
    },
  }
}

/** A text that arrives in deltas and again as a whole. */
export type Growing = { received: string }

/** Adds a delta and gives it back. */
export function addTo(growing: Growing, delta: string): string {
  growing.received += delta
  return delta
}

/** The end of the whole text that had not arrived. What was passed on cannot be taken back, so another text adds nothing. */
export function fillTo(growing: Growing, whole: string): string {
  if (!whole.startsWith(growing.received)) return ''
  const missing = whole.slice(growing.received.length)
  growing.received = whole
  return missing
}
