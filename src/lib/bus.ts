/** Typed events inside this process. A listener must not throw and must not wait. */
export type Bus<Event> = {
  emit(event: Event): void
  /** The returned function ends the listening. */
  listen(listener: (event: Event) => void): () => void
}

export function createBus<Event>(): Bus<Event> {
  const listeners = new Set<(event: Event) => void>()
  return {
    emit(event) {
      for (const listener of listeners) listener(event)
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
