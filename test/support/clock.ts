import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until a test moves it. */
export type ManualClock = Clock & {
  /** Moves on by `ms` and runs what falls due on the way, in order, each at its own time. */
  advance(ms: number): void
}

/** Work that a running timer schedules through a promise is not seen by the same `advance`: advance again. */
export function createManualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs
  const waiting = new Set<{ dueAtMs: number; work: () => void }>()

  function nextDue(untilMs: number) {
    let next: { dueAtMs: number; work: () => void } | null = null
    for (const timer of waiting) {
      // Of two that fall due together the one set first comes first: a Set keeps that order.
      if (timer.dueAtMs <= untilMs && (next === null || timer.dueAtMs < next.dueAtMs)) next = timer
    }
    return next
  }

  return {
    now: () => nowMs,
    after(delayMs, work) {
      const timer = { dueAtMs: nowMs + Math.max(0, delayMs), work }
      waiting.add(timer)
      return () => void waiting.delete(timer)
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (let timer = nextDue(untilMs); timer !== null; timer = nextDue(untilMs)) {
        waiting.delete(timer)
        nowMs = timer.dueAtMs
        timer.work()
      }
      nowMs = untilMs
    },
  }
}
