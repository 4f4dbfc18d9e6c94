import { figures } from './request-sums.ts'

/**
 * Sums of one hour (a row per quarter and kind) or of one day (a row per kind), column by column: so a year of them is
 * read and added up in a moment.
 */
export type SumRows = {
  length: number
  /** Null: all of the first quarter, as in a day. */
  quarters: Column | null
  kinds: Column | null
  /** In the order of `figures`; null: all zero. */
  columns: (Column | null)[]
}
type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

const formatVersion = 1
const headerBytes = 5
/** Kinds and quarters share one key while rows are gathered. */
const quarterStep = 2 ** 32

/** Adds up rows of one hour or day. */
export type Sums = {
  add(quarter: number, kind: number, values: ArrayLike<number>): void
  addRows(rows: SumRows, intoOneQuarter?: boolean): void
  isEmpty(): boolean
  pack(): Buffer
}

export function createSums(): Sums {
  const rows = new Map<number, Float64Array>()
  const rowOf = (quarter: number, kind: number) => {
    const key = quarter * quarterStep + kind
    const row = rows.get(key) ?? new Float64Array(figures.length)
    rows.set(key, row)
    return row
  }
  return {
    add(quarter, kind, values) {
      const row = rowOf(quarter, kind)
      for (let n = 0; n < row.length; n++) row[n] = (row[n] ?? 0) + (values[n] ?? 0)
    },
    addRows({ length, quarters, kinds, columns }, intoOneQuarter = false) {
      for (let at = 0; at < length; at++) {
        const row = rowOf(intoOneQuarter ? 0 : (quarters?.[at] ?? 0), kinds?.[at] ?? 0)
        for (let n = 0; n < row.length; n++) row[n] = (row[n] ?? 0) + (columns[n]?.[at] ?? 0)
      }
    },
    isEmpty: () => rows.size === 0,
    pack() {
      const kept = [...rows].filter(([, row]) => row.some((value) => value !== 0)).sort(([a], [b]) => a - b)
      const column = (of: (key: number, row: Float64Array) => number) => kept.map(([key, row]) => of(key, row))
      return packColumns(kept.length, [
        column((key) => Math.floor(key / quarterStep)),
        column((key) => key % quarterStep),
        ...figures.map((_, n) => column((_key, row) => row[n] ?? 0)),
      ])
    },
  }
}

/** Version, number of rows, and for each column the bytes of one value (0: all are zero) with the values behind it. */
function packColumns(length: number, columns: number[][]): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt8(formatVersion, 0)
  header.writeUInt32LE(length, 1)
  const parts: Buffer[] = [header]
  for (const column of columns) {
    const width = widthOf(column)
    const bytes = Buffer.alloc(1 + width * length)
    bytes.writeUInt8(width, 0)
    for (const [n, value] of column.entries()) {
      const at = 1 + n * width
      if (width === 8) bytes.writeDoubleLE(value, at)
      else if (width > 0) bytes.writeUIntLE(value, at, width)
    }
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

function widthOf(column: readonly number[]): 0 | 1 | 2 | 4 | 8 {
  let min = 0
  let max = 0
  for (const value of column) {
    if (value < min) min = value
    if (value > max) max = value
  }
  if (min < 0 || max >= 2 ** 32) return 8
  return max === 0 ? 0 : max < 2 ** 8 ? 1 : max < 2 ** 16 ? 2 : 4
}

/** @throws Error when these are not sums, or not of this release's making */
export function unpackSums(bytes: Uint8Array): SumRows {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint8(0) !== formatVersion) throw new Error(`Sums of an unknown form: ${view.getUint8(0)}.`)
  const length = view.getUint32(1, true)
  let at = headerBytes
  const next = (): Column | null => {
    const width = view.getUint8(at)
    const from = bytes.byteOffset + at + 1
    at += 1 + width * length
    if (width === 0) return null
    // A copy, since the columns do not lie where the machine wants its numbers.
    const values = bytes.buffer.slice(from, from + width * length) as ArrayBuffer
    if (width === 1) return new Uint8Array(values)
    if (width === 2) return new Uint16Array(values)
    return width === 4 ? new Uint32Array(values) : new Float64Array(values)
  }
  return { length, quarters: next(), kinds: next(), columns: figures.map(next) }
}
