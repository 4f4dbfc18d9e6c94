import { createStopFilter, type StopFilter } from '../chat/stop.ts'
import type { Json } from '../json.ts'
import { estimateTokens } from './estimate.ts'
import type { BlockStep } from './lanes.ts'

/** Writes blocks, one after the other, as the events of a message, and ends the text at a stop sequence. */
export type BlockWriter = {
  write(step: BlockStep): Json[]
  /** The sequence at which the answer ended. Nothing is written any more then. */
  stoppedBy(): string | null
  /** Of everything that was written, by our own estimate. */
  tokens(): number
}

/** `isStarted`: a text begins with its first letters, for an empty one would be refused when it comes back. */
type Open = { block: Json; index: number; isStarted: boolean; stop: ReturnType<typeof createTextStop> }

export function createBlockWriter(stopSequences: readonly string[]): BlockWriter {
  let open: Open | null = null
  let nextIndex = 0
  let stoppedBy: string | null = null
  let tokens = 0

  const start = (one: Open): Json[] => {
    if (one.isStarted) return []
    one.isStarted = true
    one.index = nextIndex++
    return [{ type: 'content_block_start', index: one.index, content_block: one.block }]
  }
  const deltaEvent = ({ index }: Open, delta: Json): Json => ({ type: 'content_block_delta', index, delta })
  const said = (one: Open, text: string): Json[] =>
    text === '' ? [] : [...start(one), deltaEvent(one, { type: 'text_delta', text })]
  const stop = (one: Open): Json[] => {
    open = null
    return one.isStarted ? [{ type: 'content_block_stop', index: one.index }] : []
  }
  const writeDelta = (one: Open, delta: Json): Json[] => {
    if (delta.type !== 'text_delta' || typeof delta.text !== 'string') return [...start(one), deltaEvent(one, delta)]
    const shown = said(one, one.stop.push(delta.text))
    stoppedBy = one.stop.stoppedBy()
    return stoppedBy === null ? shown : [...shown, ...stop(one)]
  }
  return {
    write(step) {
      if (stoppedBy !== null) return []
      if (step.kind === 'start') {
        const stopped = open === null ? [] : stop(open)
        open = { block: step.block, index: -1, isStarted: false, stop: createTextStop(stopSequences) }
        return step.block.type === 'text' ? stopped : [...stopped, ...start(open)]
      }
      if (open === null) return []
      if (step.kind === 'stop') return [...said(open, open.stop.rest()), ...stop(open)]
      const { text, thinking, partial_json: json } = step.delta
      for (const one of [text, thinking, json]) if (typeof one === 'string') tokens += estimateTokens(one)
      return writeDelta(open, step.delta)
    },
    stoppedBy: () => stoppedBy,
    tokens: () => Math.ceil(tokens),
  }
}

/** A stop filter that also tells which of the sequences it was. */
function createTextStop(sequences: readonly string[]): Pick<StopFilter, 'push' | 'rest'> & {
  stoppedBy(): string | null
} {
  const filter = createStopFilter(sequences)
  let pending = ''
  return {
    push(text) {
      pending += text
      const shown = filter.push(text)
      pending = pending.slice(shown.length)
      return shown
    },
    rest: () => filter.rest(),
    // Of several that begin here the shortest was complete first.
    stoppedBy() {
      if (!filter.hasStopped()) return null
      const matching = sequences.filter((sequence) => pending.startsWith(sequence))
      return matching.toSorted((a, b) => a.length - b.length)[0] ?? null
    },
  }
}
