import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStopFilter } from '../../../../src/translate/chat/stop.ts'

function shown(chunks: string[], sequences: string[]): { each: string[]; stopped: boolean } {
  const filter = createStopFilter(sequences)
  const each = chunks.map((chunk) => filter.push(chunk))
  if (!filter.hasStopped()) each.push(filter.rest())
  return { each, stopped: filter.hasStopped() }
}

describe('a stop sequence', () => {
  it.each<[string, string[], string[], string[], boolean]>([
    ['cuts where it begins', ['one END two'], ['END'], ['one '], true],
    ['is found across chunks', ['one E', 'N', 'D two'], ['END'], ['one ', '', ''], true],
    ['holds its possible beginning back, and no more', ['one E', 'N', 'd'], ['END'], ['one ', '', 'ENd', ''], false],
    ['gives the beginning out when the text ends', ['one EN'], ['END'], ['one ', 'EN'], false],
    ['that is complete first wins', ['abcd'], ['abcd', 'c'], ['ab'], true],
    ['that begins first wins when two end together', ['xab'], ['b', 'ab'], ['x'], true],
    ['lets nothing through afterwards', ['aEND', 'b'], ['END'], ['a', ''], true],
    ['may begin anew inside itself', ['aab', 'aabaac'], ['aabaac'], ['', 'aab'], true],
    ['is not needed', ['a', 'b'], [], ['a', 'b', ''], false],
  ])('%s', (_what, chunks, sequences, each, stopped) => {
    expect(shown(chunks, sequences)).toEqual({ each, stopped })
  })

  it('cuts at the same place however the text is split', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
    const run = fc.property(
      fc.array(letters, { maxLength: 12 }),
      fc.array(letters, { maxLength: 4 }),
      (chunks, stops) => {
        const whole = shown([chunks.join('')], stops)
        const split = shown(chunks, stops)
        const text = split.each.join('')
        expect({ text, stopped: split.stopped }).toEqual({ text: whole.each.join(''), stopped: whole.stopped })
        expect(stops.some((stop) => text.includes(stop))).toBe(false)
      },
    )
    fc.assert(run, { numRuns: 2000, seed: 1 })
  })
})
