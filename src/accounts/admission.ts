import type { Decision, RoutingAsk } from '../balancer/choose.ts'
import { type Exclusion, exclusionOf } from '../balancer/eligibility.ts'
import { firstEndOf, isWorthWaiting } from '../balancer/patience.ts'
import type { Account } from '../domain/account.ts'
import type { Settings } from '../domain/settings.ts'
import type { Clock } from '../lib/clock.ts'
import type { Lease, Pool } from './pool.ts'

/** Gives requests their place on an account, and lets them wait for one: not long, not many, and fairly. */
export type Admission = {
  /**
   * Choose an account and count the request in. Where nobody can serve at this moment but soon may, wait until
   * `untilMs` at most. Without a lease the decision says why. @throws the signal's reason
   */
  admit(ask: AdmissionAsk, untilMs: number, signal: AbortSignal): Promise<Admitted>
  /** There may be room: whoever waits is asked again, those first whose key has least in flight. */
  offer(): void
  /** How many requests wait. */
  waiting(): number
}

export type AdmissionAsk = Omit<RoutingAsk, 'lacking' | 'crowded' | 'ways'> & {
  /** The client key whose fair share counts; null: this machine's own clients. */
  keyId: string | null
  /** How much of the pool the key may have while others want it; left out or null: all. */
  sharePercent?: number | null
  /** A guess at the weighted tokens that the request will take. */
  tokens: number
}

export type Admitted = {
  decision: Decision
  lease: Lease | null
  /** True when the request could not even wait, because too many do. */
  isCrowdedOut: boolean
  /** How long it stood in the queue; 0: it was answered at once. */
  waitedMs: number
}

/** What choosing found, before anything is said about waiting. */
type Attempt = Omit<Admitted, 'waitedMs'>

type Waiter = {
  ask: AdmissionAsk
  /** Two requests of one sort can be served by the same accounts. */
  sort: string
  untilMs: number
  /** Why it waits, as it was found last. */
  decision: Decision
  settle(attempt: Attempt): void
}

export function createAdmission(deps: { pool: Pool; clock: Clock; settings: () => Settings }): Admission {
  const { pool, clock, settings } = deps
  const waiters = new Set<Waiter>()
  /** Requests in flight by key. */
  const inFlight = new Map<string | null, number>()
  let isOffering = false
  /** The next moment at which something passes by itself that keeps those who wait from an account. */
  let wake: { atMs: number; cancel(): void } | null = null

  /** Others want a place when one of them has one, or waits for it. */
  const othersWant = (keyId: string | null): boolean => {
    if (inFlight.size > (inFlight.has(keyId) ? 1 : 0)) return true
    for (const { ask } of waiters) if (ask.keyId !== keyId) return true
    return false
  }
  /** Whether the key has its share of the places that there are; it may have more as long as nobody else wants any. */
  const crowdingOf = ({ keyId, sharePercent = null }: AdmissionAsk): Exclusion | null => {
    if (sharePercent === null || sharePercent >= 100) return null
    const count = inFlight.get(keyId) ?? 0
    if (count === 0 || !othersWant(keyId)) return null
    const limit = Math.max(1, Math.floor((placesOf(pool.accounts(), settings(), clock.now()) * sharePercent) / 100))
    return count < limit ? null : { reason: 'busy', cap: 'share', inFlight: count, limit }
  }
  /** Choosing and counting in is one step: nothing may come between. */
  const attempt = (ask: AdmissionAsk): Attempt => {
    const decision = pool.choose({ ...ask, crowded: crowdingOf(ask) })
    if (decision.accountId === null) return { decision, lease: null, isCrowdedOut: false }
    return { decision, lease: counted(ask, pool.lease(decision.accountId, ask.tokens)), isCrowdedOut: false }
  }
  const counted = ({ keyId }: AdmissionAsk, lease: Lease): Lease => {
    const count = (by: number) => {
      const now = (inFlight.get(keyId) ?? 0) + by
      if (now > 0) inFlight.set(keyId, now)
      else inFlight.delete(keyId)
    }
    count(1)
    let isOver = false
    return {
      started: () => lease.started(),
      release(usage) {
        if (!isOver) count(-1)
        isOver = true
        lease.release(usage)
      },
    }
  }
  const waitingOf = (keyId: string | null) => [...waiters].filter(({ ask }) => ask.keyId === keyId)

  /** With a full queue the key that has most in it gives a place up, if that is not the one who comes. */
  const makeRoom = (keyId: string | null): boolean => {
    if (waiters.size < settings().maxWaiting) return true
    const counts = new Map<string | null, number>()
    for (const { ask } of waiters) counts.set(ask.keyId, (counts.get(ask.keyId) ?? 0) + 1)
    const [greediest] = [...counts].sort(([, a], [, b]) => b - a)
    if (greediest === undefined || greediest[1] <= (counts.get(keyId) ?? 0) + 1) return false
    const last = waitingOf(greediest[0]).at(-1)
    last?.settle({ decision: last.decision, lease: null, isCrowdedOut: true })
    return true
  }
  const wait = (ask: AdmissionAsk, decision: Decision, untilMs: number, signal: AbortSignal): Promise<Admitted> =>
    new Promise((resolve, reject) => {
      const sinceMs = clock.now()
      const leave = () => {
        waiters.delete(waiter)
        cancelDeadline()
        signal.removeEventListener('abort', onAbort)
        if (waiters.size === 0) wakeAt(null)
      }
      const onAbort = () => {
        leave()
        reject(signal.reason)
      }
      const waiter: Waiter = {
        ...{ ask, decision, untilMs, sort: sortOf(ask) },
        settle(admitted) {
          leave()
          resolve({ ...admitted, waitedMs: clock.now() - sinceMs })
        },
      }
      // What has come to pass at the very end still counts.
      const cancelDeadline = clock.after(untilMs - clock.now(), () => waiter.settle(attempt(ask)))
      signal.addEventListener('abort', onAbort, { once: true })
      waiters.add(waiter)
    })
  const wakeAt = (atMs: number | null) => {
    wake?.cancel()
    wake = atMs === null ? null : { atMs, cancel: clock.after(Math.max(0, atMs - clock.now()), offer) }
  }

  const offer = () => {
    if (waiters.size === 0 || isOffering) return
    isOffering = true
    try {
      let firstEndMs = Number.POSITIVE_INFINITY
      /** Whoever is asked in vain stands for all of its sort: nothing gets better while places are given away. */
      const vain = new Set<string>()
      for (let next = fairest(vain); next !== null; next = fairest(vain)) {
        const admitted = attempt(next.ask)
        const { excluded } = admitted.decision
        if (admitted.lease !== null || !isWorthWaiting(excluded, next.untilMs)) {
          next.settle(admitted)
          continue
        }
        next.decision = admitted.decision
        vain.add(next.sort)
        firstEndMs = Math.min(firstEndMs, firstEndOf(excluded) ?? firstEndMs)
      }
      wakeAt(firstEndMs === Number.POSITIVE_INFINITY ? null : firstEndMs)
    } finally {
      isOffering = false
    }
  }
  /** Of the others the one whose key has least in flight; of one key the one that waits longest. */
  const fairest = (vain: ReadonlySet<string>): Waiter | null => {
    let best: Waiter | null = null
    let least = Number.POSITIVE_INFINITY
    for (const waiter of waiters) {
      const count = inFlight.get(waiter.ask.keyId) ?? 0
      if (count >= least || vain.has(waiter.sort)) continue
      best = waiter
      least = count
    }
    return best
  }

  return {
    async admit(ask, untilMs, signal) {
      const admitted = { ...attempt(ask), waitedMs: 0 }
      if (admitted.lease !== null) return admitted
      const { excluded } = admitted.decision
      if (!isWorthWaiting(excluded, untilMs) || untilMs <= clock.now()) return admitted
      signal.throwIfAborted()
      if (!makeRoom(ask.keyId)) return { ...admitted, isCrowdedOut: true }
      const firstEndMs = firstEndOf(excluded)
      if (firstEndMs !== null && (wake === null || firstEndMs < wake.atMs)) wakeAt(firstEndMs)
      return wait(ask, admitted.decision, untilMs, signal)
    },
    offer,
    waiting: () => waiters.size,
  }
}

/** How many requests the accounts that may serve at present can have at once. */
function placesOf(accounts: readonly Account[], { maxStreams }: Settings, nowMs: number): number {
  return accounts.filter((account) => exclusionOf(account, nowMs) === null).length * maxStreams
}

function sortOf({ model, ownerId, tried, keyId, scope, sharePercent }: AdmissionAsk): string {
  const ofKey = scope || sharePercent != null ? keyId : null
  return JSON.stringify([ofKey, model, ownerId, ...[...tried].sort()])
}
