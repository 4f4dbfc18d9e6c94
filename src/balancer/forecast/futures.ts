import { basisOf, type History, halfLifeHours, meanPerHour, usedUpBefore } from './history.ts'

/**
 * Ways in which things may go on: each path is put together from pieces of the history. Offsets are hours since the
 * beginning of the running hour.
 */
export type Futures = {
  history: History
  paths: number
  blocks: number
  blockHours: number
  /** Per path and block: the hour of the history that it repeats from. */
  starts: Int32Array
  /** Per path: how much faster or slower it goes, for what a short history cannot tell. */
  paces: Float64Array
}

export type DrawOptions = { hours: number; paths: number; seed: number }

/**
 * Draws futures of at least so many hours; null without any history. With a week of history each piece is a day that
 * begins at the same hour (or one beside it); with less, a few hours from anywhere. Newer pieces are likelier, and for
 * later days those of the same weekday. The first piece is likelier the more its last two hours before were like the
 * last two hours now. Each path knows only a random half of the days, so that the mean itself is uncertain as well.
 */
export function drawFutures(history: History, { hours, paths, seed }: DrawOptions): Futures | null {
  const pieces = piecesOf(history, hours)
  if (pieces.starts.length === 0) return null
  const { blockHours } = pieces
  const blocks = Math.max(1, Math.ceil(hours / blockHours))
  const random = createRandom(seed)
  const starts = new Int32Array(paths * blocks)
  drawFirst(starts, blocks, pieces.starts, firstWeights(history, pieces))
  const tables = blocks > 1 ? laterTables(history, pieces) : []
  for (let path = 0; path < paths; path++) {
    for (let block = 1; block < blocks; block++)
      starts[path * blocks + block] = drawLater(pieces, tables[block % tables.length] ?? [], path, seed, random)
  }
  const paces = new Float64Array(paths).map(() => Math.exp(pieces.spread * normal(random)))
  return { history, paths, blocks, blockHours, starts, paces }
}

/** What a path uses up between two offsets. */
export function usedUp(
  { history, blocks, blockHours, starts, paces }: Futures,
  path: number,
  from: number,
  to: number,
) {
  let sum = 0
  for (let block = Math.floor(from / blockHours); block < blocks && block * blockHours < to; block++) {
    const base = (starts[path * blocks + block] ?? 0) - block * blockHours
    const begin = Math.max(from, block * blockHours)
    const end = Math.min(to, (block + 1) * blockHours)
    sum += usedUpBefore(history, base + end) - usedUpBefore(history, base + begin)
  }
  return sum * (paces[path] ?? 1)
}

/** The offset at which a path has used up an amount since `from`; infinite when it has not by `to`. */
export function reaches(futures: Futures, path: number, amount: number, from: number, to: number): number {
  let left = amount
  for (let at = from; at < to; ) {
    const next = Math.min(to, Math.floor(at) + 1)
    const step = usedUp(futures, path, at, next)
    if (step > 0 && step >= left) return at + ((next - at) * left) / step
    left -= step
    at = next
  }
  return Number.POSITIVE_INFINITY
}

type Pieces = {
  blockHours: number
  starts: number[]
  /** Per start: which day of the history it belongs to, counted back from now. */
  daysBack: number[]
  isAligned: boolean
  spread: number
}

/** Starts of pieces that lie wholly in the history. */
function piecesOf(history: History, wantedHours: number): Pieces {
  const basis = basisOf(history)
  const starts: number[] = []
  const daysBack: number[] = []
  const add = (start: number, blockHours: number, day: number) => {
    if (start < 0 || start + blockHours > history.hours) return
    starts.push(start)
    daysBack.push(day)
  }
  if (basis === 'daily_pattern') {
    const blockHours = Math.max(1, Math.min(24, Math.ceil(wantedHours)))
    for (let day = 1; day * 24 - 1 <= history.hours; day++) {
      for (const shift of [-1, 0, 1]) add(history.hours - day * 24 + shift, blockHours, day)
    }
    return {
      blockHours,
      starts,
      daysBack,
      isAligned: true,
      spread: spreadOf(history, starts, blockHours, starts.length / 3),
    }
  }
  const blockHours = basis === 'recent' ? Math.min(6, Math.floor(history.hours / 3)) : 1
  for (let start = 0; start < history.hours; start++) add(start, blockHours, Math.floor(start / blockHours))
  const short = basis === 'recent' ? 0.5 * Math.sqrt(1 - history.hours / (7 * 24)) : littleSpread
  const spread = Math.hypot(short, spreadOf(history, starts, blockHours, history.hours / blockHours))
  return { blockHours, starts, daysBack, isAligned: false, spread }
}

/** With a few hours of history a pace three times as fast or slow is nothing odd. */
const littleSpread = 1
const mostSpread = 0.6

/**
 * How far the pace may be off, as a share: a few pieces show less than there is to see, and what was need not go on. The
 * more the pieces differ, and the fewer they are, the more.
 */
function spreadOf(history: History, starts: readonly number[], blockHours: number, pieces: number): number {
  let sum = 0
  let squares = 0
  for (const start of starts) {
    const burned = usedUpBefore(history, start + blockHours) - usedUpBefore(history, start)
    sum += burned
    squares += burned * burned
  }
  if (sum <= 0) return 0
  const mean = sum / starts.length
  const variance = Math.max(0, squares / starts.length - mean * mean)
  return Math.min(mostSpread, (Math.sqrt(variance) / mean) * Math.sqrt(0.1 + 2 / pieces))
}

function ageWeight({ hours }: History, start: number): number {
  return 0.5 ** ((hours - start) / halfLifeHours)
}

/** Even the least alike hours count a little: things do change at once. */
const leastAlike = 0.15
const alikeHours = 2

function firstWeights(history: History, { starts }: Pieces): number[] {
  const usual = alikeHours * (meanPerHour(history) ?? 0)
  const before = (at: number) => usedUpBefore(history, at) - usedUpBefore(history, Math.max(0, at - alikeHours))
  const now = before(history.hours)
  return starts.map((start) => {
    const alike = usual === 0 ? 1 : Math.max(leastAlike, Math.exp(-Math.abs(before(start) - now) / usual))
    return alike * ageWeight(history, start)
  })
}

/** Running through the weights in even steps, so that few paths show the whole range. */
function drawFirst(into: Int32Array, blocks: number, starts: readonly number[], weights: readonly number[]): void {
  const paths = into.length / blocks
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let piece = 0
  let sum = weights[0] ?? 0
  for (let path = 0; path < paths; path++) {
    const wanted = ((path + 0.5) / paths) * total
    while (sum < wanted && piece < starts.length - 1) sum += weights[++piece] ?? 0
    into[path * blocks] = starts[piece] ?? 0
  }
}

/** With two weeks of history or more, the same weekday counts so many times. */
const sameWeekday = 4

/** Sums of weights; one table per weekday where weekdays count. */
function laterTables(history: History, { starts, daysBack, isAligned }: Pieces): number[][] {
  const weekdays = isAligned && history.hours >= 14 * 24 ? 7 : 1
  const ages = starts.map((start) => ageWeight(history, start))
  return Array.from({ length: weekdays }, (_, weekday) => {
    let sum = 0
    return ages.map((age, n) => {
      const isSame = weekdays > 1 && ((daysBack[n] ?? 0) + weekday) % 7 === 0
      sum += age * (isSame ? sameWeekday : 1)
      return sum
    })
  })
}

const tries = 6

function drawLater(pieces: Pieces, sums: readonly number[], path: number, seed: number, random: () => number): number {
  let piece = 0
  for (let count = 0; count < tries; count++) {
    piece = indexOf(sums, random() * (sums.at(-1) ?? 0))
    if (isKnown(seed, path, pieces.daysBack[piece] ?? 0)) break
  }
  return pieces.starts[piece] ?? 0
}

/** The first place whose sum is beyond the wanted one. */
function indexOf(sums: readonly number[], wanted: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sums[middle] ?? 0) > wanted) high = middle
    else low = middle + 1
  }
  return low
}

function isKnown(seed: number, path: number, day: number): boolean {
  return (mixed(seed ^ Math.imul(path + 1, 0x9e3779b1) ^ Math.imul(day + 1, 0x85ebca6b)) & 1) === 1
}

function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Numbers in (0, 1) that are the same for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    return (mixed(state) + 0.5) / 2 ** 32
  }
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
}
