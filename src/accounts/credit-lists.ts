import { minuteMs } from '../domain/quota.ts'
import type { ResetCredits } from '../domain/reset-credit.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { readResetCredits } from '../upstream/reset-credits.ts'
import { TransportError } from '../upstream/transport-error.ts'
import { errorOfBody } from '../upstream/upstream-error.ts'
import type { AccountCalls } from './account-calls.ts'
import { inTime } from './in-time.ts'
import type { Pool } from './pool.ts'
import { TokenError } from './tokens.ts'

/** Which reset credits the accounts hold, as the upstream lists them. */
export type CreditLists = {
  /** What an account holds, asked for now. @throws AppError */
  read(accountId: string): Promise<ResetCredits>
  /**
   * By account id, of the accounts that may serve. What is older than `maxAgeMs` is asked for first, but not waited for
   * beyond `patienceMs`; what cannot be read stays as it was last.
   */
  ofPool(limits?: { maxAgeMs?: number; patienceMs?: number }): Promise<ReadonlyMap<string, ResetCredits>>
  /** They have changed: the next look asks again. */
  forget(accountId: string): void
}

export type CreditListsDeps = {
  pool: Pool
  calls: AccountCalls
  clock: Clock
  onError: (accountId: string, error: unknown) => void
}

const freshMs = 5 * minuteMs
/** After a failure the account is left alone for so long. */
const restMs = minuteMs
const deadlineMs = 8_000
const maxPatienceMs = 8_000
const atOnce = 6

export function createCreditLists({ pool, calls, clock, onError }: CreditListsDeps): CreditLists {
  const known = new Map<string, ResetCredits>()
  /** Lists that may have changed since they were read. */
  const outdated = new Set<string>()
  const restsUntilMs = new Map<string, number>()
  const running = new Map<string, Promise<void>>()

  const read = async (accountId: string): Promise<ResetCredits> => {
    const { status, json, text } = await ask(calls, accountId)
    const held = status === 200 ? readResetCredits(json, clock.now()) : null
    if (held === null) {
      const { message } = errorOfBody(status, {}, text, clock.now())
      throw new AppError('upstream_error', {
        message: status === 200 ? 'The upstream’s list of reset credits cannot be read.' : message,
      })
    }
    outdated.delete(accountId)
    known.set(accountId, held)
    return held
  }
  const update = (accountId: string): Promise<void> => {
    const current = running.get(accountId)
    if (current) return current
    const started = read(accountId)
      .then(() => {})
      .catch((error: unknown) => {
        restsUntilMs.set(accountId, clock.now() + restMs)
        onError(accountId, error)
      })
      .finally(() => running.delete(accountId))
    running.set(accountId, started)
    return started
  }

  return {
    read,
    async ofPool({ maxAgeMs = freshMs, patienceMs = maxPatienceMs } = {}) {
      const serving = pool.accounts().filter(({ health }) => health.signIn === 'ok' && !health.paused)
      const nowMs = clock.now()
      const isDue = (id: string) => {
        if ((restsUntilMs.get(id) ?? 0) > nowMs) return false
        const held = known.get(id)
        return held === undefined || outdated.has(id) || held.readAtMs + maxAgeMs <= nowMs
      }
      const waiting = serving.map(({ id }) => id).filter(isDue)
      const lane = async () => {
        for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) await update(id)
      }
      await inTime(Promise.all(Array.from({ length: atOnce }, lane)), patienceMs, clock)
      for (const id of known.keys()) if (pool.get(id) === null) known.delete(id)
      return new Map(
        serving.flatMap(({ id }) => {
          const held = known.get(id)
          return held === undefined ? [] : [[id, held] as const]
        }),
      )
    },
    forget(accountId) {
      outdated.add(accountId)
      restsUntilMs.delete(accountId)
    },
  }
}

/** @throws AppError */
async function ask(calls: AccountCalls, accountId: string) {
  try {
    return await calls.get(accountId, '/wham/rate-limit-reset-credits', deadlineMs)
  } catch (error) {
    if (error instanceof TokenError) throw new AppError('upstream_error', { message: error.message }, { cause: error })
    if (!(error instanceof TransportError)) throw error
    throw new AppError(error.kind === 'unreachable' ? 'upstream_unavailable' : 'upstream_error', {}, { cause: error })
  }
}
