import { describe, expect, it } from 'vitest'
import { createRoster } from '../../../src/lib/roster.ts'
import { seededRandom } from '../../support/accounts.ts'

describe('a roster', () => {
  it('holds whoever came and has not left, whatever the order', () => {
    const random = seededRandom(7)
    const roster = createRoster<number>()
    const here = new Map<number, () => void>()
    for (let step = 0; step < 2_000; step++) {
      const leaving = [...here.keys()][random.below(2 * here.size + 1)]
      if (leaving === undefined) here.set(step, roster.add(step))
      else {
        here.get(leaving)?.()
        here.delete(leaving)
      }
      expect(roster.entries().toSorted((a, b) => a - b)).toEqual([...here.keys()])
    }
  })

  it('is not disturbed by somebody who leaves twice', () => {
    const roster = createRoster<string>()
    const leave = roster.add('first')
    roster.add('second')
    leave()
    leave()
    roster.add('third')
    leave()
    expect(roster.entries().toSorted()).toEqual(['second', 'third'])
  })
})
