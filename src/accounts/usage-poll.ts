import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { readUsage } from '../upstream/readings.ts'
import { errorOfBody } from '../upstream/upstream-error.ts'
import { judge } from '../upstream/verdict.ts'
import type { AccountCalls } from './account-calls.ts'
import type { Pool } from './pool.ts'

/** Asks the upstream how much of an account's windows is used. */
export type UsagePoll = {
  /** Poll one account now. False: it gave no figures. Never throws. */
  poll(accountId: string): Promise<boolean>
  /** Poll these accounts now, a few at a time: the upstream sees no bursts. Never throws. */
  pollAll(accountIds: readonly string[]): Promise<void>
  /** Poll the account whose figures are oldest, if any is due. */
  pollNext(): Promise<void>
}

export type UsagePollDeps = {
  pool: Pool
  calls: AccountCalls
  clock: Clock
  onError: (accountId: string, error: unknown) => void
}

const deadlineMs = 10_000
const atOnce = 4
/** After a refused poll the account may still work: only its polling rests. */
const restMs = 5 * minuteMs

export function createUsagePoll({ pool, calls, clock, onError }: UsagePollDeps): UsagePoll {
  const polledAtMs = new Map<string, number>()
  const restsUntilMs = new Map<string, number>()
  const running = new Map<string, Promise<boolean>>()

  const ask = async (accountId: string): Promise<boolean> => {
    polledAtMs.set(accountId, clock.now())
    try {
      const { status, json, text } = await calls.get(accountId, '/wham/usage', deadlineMs)
      const reading = status === 200 ? readUsage(json, clock.now()) : null
      if (reading) {
        pool.read(accountId, reading)
        return true
      }
      if (status === 401 || status === 403) restsUntilMs.set(accountId, clock.now() + restMs)
      // A closed account says so by its code; a bare 404 may as well be a wrong address.
      const verdict = judge(errorOfBody(status, {}, text, clock.now()))
      if (verdict.kind === 'sign_in_lost') {
        pool.report(accountId, { kind: 'sign_in_lost', as: verdict.as, code: verdict.error.code })
      }
    } catch (error) {
      onError(accountId, error)
    }
    return false
  }
  const poll = (accountId: string): Promise<boolean> => {
    const current = running.get(accountId)
    if (current) return current
    const started = ask(accountId).finally(() => running.delete(accountId))
    running.set(accountId, started)
    return started
  }
  return {
    poll,
    async pollAll(accountIds) {
      const waiting = [...accountIds]
      const lane = async () => {
        for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) await poll(id)
      }
      await Promise.all(Array.from({ length: atOnce }, lane))
    },
    async pollNext() {
      const due = pool
        .accounts()
        .filter(
          ({ id, health }) => health.signIn === 'ok' && !health.paused && (restsUntilMs.get(id) ?? 0) <= clock.now(),
        )
        .toSorted((a, b) => (polledAtMs.get(a.id) ?? 0) - (polledAtMs.get(b.id) ?? 0))
      if (due[0]) await poll(due[0].id)
    },
  }
}
