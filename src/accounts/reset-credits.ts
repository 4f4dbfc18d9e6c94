import { randomUUID } from 'node:crypto'
import type { Redemption } from '../domain/redemption.ts'
import { isUsable, nextCredit, type ResetCredits } from '../domain/reset-credit.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { AccountCalls } from './account-calls.ts'
import type { CreditLists } from './credit-lists.ts'
import type { Pool } from './pool.ts'
import { sendRedemption } from './send-redemption.ts'
import type { UsagePoll } from './usage-poll.ts'

export type RedeemAsk = {
  accountId: string
  by: Redemption['by']
  /** Null: the one that is lost soonest. */
  creditId: string | null
  /** The idempotency key. Null: that of the redemption which is pending, else a new one. */
  id: string | null
}

/**
 * Uses reset credits. To use one is not idempotent by itself, so each use is stored before it is asked for, one at a
 * time for each account, and as long as nobody knows how it ended only the same use may be asked for again.
 */
export type Redeemer = {
  /** A key that is known gives what became of it. @throws AppError when nothing was asked for */
  redeem(ask: RedeemAsk): Promise<Redemption>
  /** The redemption of the account whose end is not known, or null. */
  pending(accountId: string): Promise<Redemption | null>
}

export type RedeemerDeps = {
  store: Store
  pool: Pool
  calls: AccountCalls
  lists: CreditLists
  usagePoll: Pick<UsagePoll, 'poll'>
  clock: Clock
  onError: (accountId: string, error: unknown) => void
}

export function createRedeemer({ store, pool, calls, lists, usagePoll, clock, onError }: RedeemerDeps): Redeemer {
  const queues = new Map<string, Promise<unknown>>()

  /** No redemption begins while there is a pending one, so that one is always the newest. */
  const pending = async (accountId: string): Promise<Redemption | null> => {
    const [newest] = await store.redemptions.list(accountId, 1)
    return newest?.outcome === 'pending' ? newest : null
  }

  const redeemNow = async (ask: RedeemAsk): Promise<Redemption> => {
    if (pool.get(ask.accountId) === null) throw new AppError('account_not_found')
    const earlier = ask.id === null ? null : await store.redemptions.get(ask.id)
    if (earlier && earlier.accountId !== ask.accountId) throw keyOfAnother()
    if (earlier && earlier.outcome !== 'pending') return earlier
    const open = earlier ?? (await pending(ask.accountId))
    if (open && !isRepeat(open, ask)) throw stillPending(open)
    const held = await lists.read(ask.accountId)
    const redemption = open ?? (await begin(ask, held))
    if (redemption.outcome !== 'pending') return redemption
    return settle(redemption, await sendRedemption(redemption, open !== null, { calls, clock, onError }))
  }

  /** Stores what will be asked for. Where there is nothing to use, that is the outcome, and nothing is sent. */
  const begin = async ({ accountId, by, creditId, id }: RedeemAsk, held: ResetCredits): Promise<Redemption> => {
    const nowMs = clock.now()
    if (creditId !== null) {
      const credit = held.credits.find((one) => one.id === creditId)
      if (credit === undefined || !isUsable(credit, nowMs)) throw unavailable(credit?.status ?? null)
    }
    const isEmpty = creditId === null && nextCredit(held.credits, nowMs) === null && held.availableCount === 0
    const redemption: Redemption = {
      id: id ?? randomUUID(),
      accountId,
      creditId: creditId ?? nextCredit(held.credits, nowMs)?.id ?? null,
      by,
      outcome: isEmpty ? 'no_credit' : 'pending',
      error: null,
      windowsReset: isEmpty ? 0 : null,
      startedAtMs: nowMs,
      settledAtMs: isEmpty ? nowMs : null,
    }
    if (await store.redemptions.begin(redemption)) return redemption
    // Another process was faster, with another redemption or with this very one.
    const other = (await pending(accountId)) ?? (await store.redemptions.get(redemption.id))
    throw other === null ? new AppError('redemption_pending') : stillPending(other)
  }

  const settle = async (redemption: Redemption, ended: Awaited<ReturnType<typeof sendRedemption>>) => {
    const settled: Redemption = { ...redemption, ...ended }
    const { outcome, error, windowsReset, settledAtMs } = settled
    await store.redemptions.settle(redemption.id, { outcome, error, windowsReset, settledAtMs })
    lists.forget(redemption.accountId)
    if (outcome === 'reset' || outcome === 'already_redeemed') {
      pool.windowsReset(redemption.accountId)
      await usagePoll.poll(redemption.accountId)
    }
    return settled
  }

  return {
    pending,
    redeem(ask) {
      const before = queues.get(ask.accountId) ?? Promise.resolve()
      const turn = before.then(() => redeemNow(ask))
      // Whoever asked gets the error; the next in line has nothing to do with it.
      const over = turn
        .catch(() => {})
        .then(() => {
          if (queues.get(ask.accountId) === over) queues.delete(ask.accountId)
        })
      queues.set(ask.accountId, over)
      return turn
    },
  }
}

function isRepeat(open: Redemption, ask: RedeemAsk): boolean {
  const isSameKey = ask.id === null || ask.id === open.id
  return isSameKey && (ask.creditId === null || ask.creditId === open.creditId)
}

function stillPending({ id }: Redemption): AppError {
  const message = `How the redemption ${id} on this account ended is not known yet. Repeat it with that idempotency key, and without another credit, before anything else is redeemed.`
  return new AppError('redemption_pending', { message, param: 'idempotencyKey' })
}

function keyOfAnother(): AppError {
  const message = 'This idempotency key belongs to a redemption on another account.'
  return new AppError('invalid_request', { message, param: 'idempotencyKey' })
}

function unavailable(status: string | null): AppError {
  const why = status === null ? 'The account does not hold this reset credit' : `This reset credit is ${status}`
  return new AppError('reset_credit_unavailable', { message: `${why}, so it cannot be used.`, param: 'creditId' })
}
