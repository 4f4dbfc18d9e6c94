import { describe, expect, it } from 'vitest'
import { chanceOf } from '../../../src/balancer/chance.ts'

describe('chance', () => {
  it('is the same for the same texts, and another for others', () => {
    expect(chanceOf('seed', 'a')).toBe(chanceOf('seed', 'a'))
    const pairs = [
      ['seed', 'a'],
      ['seed', 'b'],
      ['seeda', ''],
      ['see', 'da'],
      ['', 'seeda'],
    ] as const
    expect(new Set(pairs.map(([seed, id]) => chanceOf(seed, id))).size).toBe(pairs.length)
  })

  it.each<[string, (n: number) => [string, string]]>([
    ['request ids that count up', (n) => [`req_${n}:0`, 'acc_1']],
    ['account ids that count up', (n) => ['req_1:0', `acc_${n}`]],
  ])('is even over %s', (_kind, textsOf) => {
    const cells = new Array<number>(20).fill(0)
    for (let n = 0; n < 20_000; n++) {
      const chance = chanceOf(...textsOf(n))
      expect(chance > 0 && chance < 1).toBe(true)
      const cell = Math.floor(chance * 20)
      cells[cell] = (cells[cell] ?? 0) + 1
    }
    // Chi-squared with 19 degrees of freedom: above 50 about once in 10,000 honest series.
    expect(cells.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0)).toBeLessThan(50)
  })

  it('of one account says nothing about that of another', () => {
    let both = 0
    for (let n = 0; n < 10_000; n++) if (chanceOf(`r${n}`, 'a') < 0.5 && chanceOf(`r${n}`, 'b') < 0.5) both++
    expect(Math.abs(both - 2_500)).toBeLessThan(200)
  })
})
