import { createLedger, type Held, type Ledger, type LedgerAsk, type Reserved } from '../../src/accounts/ledger.ts'
import { type Amounts, amountsOf } from '../../src/domain/limit-counts.ts'
import type { KeyLimit } from '../../src/domain/limits.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Store } from '../../src/store/store.ts'

/** One life of a server's ledger. */
export type LedgerLife = Ledger & {
  /** As by kill -9: nothing that it does from now on reaches the store. */
  crash(): void
  /** The reservations of which the store knows that they are over. */
  stored: ReadonlySet<string>
  errors: unknown[]
}

export function startLedger(store: Store['ledger'], clock: Clock, flushLog = async () => {}): LedgerLife {
  const errors: unknown[] = []
  const stored = new Set<string>()
  let isDead = false
  const guarded = new Proxy(store, {
    get(target, name: keyof Store['ledger']) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return async (...given: unknown[]) => {
        // What has died never hears of anything again.
        if (isDead) return new Promise(() => {})
        const result = await (method as (...given: unknown[]) => Promise<unknown>)(...given)
        if (name === 'settle') for (const { id } of given[0] as { id: string }[]) stored.add(id)
        return result
      }
    },
  })
  const ledger = createLedger({ store: guarded, flushLog, clock, onError: (error) => errors.push(error) })
  return {
    ...ledger,
    stored,
    errors,
    crash() {
      isDead = true
    },
  }
}

export function aLimit(given: Partial<KeyLimit> = {}): KeyLimit {
  return { id: 'lim_1', kind: 'total_tokens', period: 'day', isCalendar: true, max: 100, model: null, ...given }
}

export function tokens(input: number, output = 0): Amounts {
  return amountsOf({ input, output, costMicroUsd: input + output })
}

let lastId = 0

/** Asks for a request that may use so many tokens. */
export function ledgerAsk(limits: readonly KeyLimit[], given: Partial<LedgerAsk> = {}): LedgerAsk {
  lastId++
  return { id: `req_${lastId}`, keyId: 'key_1', limits, model: 'gpt-5.5', declared: tokens(10), ...given }
}

/** The reservation, once a crash cannot lose it any more; throws where a limit keeps the request out. */
export async function heldBy(reserved: Promise<Reserved>): Promise<Held> {
  const { held, refusal } = await reserved
  if (held === null) throw new Error(`Nothing was reserved: ${refusal?.limit.id ?? 'no limit counts it'}`)
  await held.written
  return held
}
