import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SumRows } from '../domain/packed-sums.ts'
import { type Figure, figures, type KnownKind } from '../domain/request-sums.ts'

/**
 * Sums that belong together: a row of a quarter goes into that quarter's bucket, or into none (-1), and is taken from the
 * bucket `minus`, if that is one.
 */
export type Part = { rows: SumRows; buckets: readonly number[]; minus: number }

export type Grouping = {
  groups: number
  buckets: number
  /** -1: not part of it. */
  groupOf: (kind: KnownKind) => number
  kinds: readonly KnownKind[]
}

/** The figures of each bucket of each group: at `(group * buckets + bucket) * figures.length`. */
export function addUp(parts: readonly Part[], grouping: Grouping): Float64Array {
  const sums = new Float64Array(grouping.groups * grouping.buckets * figures.length)
  const groupById = groupsById(grouping)
  for (const part of parts) addPart(sums, part, groupById, grouping.buckets)
  return sums
}

/** The same, for much: other work goes on in between. The figures that are not named stay zero. */
export async function addUpInTurns(
  parts: readonly Part[],
  grouping: Grouping,
  which: readonly Figure[] = figures,
): Promise<Float64Array> {
  const named = figures.map((name) => which.includes(name))
  const sums = new Float64Array(grouping.groups * grouping.buckets * figures.length)
  const groupById = groupsById(grouping)
  let rows = 0
  for (const part of parts) {
    addPart(sums, part, groupById, grouping.buckets, named)
    rows += part.rows.length
    if (rows < rowsPerTurn) continue
    rows = 0
    await nextTurn()
  }
  return sums
}

const rowsPerTurn = 100_000

function groupsById({ kinds, groupOf }: Grouping): Int32Array {
  const groupById = new Int32Array((kinds.at(-1)?.id ?? 0) + 1).fill(-1)
  for (const kind of kinds) groupById[kind.id] = groupOf(kind)
  return groupById
}

function addPart(
  sums: Float64Array,
  part: Part,
  groupById: Int32Array,
  buckets: number,
  named?: readonly boolean[],
): void {
  const step = figures.length
  const { buckets: bucketOf, minus } = part
  const ways = new Set(bucketOf)
  for (const bucket of ways) {
    if (bucket === minus) continue
    const only = ways.size === 1 ? null : bucketOf.map((one) => one === bucket)
    if (minus < 0) {
      addRows(sums, part, (group) => (group * buckets + bucket) * step, { groupById, only, named })
      continue
    }
    // What goes from one bucket to another is added up first, and moved as one.
    const moved = new Float64Array(sums.length / buckets)
    addRows(moved, part, (group) => group * step, { groupById, only, named })
    for (let from = 0; from < moved.length; from++) {
      const group = Math.floor(from / step)
      const place = group * buckets * step + (from % step)
      const value = moved[from] ?? 0
      if (bucket >= 0) sums[place + bucket * step] = (sums[place + bucket * step] ?? 0) + value
      sums[place + minus * step] = (sums[place + minus * step] ?? 0) - value
    }
  }
}

type Which = {
  groupById: Int32Array
  /** Quarters; null: all. */
  only: readonly boolean[] | null
  named: readonly boolean[] | undefined
}

/** Adds rows where their group belongs. */
function addRows(
  sums: Float64Array,
  { rows: { length, quarters, kinds, columns } }: Part,
  placeOf: (group: number) => number,
  { groupById, only, named }: Which,
): void {
  const rowOf = new Int32Array(length)
  const places = new Int32Array(length)
  let count = 0
  for (let at = 0; at < length; at++) {
    const group = groupById[kinds?.[at] ?? 0] ?? -1
    if (group < 0 || only?.[quarters?.[at] ?? 0] === false) continue
    rowOf[count] = at
    places[count] = placeOf(group)
    count++
  }
  for (const [n, column] of columns.entries()) {
    if (column !== null && named?.[n] !== false) addColumn(sums, column, { n, rowOf, places, count })
  }
}

type Places = { n: number; rowOf: Int32Array; places: Int32Array; count: number }

/** The innermost loop: millions of times for a year. All indexes are within their arrays, so the casts hold. */
function addColumn(sums: Float64Array, column: ArrayLike<number>, { n, rowOf, places, count }: Places): void {
  const isWhole = count === column.length
  for (let at = 0; at < count; at++) {
    const place = (places[at] as number) + n
    const value = column[isWhole ? at : (rowOf[at] as number)] as number
    sums[place] = (sums[place] as number) + value
  }
}
