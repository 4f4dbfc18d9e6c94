import { count, isObject, type Json, text } from '../json.ts'
import type { Piece } from './answer.ts'
import { addTo, createTracker, fillTo, type Growing } from './tracker.ts'

/** Reads what an answer says: its texts, refusals and the web pages that it cites. */
export type Texts = {
  delta(kind: TextKind, event: Json): void
  /** A part in its whole form, `place` being the event that brings it. */
  whole(place: Json, part: Json): void
  cited(event: Json): void
  /** A message in its whole form, as the `item` of the event. */
  message(event: Json): void
}

type TextKind = 'text' | 'refusal'

/** `offset` is where the part begins in the whole text, and `citedCount` how many of its annotations were read. */
type Part = Growing & { offset: number; citedCount: number }

export function createTexts(emit: (piece: Piece) => void): Texts {
  const messages = createTracker(() => new Map<string, Part>())
  let textLength = 0

  const partAt = (place: Json, kind: TextKind): Part => {
    const parts = messages.of(place)
    const key = `${kind} ${count(place.content_index) ?? 0}`
    const part = parts.get(key) ?? { received: '', offset: textLength, citedCount: 0 }
    parts.set(key, part)
    return part
  }
  const say = (kind: TextKind, said: string) => {
    if (said === '') return
    if (kind === 'text') textLength += said.length
    emit({ kind, text: said })
  }
  const cite = (annotation: unknown, part: Part) => {
    part.citedCount++
    if (!isObject(annotation) || annotation.type !== 'url_citation' || typeof annotation.url !== 'string') return
    const startIndex = part.offset + (count(annotation.start_index) ?? 0)
    const endIndex = part.offset + (count(annotation.end_index) ?? 0)
    emit({ kind: 'citation', startIndex, endIndex, url: annotation.url, title: text(annotation.title) ?? '' })
  }
  const whole = (place: Json, { type, text: said, refusal, annotations }: Json) => {
    if (type === 'refusal' && typeof refusal === 'string') say('refusal', fillTo(partAt(place, 'refusal'), refusal))
    if (type !== 'output_text' || typeof said !== 'string') return
    const part = partAt(place, 'text')
    say('text', fillTo(part, said))
    if (!Array.isArray(annotations)) return
    for (const annotation of annotations.slice(part.citedCount)) cite(annotation, part)
  }
  return {
    delta(kind, event) {
      if (typeof event.delta === 'string') say(kind, addTo(partAt(event, kind), event.delta))
    },
    whole,
    cited: (event) => cite(event.annotation, partAt(event, 'text')),
    message(event) {
      const content = isObject(event.item) ? event.item.content : null
      if (!Array.isArray(content)) return
      for (const [index, part] of content.entries()) {
        if (isObject(part)) whole({ ...event, content_index: index }, part)
      }
    },
  }
}
