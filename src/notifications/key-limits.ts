import type { Keys } from '../accounts/keys.ts'
import type { Ledger } from '../accounts/ledger.ts'
import { limitInWords } from '../domain/limit-words.ts'
import type { KeyLimitFact } from '../domain/notifications/observe.ts'

export type KeyLimitsDeps = { keys: Pick<Keys, 'list'>; ledger: Pick<Ledger, 'standing'> }

/** How far the limits of all keys are used up. A limit per minute fills and empties all the time, and is no news. */
export function createKeyLimits({ keys, ledger }: KeyLimitsDeps): () => Promise<KeyLimitFact[]> {
  return async () => {
    const facts: KeyLimitFact[] = []
    for (const { id: keyId, name: keyName, limits } of keys.list()) {
      const lasting = limits.filter(({ period }) => period !== 'minute')
      if (lasting.length === 0) continue
      for (const { limit, used, resetAtMs } of await ledger.standing(keyId, lasting)) {
        const usedPercent = limit.max > 0 ? (used / limit.max) * 100 : 100
        facts.push({ keyId, keyName, limitId: limit.id, limit: limitInWords(limit), usedPercent, resetAtMs })
      }
    }
    return facts
  }
}
