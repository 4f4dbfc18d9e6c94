/** What is to happen, by its time; of two things at one moment the one that was put in first comes first. */
export type Agenda<T> = {
  put(atMs: number, what: T): void
  /** When the next thing happens; infinity when there is none. */
  nextAtMs(): number
  /** The next thing; it is gone from the agenda. */
  take(): T | undefined
}

type Entry<T> = { atMs: number; order: number; what: T }

/** A binary heap: hundreds of thousands of entries come and go in a replay. */
export function createAgenda<T>(): Agenda<T> {
  const heap: Entry<T>[] = []
  let order = 0

  const isBefore = (one: Entry<T> | undefined, other: Entry<T> | undefined): boolean => {
    if (one === undefined || other === undefined) return other === undefined
    return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs
  }
  const rise = (entry: Entry<T>) => {
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, entry)) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }
  const sink = (entry: Entry<T>) => {
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const child = left + 1 < heap.length && isBefore(heap[left + 1], heap[left]) ? left + 1 : left
      const below = heap[child]
      if (below === undefined || isBefore(entry, below)) break
      heap[at] = below
      at = child
    }
    heap[at] = entry
  }

  return {
    put(atMs, what) {
      const entry = { atMs, order: order++, what }
      heap.push(entry)
      rise(entry)
    },
    nextAtMs: () => heap[0]?.atMs ?? Number.POSITIVE_INFINITY,
    take() {
      const [first] = heap
      const last = heap.pop()
      if (last !== undefined && heap.length > 0) sink(last)
      return first?.what
    },
  }
}
