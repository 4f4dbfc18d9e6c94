import { type Admission, type AdmissionAsk, type Admitted, createAdmission } from '../../src/accounts/admission.ts'
import { createPool, type Lease, type Pool } from '../../src/accounts/pool.ts'
import type { Account } from '../../src/domain/account.ts'
import type { Settings } from '../../src/domain/settings.ts'
import type { Store } from '../../src/store/store.ts'
import { anAsk, nowMs, withSettings } from './accounts.ts'
import { createManualClock, type ManualClock } from './clock.ts'

/** One request, from its arrival to the moment at which it has a lease or none. */
export type Visit = {
  ask: AdmissionAsk
  untilMs: number
  state: 'waiting' | 'admitted' | 'refused' | 'aborted'
  admitted: Admitted | null
  lease: Lease | null
  /** How long it waited, and how long it may. */
  waitedMs: number
  mostMs: number
  abort(): void
}

/** A pool with its queue, wired as the program does it, on accounts that are kept in memory. */
export type QueueRig = {
  clock: ManualClock
  pool: Pool
  admission: Admission
  settings(): Settings
  set(change: Partial<Settings>): void
  /** A request comes; it waits for `waitMs` at most. */
  visit(given?: Partial<AdmissionAsk>, waitMs?: number): Visit
  /** Lets everything run that needs no time. */
  settle(): Promise<void>
}

export async function queueRig(accounts: readonly Account[], given: Partial<Settings> = {}): Promise<QueueRig> {
  const clock = createManualClock(nowMs)
  let settings = withSettings({ slowStartMinutes: 0, ...given })
  const pool = createPool({
    ...{ store: storeOf(accounts), clock, settings: () => settings },
    onRoom: () => admission.offer(),
    onError: (error) => {
      throw error
    },
  })
  const admission: Admission = createAdmission({ pool, clock, settings: () => settings })
  await pool.load()
  let visits = 0
  return {
    ...{ clock, pool, admission, settings: () => settings },
    set(change) {
      settings = { ...settings, ...change }
      admission.offer()
    },
    visit(askGiven, waitMs = 15_000) {
      const ending = new AbortController()
      const ask = { ...anAsk({ seed: `visit ${visits++}` }), keyId: null, tokens: 1_000, ...askGiven }
      const arrivedAtMs = clock.now()
      const visit: Visit = {
        ...{
          ask,
          untilMs: arrivedAtMs + waitMs,
          state: 'waiting',
          admitted: null,
          lease: null,
          waitedMs: 0,
          mostMs: waitMs,
        },
        abort: () => ending.abort(new Error('gone')),
      }
      admission.admit(ask, visit.untilMs, ending.signal).then(
        (admitted) => {
          const { lease } = admitted
          Object.assign(visit, { admitted, lease, state: lease === null ? 'refused' : 'admitted' })
          visit.waitedMs = clock.now() - arrivedAtMs
        },
        () => {
          visit.state = 'aborted'
        },
      )
      return visit
    },
    async settle() {
      for (let step = 0; step < 4; step++) await null
    },
  }
}

/** As much of a store as a pool needs. What is saved is forgotten: the pool's memory is what counts. */
function storeOf(accounts: readonly Account[]): Store {
  const nothing = async () => {}
  const kept = {
    accounts: {
      list: async () => [...accounts],
      version: async () => 1,
      ...{ saveHealth: nothing, saveFigures: nothing, savePlan: nothing },
    },
    usage: { add: nothing },
  }
  // The pool asks nothing else of its store in these tests.
  return kept as unknown as Store
}
