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

const formatVersion = 2
const columnCount = figures.length + 2
/** A multiple of the widest column's bytes. */
const headerBytes = Math.ceil((8 + columnCount) / 8) * 8
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

/**
 * Version, number of rows, the bytes of one value in each column (0: all are zero), and the columns, the widest first: so
 * each lies where the machine wants its numbers, and is read where it lies.
 */
function packColumns(length: number, columns: number[][]): Buffer {
  const widths = columns.map(widthOf)
  const places = placesOf(length, widths)
  const bytes = Buffer.alloc(headerBytes + length * widths.reduce<number>((sum, width) => sum + width, 0))
  bytes.writeUInt8(formatVersion, 0)
  bytes.writeUInt32LE(length, 4)
  bytes.set(widths, 8)
  for (const [n, column] of columns.entries()) {
    const width = widths[n] ?? 0
    let at = places[n] ?? 0
    for (const value of width === 0 ? [] : column) {
      if (width === 8) bytes.writeDoubleLE(value, at)
      else bytes.writeUIntLE(value, at, width)
      at += width
    }
  }
  return bytes
}

/** Where each column begins. */
function placesOf(length: number, widths: ArrayLike<number>): number[] {
  const places: number[] = []
  let at = headerBytes
  for (const width of [8, 4, 2, 1]) {
    for (let n = 0; n < widths.length; n++) {
      if (widths[n] !== width) continue
      places[n] = at
      at += width * length
    }
  }
  return places
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
export function unpackSums(given: Uint8Array): SumRows {
  const bytes = given.byteOffset % 8 === 0 ? given : Uint8Array.from(given)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint8(0) !== formatVersion) throw new Error(`Sums of an unknown form: ${view.getUint8(0)}.`)
  const length = view.getUint32(4, true)
  const widths = bytes.subarray(8, 8 + columnCount)
  const places = placesOf(length, widths)
  const column = (n: number): Column | null => {
    const width = widths[n] ?? 0
    const at = bytes.byteOffset + (places[n] ?? 0)
    if (width === 0) return null
    if (width === 1) return new Uint8Array(bytes.buffer, at, length)
    if (width === 2) return new Uint16Array(bytes.buffer, at, length)
    return width === 4 ? new Uint32Array(bytes.buffer, at, length) : new Float64Array(bytes.buffer, at, length)
  }
  return { length, quarters: column(0), kinds: column(1), columns: figures.map((_, n) => column(n + 2)) }
}
