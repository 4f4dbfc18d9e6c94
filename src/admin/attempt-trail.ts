import { LRUCache } from 'lru-cache'
import type { Actor } from '../domain/access.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { AuditTrail } from './audit.ts'

/** One attempt that was refused: to sign in, or to show again who one is. */
export type Refused = { action: string; actor: Actor; requestId: string; method: string | null; code: string }

/**
 * Writes down attempts that were refused, and does not let a flood of them fill the log: of each address and action the
 * first within a minute is an entry, and the others together are one more when the minute is over.
 */
export type AttemptTrail = {
  note(refused: Refused): void
  /** Writes what is still gathered. */
  flush(): Promise<void>
}

/** Beyond this many within a minute, strangers with ever new addresses are one. */
const mostAddresses = 100

type Gathered = Refused & { more: number }

export function createAttemptTrail(trail: AuditTrail, clock: Clock): AttemptTrail {
  const minute = new LRUCache<string, Gathered>({ max: mostAddresses + 50 })
  let isWaiting = false
  const write = ({ action, actor, requestId, method, code }: Refused, attempts: number) =>
    trail.write({
      ...{ action, actor, requestId, target: null, outcome: 'failure', before: null },
      after: { method, code, attempts },
    })
  const flush = async () => {
    const gathered = [...minute.values()].filter(({ more }) => more > 0)
    minute.clear()
    for (const one of gathered.toReversed()) await write(one, one.more)
  }
  return {
    note(given) {
      const isCrowd = minute.size >= mostAddresses && !minute.has(keyOf(given))
      const refused = isCrowd ? { ...given, actor: { ...given.actor, name: null, address: null } } : given
      const key = keyOf(refused)
      const known = minute.get(key)
      if (known) known.more++
      else {
        minute.set(key, { ...refused, more: 0 })
        void write(refused, 1)
      }
      if (isWaiting) return
      isWaiting = true
      clock.after(minuteMs, () => {
        isWaiting = false
        void flush()
      })
    },
    flush,
  }
}

function keyOf({ action, actor, method, code }: Refused): string {
  return JSON.stringify([action, actor.address, method, code])
}
