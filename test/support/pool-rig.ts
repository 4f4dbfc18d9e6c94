import { afterEach, beforeEach } from 'vitest'
import { createPool, type Pool, type PoolDeps } from '../../src/accounts/pool.ts'
import type { Reading } from '../../src/domain/reading.ts'
import { defaultSettings } from '../../src/domain/settings.ts'
import type { Store } from '../../src/store/store.ts'
import { aWindow, nowMs } from './accounts.ts'
import { createManualClock, type ManualClock } from './clock.ts'
import { engines, imported, type TestDatabase } from './stores.ts'

/** A database with two accounts for each test, and pools on it. */
export type PoolRig = {
  store: Store
  clock: ManualClock
  /** What the pools could not do. */
  errors: unknown[]
  /** Ids of the two accounts. */
  a: string
  b: string
  loaded(given?: Partial<PoolDeps>): Promise<Pool>
  /** The store, with some methods of its accounts replaced. */
  storeWith(accounts: Partial<Store['accounts']>): Store
  /** A reading of a short window that is made now. */
  figure(usedPercent: number): Reading
}

/** Call it in a test file or a `describe`; the object is filled anew before each test. */
export function poolRig(): PoolRig {
  // Filled before the first test may look at it.
  const rig = {} as PoolRig
  let database: TestDatabase
  beforeEach(async () => {
    const [sqlite] = engines()
    if (!sqlite) throw new Error('There is no engine.')
    database = await sqlite.create()
    const store = await database.open()
    const clock = createManualClock(nowMs)
    const errors: unknown[] = []
    const onError = (error: unknown) => void errors.push(error)
    const filled: PoolRig = {
      store,
      clock,
      errors,
      a: (await imported(store, 'a')).id,
      b: (await imported(store, 'b')).id,
      async loaded(given) {
        const pool = createPool({ store, clock, settings: () => defaultSettings, onError, ...given })
        await pool.load()
        return pool
      },
      storeWith: (accounts) => ({ ...store, accounts: { ...store.accounts, ...accounts } }),
      figure: (usedPercent) => reading({ windows: [aWindow('short', usedPercent, { readAtMs: clock.now() })] }),
    }
    Object.assign(rig, filled)
  })
  afterEach(() => database.dispose())
  return rig
}

export const reading = (given: Partial<Reading> = {}): Reading => ({
  ...{ plan: null, windows: [], meters: null, credits: null, isComplete: false },
  ...given,
})
