import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSums, unpackSums } from '../../../src/domain/packed-sums.ts'
import { figures } from '../../../src/domain/request-sums.ts'

const values = fc.array(fc.oneof(fc.nat(3), fc.nat(70_000), fc.integer({ min: -5, max: 2 ** 40 })), {
  minLength: figures.length,
  maxLength: figures.length,
})
const row = fc.record({ quarter: fc.nat(3), kind: fc.oneof(fc.nat(5), fc.nat(200_000)), values })

/** The truth, kept plainly. */
function summed(rows: { quarter: number; kind: number; values: number[] }[], isDay = false) {
  const sums = new Map<string, number[]>()
  for (const { quarter, kind, values } of rows) {
    const key = `${isDay ? 0 : quarter} ${kind}`
    sums.set(
      key,
      (sums.get(key) ?? figures.map(() => 0)).map((value, n) => value + (values[n] ?? 0)),
    )
  }
  return new Map([...sums].filter(([, sum]) => sum.some((value) => value !== 0)))
}

function read(bytes: Uint8Array) {
  const { length, quarters, kinds, columns } = unpackSums(bytes)
  return new Map(
    Array.from({ length }, (_, at) => [
      `${quarters?.[at] ?? 0} ${kinds?.[at] ?? 0}`,
      columns.map((column) => column?.[at] ?? 0),
    ]),
  )
}

describe('packed sums', () => {
  it('come out as they went in, however large, added up over batches', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), fc.array(row, { maxLength: 30 }), (one, other) => {
        const [first, second, both, day] = [createSums(), createSums(), createSums(), createSums()]
        for (const { quarter, kind, values } of one) first.add(quarter, kind, values)
        for (const { quarter, kind, values } of other) second.add(quarter, kind, values)
        for (const sums of [first, second]) both.addRows(unpackSums(sums.pack()))
        expect(read(both.pack())).toEqual(summed([...one, ...other]))
        day.addRows(unpackSums(both.pack()), true)
        expect(read(day.pack())).toEqual(summed([...one, ...other], true))
      }),
    )
  })

  it('are read from the middle of other bytes, as a driver may hand them over', () => {
    const sums = createSums()
    sums.add(3, 70_000, [1, 0, 0, 0, 300, 70_000, 2 ** 33, 0, 0, 0, 0])
    const packed = sums.pack()
    const within = Buffer.concat([Buffer.alloc(3, 255), packed, Buffer.alloc(5, 255)]).subarray(3, 3 + packed.length)
    expect(read(within)).toEqual(read(packed))
  })

  it('take little: what is zero takes nothing, and the rest as many bytes as it needs', () => {
    const sums = createSums()
    for (let kind = 0; kind < 1_000; kind++) sums.add(0, kind, [1, 0, 0, 0, 40_000, 30_000, 900, 0, 80_000])
    expect(sums.pack().length).toBeLessThan(15 * 1_000)
  })

  it('of another making are refused', () => {
    expect(() => unpackSums(Buffer.alloc(64, 9))).toThrow('unknown form')
  })
})
