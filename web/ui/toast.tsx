import { useSyncExternalStore } from 'react'

type Toast = { id: number; text: string }

const shownMs = 6_000
const listeners = new Set<() => void>()
let toasts: readonly Toast[] = []
let lastId = 0

function show(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

/** Says in passing what was done. */
export function toast(text: string): void {
  const id = ++lastId
  show([...toasts.slice(-2), { id, text }])
  setTimeout(() => show(toasts.filter((one) => one.id !== id)), shownMs)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts)
  return (
    <div className="toasts" role="status">
      {shown.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  )
}
