import { invalid } from '../../errors.ts'

/** Cuts a text off where the first stop sequence would have ended it, however the text is split. */
export type StopFilter = {
  /** What may be shown now. Text that could be the beginning of a sequence is held back. */
  push(text: string): string
  /** The text is over: what was held back is no sequence. */
  rest(): string
  hasStopped(): boolean
}

const most = 4

/** An empty sequence stops nothing and is left out. @throws AppError */
export function stopSequences(stop: unknown): string[] {
  if (stop == null) return []
  const list: unknown[] = Array.isArray(stop) ? stop : [stop]
  if (list.length > most) throw invalid('stop', `"stop" may hold up to ${most} sequences.`)
  return list.filter((one) => {
    if (typeof one === 'string') return one !== ''
    throw invalid('stop', '"stop" must be text or a list of texts.')
  }) as string[] // The filter let nothing else through.
}

export function createStopFilter(sequences: readonly string[]): StopFilter {
  let held = ''
  let stopped = false
  return {
    push(text) {
      if (stopped) return ''
      const all = held + text
      const end = firstMatch(all, sequences)
      stopped = end !== null
      const shownLength = end ?? all.length - heldLength(all, sequences)
      held = stopped ? '' : all.slice(shownLength)
      return all.slice(0, shownLength)
    },
    rest() {
      const rest = held
      held = ''
      return rest
    },
    hasStopped: () => stopped,
  }
}

/** Where the match begins that is complete first: a model that writes one token after another would stop there. */
function firstMatch(text: string, sequences: readonly string[]): number | null {
  let first: { at: number; end: number } | null = null
  for (const sequence of sequences) {
    const at = text.indexOf(sequence)
    const end = at + sequence.length
    if (at !== -1 && (first === null || end < first.end || (end === first.end && at < first.at))) first = { at, end }
  }
  return first?.at ?? null
}

/** The length of the longest end of the text that begins one of the sequences. */
function heldLength(text: string, sequences: readonly string[]): number {
  const longest = Math.max(0, ...sequences.map((sequence) => sequence.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length)
    if (sequences.some((sequence) => sequence.length > length && sequence.startsWith(end))) return length
  }
  return 0
}
