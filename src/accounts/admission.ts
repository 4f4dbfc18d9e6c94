import type { Decision, RoutingAsk } from '../balancer/choose.ts'
import { patienceOf } from '../balancer/patience.ts'
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

export type AdmissionAsk = Omit<RoutingAsk, 'lacking'> & {
  /** The client key whose fair share counts; null: this machine's own clients. */
  keyId: string | null
  /** A guess at the weighted tokens that the request will take. */
  tokens: number
}

export type Admitted = {
  decision: Decision
  lease: Lease | null
  /** True when the request could not even wait, because too many do. */
  isCrowdedOut: boolean
}

type Waiter = {
  ask: AdmissionAsk
  decision: Decision
  settle(admitted: Admitted): void
}

/** Of those who wait, so many in a row are asked in vain before the others are left for the next time. */
const vainOffers = 8

export function createAdmission(deps: { pool: Pool; clock: Clock; settings: () => Settings }): Admission {
  const { pool, clock, settings } = deps
  const waiters = new Set<Waiter>()
  /** Requests in flight by key. */
  const inFlight = new Map<string | null, number>()
  let isOffering = false

  /** Choosing and counting in is one step: nothing may come between. */
  const attempt = (ask: AdmissionAsk): Admitted => {
    const decision = pool.choose(ask)
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
      const cancels: (() => void)[] = []
      const leave = () => {
        waiters.delete(waiter)
        for (const cancel of cancels) cancel()
        signal.removeEventListener('abort', onAbort)
      }
      const onAbort = () => {
        leave()
        reject(signal.reason)
      }
      const waiter: Waiter = {
        ask,
        decision,
        settle(admitted) {
          leave()
          resolve(admitted)
        },
      }
      const wakeAt = (atMs: number) => cancels.push(clock.after(Math.max(0, atMs - clock.now()), offer))
      cancels.push(
        clock.after(untilMs - clock.now(), () =>
          waiter.settle({ decision: waiter.decision, lease: null, isCrowdedOut: false }),
        ),
      )
      const patience = patienceOf(decision.excluded)
      if (patience?.kind === 'until') wakeAt(patience.atMs)
      signal.addEventListener('abort', onAbort, { once: true })
      waiters.add(waiter)
    })

  const offer = () => {
    if (waiters.size === 0 || isOffering) return
    isOffering = true
    try {
      const asked = new Set<Waiter>()
      for (let vain = 0; vain < vainOffers; ) {
        const next = fairest(asked)
        if (next === null) return
        asked.add(next)
        const admitted = attempt(next.ask)
        const isHopeless = admitted.lease === null && patienceOf(admitted.decision.excluded) === null
        next.decision = admitted.decision
        if (admitted.lease !== null || isHopeless) next.settle(admitted)
        vain = admitted.lease === null ? vain + 1 : 0
      }
    } finally {
      isOffering = false
    }
  }
  /** Of those not asked yet the one whose key has least in flight; of one key the one that waits longest. */
  const fairest = (asked: ReadonlySet<Waiter>): Waiter | null => {
    let best: Waiter | null = null
    let least = Number.POSITIVE_INFINITY
    for (const waiter of waiters) {
      const count = inFlight.get(waiter.ask.keyId) ?? 0
      if (asked.has(waiter) || count >= least) continue
      best = waiter
      least = count
    }
    return best
  }

  return {
    async admit(ask, untilMs, signal) {
      const admitted = attempt(ask)
      if (admitted.lease !== null) return admitted
      const patience = patienceOf(admitted.decision.excluded)
      const isWorthIt = patience?.kind === 'room' || (patience?.kind === 'until' && patience.atMs <= untilMs)
      if (!isWorthIt || untilMs <= clock.now()) return admitted
      signal.throwIfAborted()
      if (!makeRoom(ask.keyId)) return { ...admitted, isCrowdedOut: true }
      return wait(ask, admitted.decision, untilMs, signal)
    },
    offer,
    waiting: () => waiters.size,
  }
}
