import { addTo, fillTo, type Growing } from '../chat/tracker.ts'
import { count, isObject, type Json, text } from '../json.ts'
import type { ItemParts, ItemReader } from './answer.ts'
import { createLanes, type Lane } from './lanes.ts'

type Part = Growing & { lane: Lane; citedCount: number; isClosed: boolean }

/** Reads a message: each of its texts and refusals becomes a text block. */
export function createTexts({ lane, facts }: ItemParts): ItemReader {
  // The parts of a message may grow side by side too.
  const lanes = createLanes((step) => lane.push(step))
  const parts = new Map<number, Part>()

  const partAt = (index: number): Part => {
    const known = parts.get(index)
    if (known) return known
    const part = { received: '', lane: lanes.open(index), citedCount: 0, isClosed: false }
    part.lane.push({ kind: 'start', block: { type: 'text', text: '' } })
    parts.set(index, part)
    return part
  }
  const say = (part: Part, said: string) => {
    if (said !== '') part.lane.push({ kind: 'delta', delta: { type: 'text_delta', text: said } })
  }
  const cite = (part: Part, annotation: unknown) => {
    part.citedCount++
    const citation = citationOf(annotation)
    if (citation !== null) part.lane.push({ kind: 'delta', delta: { type: 'citations_delta', citation } })
  }
  const close = (part: Part) => {
    if (part.isClosed) return
    part.isClosed = true
    part.lane.push({ kind: 'stop' })
    part.lane.close()
  }
  const whole = (index: number, content: Json) => {
    const isRefusal = content.type === 'refusal'
    if (!isRefusal && content.type !== 'output_text') return
    const said = isRefusal ? content.refusal : content.text
    if (typeof said !== 'string') return
    facts.isRefused ||= isRefusal
    const part = partAt(index)
    say(part, fillTo(part, said))
    if (Array.isArray(content.annotations)) {
      for (const annotation of content.annotations.slice(part.citedCount)) cite(part, annotation)
    }
  }
  return {
    event(event) {
      const index = count(event.content_index) ?? 0
      switch (event.type) {
        case 'response.refusal.delta':
        case 'response.output_text.delta': {
          if (event.type === 'response.refusal.delta') facts.isRefused = true
          if (typeof event.delta !== 'string') return
          const part = partAt(index)
          say(part, addTo(part, event.delta))
          return
        }
        case 'response.output_text.annotation.added':
          return cite(partAt(index), event.annotation)
        case 'response.output_text.done':
          return whole(index, { type: 'output_text', text: event.text })
        case 'response.refusal.done':
          return whole(index, { type: 'refusal', refusal: event.refusal })
        case 'response.content_part.done':
          // Only this one has the annotations too, and nothing of the part comes behind it.
          if (isObject(event.part)) whole(index, event.part)
          return close(partAt(index))
      }
    },
    done(item) {
      if (Array.isArray(item.content)) {
        for (const [index, content] of item.content.entries()) if (isObject(content)) whole(index, content)
      }
      for (const part of parts.values()) close(part)
    },
  }
}

/** The upstream tells where in the answer a page is cited, not which words of the page are meant. */
function citationOf(annotation: unknown): Json | null {
  if (!isObject(annotation) || annotation.type !== 'url_citation' || typeof annotation.url !== 'string') return null
  return {
    type: 'web_search_result_location',
    url: annotation.url,
    title: text(annotation.title),
    cited_text: '',
    encrypted_index: '',
  }
}
