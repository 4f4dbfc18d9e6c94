import type { Account } from '../domain/account.ts'
import { minuteMs } from '../domain/quota.ts'
import type { AccountStatistics } from '../domain/statistics.ts'
import type { Clock } from '../lib/clock.ts'
import { readProfile } from '../upstream/profile.ts'
import type { AccountCalls } from './account-calls.ts'
import { inTime } from './in-time.ts'
import type { Pool } from './pool.ts'

/** What the upstream says of the accounts' use over their lives, asked for when somebody looks. */
export type Statistics = {
  /** At most a quarter of an hour old where the upstream answers, else as they were last. Null: it never told. */
  of(accountId: string): Promise<AccountStatistics | null>
  /** Of every account; asked for a few at a time, and not waited for without end. */
  all(): Promise<{ account: Account; statistics: AccountStatistics | null }[]>
}

export type StatisticsDeps = {
  pool: Pool
  calls: AccountCalls
  clock: Clock
  onError: (accountId: string, error: unknown) => void
}

const freshMs = 15 * minuteMs
/** After a failure the account is left alone for so long. */
const restMs = minuteMs
const deadlineMs = 10_000
const atOnce = 6
/** Whoever looks at all accounts waits no longer; what is known by then has to do. */
const patienceMs = 20_000

export function createStatistics({ pool, calls, clock, onError }: StatisticsDeps): Statistics {
  const restsUntilMs = new Map<string, number>()
  const running = new Map<string, Promise<void>>()

  const ask = async (accountId: string): Promise<void> => {
    try {
      const { status, json } = await calls.get(accountId, '/wham/profiles/me', deadlineMs)
      const statistics = status === 200 ? readProfile(json, clock.now()) : null
      if (statistics) return await pool.setStatistics(accountId, statistics)
    } catch (error) {
      onError(accountId, error)
    }
    restsUntilMs.set(accountId, clock.now() + restMs)
  }
  const isDue = ({ id, health, statistics }: Account): boolean => {
    if (health.signIn !== 'ok' || (restsUntilMs.get(id) ?? 0) > clock.now()) return false
    return statistics === null || statistics.readAtMs + freshMs <= clock.now()
  }
  const update = async (account: Account): Promise<void> => {
    if (!isDue(account)) return
    const current = running.get(account.id)
    if (current) return current
    const started = ask(account.id).finally(() => running.delete(account.id))
    running.set(account.id, started)
    return started
  }
  return {
    async of(accountId) {
      const account = pool.get(accountId)
      if (account === null) return null
      await update(account)
      return pool.get(accountId)?.statistics ?? null
    },
    async all() {
      const waiting = [...pool.accounts()]
      const lane = async () => {
        for (let account = waiting.shift(); account !== undefined; account = waiting.shift()) await update(account)
      }
      await inTime(Promise.all(Array.from({ length: atOnce }, lane)), patienceMs, clock)
      return pool.accounts().map((account) => ({ account, statistics: account.statistics }))
    },
  }
}
