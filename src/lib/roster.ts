/**
 * Those who are here now, where many come and go. A Set would do the same, but it makes its table anew all the time, and
 * each old table keeps the next one from the garbage collector, with everybody who was in it.
 */
export type Roster<T> = {
  /** The returned function takes the entry off again; calling it twice does no harm. */
  add(entry: T): () => void
  /** Who is here at this moment, in no particular order. */
  entries(): T[]
}

export function createRoster<T>(): Roster<T> {
  const places: { entry: T; at: number }[] = []
  return {
    add(entry) {
      const place = { entry, at: places.length }
      places.push(place)
      return () => {
        const last = places.at(-1)
        if (last === undefined || places[place.at] !== place) return
        places[place.at] = last
        last.at = place.at
        places.pop()
      }
    },
    entries: () => places.map(({ entry }) => entry),
  }
}
