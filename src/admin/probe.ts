import type { Pool } from '../accounts/pool.ts'
import { AccountParams } from '../contract/accounts.ts'
import { ProbeAsk, ProbeView, WarmUpAsk, WarmUpView } from '../contract/probe.ts'
import { type Account, statusOf } from '../domain/account.ts'
import { warmUpRefusal } from '../domain/warm-up.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { windowView } from './account-views.ts'
import { route } from './route.ts'

/** What sending a tiny turn gives; see the prober, which knows how. */
type Probed = Omit<ProbeView, 'accountId' | `status${'Before' | 'After'}` | `windows${'Before' | 'After'}`> & {
  before: Account
  after: Account
}
type Prober = (ask: { accountId: string; model: string | null; route: 'probe' | 'warm-up' }) => Promise<Probed>

export type ProbeDeps = { probe: Prober; pool: Pool; clock: Clock }

/** The turn may take half a minute, reading the figures a part of that. */
const probeDeadlineMs = 60_000
/** After this long no further account is begun with. */
const warmUpMs = 90_000
const warmUpDeadlineMs = 150_000
const atOnce = 2
const settlingMs = 10 * 60_000

/** Trying accounts out, one by one or all that are untouched. */
export function probeRoutes({ probe, pool, clock }: ProbeDeps) {
  const view = (accountId: string, { before, after, ...probed }: Probed): ProbeView => {
    const nowMs = clock.now()
    const windows = (account: Account) => account.windows.map((window) => windowView(window, nowMs))
    return {
      ...{ accountId, ...probed },
      ...{ statusBefore: statusOf(before.health, nowMs), statusAfter: statusOf(after.health, nowMs) },
      ...{ windowsBefore: windows(before), windowsAfter: windows(after) },
    }
  }
  /** For a while the figures do not tell a window that has just begun from one that nobody has begun. */
  const warmedAtMs = new Map<string, number>()
  const isWarm = (accountId: string) => (warmedAtMs.get(accountId) ?? 0) + settlingMs > clock.now()
  const warmUp = async (account: Account, untilMs: number): Promise<WarmUpView['items'][number]> => {
    const { id: accountId } = account
    const nowMs = clock.now()
    const running = isWarm(accountId) ? 'window_running' : null
    const reason = warmUpRefusal(account, nowMs) ?? running ?? (nowMs >= untilMs ? 'no_time' : null)
    if (reason !== null) return { accountId, outcome: 'skipped', reason, probe: null }
    try {
      const probed = view(accountId, await probe({ accountId, model: null, route: 'warm-up' }))
      if (probed.ok) warmedAtMs.set(accountId, clock.now())
      return { accountId, outcome: probed.ok ? 'warmed' : 'failed', reason: null, probe: probed }
    } catch (error) {
      // Somebody else tries it out at this moment, or it was paused or deleted since.
      if (!(error instanceof AppError)) throw error
      return { accountId, outcome: 'skipped', reason: 'busy', probe: null }
    }
  }

  return [
    route(
      {
        method: 'POST',
        path: '/api/accounts/:id/probe',
        access: 'admin',
        audit: 'account.probe',
        summary: 'Send one tiny turn through an account and say how it went',
        params: AccountParams,
        body: ProbeAsk,
        answer: ProbeView,
        deadlineMs: probeDeadlineMs,
      },
      async ({ params: { id }, body: { model = null }, audit }) => {
        const probed = view(id, await probe({ accountId: id, model, route: 'probe' }))
        const { ok, statusCode, errorCode, requestId } = probed
        audit({ after: { ok, model: probed.model, statusCode, errorCode, requestId } })
        return probed
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/accounts/warm-up',
        access: 'admin',
        audit: 'account.warm_up',
        summary: 'Begin the short windows that nobody has begun, with one tiny turn each',
        body: WarmUpAsk,
        answer: WarmUpView,
        deadlineMs: warmUpDeadlineMs,
      },
      async ({ body: { accountIds }, audit }) => {
        const waiting = accountIds ? [...new Set(accountIds)].map((id) => known(pool, id)) : [...pool.accounts()]
        const untilMs = clock.now() + warmUpMs
        for (const id of warmedAtMs.keys()) if (!isWarm(id)) warmedAtMs.delete(id)
        const items: WarmUpView['items'] = []
        const lane = async () => {
          for (let next = waiting.shift(); next; next = waiting.shift()) items.push(await warmUp(next, untilMs))
        }
        await Promise.all(Array.from({ length: atOnce }, lane))
        const of = (outcome: string) => items.filter((item) => item.outcome === outcome)
        const [warmed, failed] = [of('warmed'), of('failed')]
        const ids = (some: typeof items) => some.map(({ accountId }) => accountId)
        if (warmed.length + failed.length === 0) audit({ nothing: true })
        else audit({ after: { warmed: ids(warmed), failed: ids(failed) } })
        return { items, warmed: warmed.length, failed: failed.length, skipped: of('skipped').length }
      },
    ),
  ]
}

function known(pool: Pool, id: string): Account {
  const account = pool.get(id)
  if (account === null) throw new AppError('account_not_found', { message: `There is no account ${id}.` })
  return account
}
