import type { Settings } from '../../domain/settings.ts'
import type { Decision } from '../choose.ts'
import { firstEndOf, isWorthWaiting } from '../patience.ts'

/** What a queue needs to know of a turn, and keeps of it. */
export type Waiting = {
  tried: ReadonlySet<string>
  waitedMs: number
  /** How long it may wait. */
  untilMs: number
  /** Set while it waits for a place. */
  waitingSinceMs: number | null
}

export type QueueDeps<T> = {
  settings: Settings
  /** Chooses for a turn and calls; the decision of a turn that found nobody says why. */
  attempt(turn: T, nowMs: number): Decision
  giveUp(turn: T, decision: Decision, nowMs: number): void
  /** Asks to be offered again at that moment. */
  wakeAt(atMs: number): void
  /** Asks to be told when the turn has waited long enough. */
  deadline(atMs: number, turn: T): void
}

/** Turns that wait for a place on an account, or for a brief rest to end, by the rules of the live queue. */
export type Queue<T> = {
  /** Finds a place, waits for one, or gives up. */
  seek(turn: T, nowMs: number): void
  /** There may be room. */
  offer(nowMs: number): void
  tooLong(turn: T, nowMs: number): void
  /** The turn waits no longer. */
  leave(turn: T, nowMs: number): void
}

export function createQueue<T extends Waiting>(deps: QueueDeps<T>): Queue<T> {
  const { settings, attempt, giveUp, wakeAt, deadline } = deps
  const waiters = new Set<T>()
  let isOffering = false

  const leave = (turn: T, nowMs: number) => {
    waiters.delete(turn)
    turn.waitedMs += nowMs - (turn.waitingSinceMs ?? nowMs)
    turn.waitingSinceMs = null
  }
  return {
    leave,
    seek(turn, nowMs) {
      const decision = attempt(turn, nowMs)
      if (decision.accountId !== null) return
      turn.untilMs = nowMs + settings.waitSeconds * 1_000 - turn.waitedMs
      const isWorthIt = turn.untilMs > nowMs && isWorthWaiting(decision.excluded, turn.untilMs)
      if (!isWorthIt || waiters.size >= settings.maxWaiting) return giveUp(turn, decision, nowMs)
      turn.waitingSinceMs = nowMs
      waiters.add(turn)
      deadline(turn.untilMs, turn)
      const firstEndMs = firstEndOf(decision.excluded)
      if (firstEndMs !== null) wakeAt(firstEndMs)
    },
    offer(nowMs) {
      if (waiters.size === 0 || isOffering) return
      isOffering = true
      /** Whoever is asked in vain stands for all that have tried the same accounts. */
      const vain = new Set<string>()
      let firstEndMs = Number.POSITIVE_INFINITY
      for (const turn of [...waiters]) {
        const sort = [...turn.tried].sort().join(' ')
        if (vain.has(sort)) continue
        const decision = attempt(turn, nowMs)
        if (decision.accountId !== null) continue
        if (isWorthWaiting(decision.excluded, turn.untilMs)) {
          vain.add(sort)
          firstEndMs = Math.min(firstEndMs, firstEndOf(decision.excluded) ?? firstEndMs)
        } else {
          leave(turn, nowMs)
          giveUp(turn, decision, nowMs)
        }
      }
      if (firstEndMs !== Number.POSITIVE_INFINITY) wakeAt(firstEndMs)
      isOffering = false
    },
    tooLong(turn, nowMs) {
      if (!waiters.has(turn)) return
      const decision = attempt(turn, nowMs)
      if (decision.accountId !== null) return
      leave(turn, nowMs)
      giveUp(turn, decision, nowMs)
    },
  }
}
