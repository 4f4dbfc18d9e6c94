import { useState } from 'react'

type Sent<T> = { [K in keyof T]?: T[K] | undefined }

/** Edits that are not saved yet, over what is saved. What changes elsewhere meanwhile shows where nothing was edited. */
export type Draft<T> = {
  values: T
  /** Only what differs from what is saved. */
  changes: Partial<T>
  isChanged: boolean
  set<K extends keyof T>(name: K, value: T[K]): void
  /** Forgets the edits of these. */
  drop(...names: (keyof T)[]): void
  /** Forgets the edits that are saved now; what was edited again meanwhile stays. */
  saved(sent: Sent<T>): void
  discard(): void
}

export function useDraft<T extends object>(saved: T): Draft<T> {
  const [edits, setEdits] = useState<Partial<T>>({})
  const changes = differing(edits, saved)
  return {
    values: { ...saved, ...edits },
    changes,
    isChanged: Object.keys(changes).length > 0,
    set: (name, value) => setEdits((before) => ({ ...before, [name]: value })),
    drop: (...names) =>
      setEdits((before) => {
        const left = { ...before }
        for (const name of names) delete left[name]
        return left
      }),
    saved: (sent) => setEdits((before) => differing(before, sent)),
    discard: () => setEdits({}),
  }
}

function differing<T extends object>(edits: Partial<T>, saved: Sent<T>): Partial<T> {
  const changed = Object.entries(edits).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(saved[name as keyof T]),
  )
  // The names come from an object of this type.
  return Object.fromEntries(changed) as Partial<T>
}
