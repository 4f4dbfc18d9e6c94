import { addTo, fillTo, type Growing } from '../chat/tracker.ts'
import { count, filled, isObject, objectsOf } from '../json.ts'
import type { ItemParts, ItemReader } from './answer.ts'
import { sealReasoning } from './seal.ts'

/** Reads reasoning: its summary is the thinking that a client may see, its encrypted form the signature. */
export function createReasoning({ lane, reply }: ItemParts): ItemReader {
  const parts = new Map<number, Growing>()
  let lastIndex: number | null = null

  const partAt = (index: number): Growing => {
    const part = parts.get(index) ?? { received: '' }
    parts.set(index, part)
    return part
  }
  const start = () => lane.push({ kind: 'start', block: { type: 'thinking', thinking: '', signature: '' } })
  const think = (index: number, said: string) => {
    if (said === '' || reply.thinking !== 'shown') return
    if (lastIndex === null) start()
    const gap = lastIndex === null || lastIndex === index ? '' : '\n\n'
    lastIndex = index
    lane.push({ kind: 'delta', delta: { type: 'thinking_delta', thinking: gap + said } })
  }
  const whole = (index: number, said: unknown) => {
    if (typeof said === 'string') think(index, fillTo(partAt(index), said))
  }
  return {
    event(event) {
      const index = count(event.summary_index) ?? 0
      if (event.type === 'response.reasoning_summary_text.delta' && typeof event.delta === 'string') {
        think(index, addTo(partAt(index), event.delta))
      } else if (event.type === 'response.reasoning_summary_text.done') whole(index, event.text)
      else if (event.type === 'response.reasoning_summary_part.done' && isObject(event.part)) {
        whole(index, event.part.text)
      }
    },
    done(item) {
      for (const [index, part] of objectsOf(item.summary).entries()) whole(index, part.text)
      const encrypted = filled(item.encrypted_content)
      const isSeen = lastIndex !== null
      if (!isSeen && encrypted === null) return
      if (!isSeen && reply.thinking === 'shown') {
        lane.push({ kind: 'start', block: { type: 'redacted_thinking', data: sealReasoning(encrypted) } })
      } else {
        if (!isSeen) start()
        lane.push({ kind: 'delta', delta: { type: 'signature_delta', signature: sealReasoning(encrypted) } })
      }
      lane.push({ kind: 'stop' })
    },
  }
}
