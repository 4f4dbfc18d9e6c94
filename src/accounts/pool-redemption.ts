import type { Account } from '../domain/account.ts'
import { isInScope, type KeyScope } from '../domain/api-key.ts'
import type { Redemption } from '../domain/redemption.ts'
import { gainOfReset, isUsable, type ResetCredits } from '../domain/reset-credit.ts'
import type { Settings } from '../domain/settings.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { CreditLists } from './credit-lists.ts'
import type { Pool } from './pool.ts'
import type { Redeemer } from './reset-credits.ts'

/** How a client's redemption ended; it does not know of accounts. */
export type PoolRedemption = Pick<Redemption, 'outcome' | 'error' | 'windowsReset' | 'creditId' | 'settledAtMs'>

/** Uses a reset credit for a client, which sees the pool as one account. */
export type PoolRedeemer = {
  /** The same id again gives the stored outcome. Only accounts of the scope are looked at. @throws AppError */
  redeem(ask: PoolRedemptionAsk): Promise<PoolRedemption>
}

type PoolRedemptionAsk = { id: string; creditId: string | null; scope?: KeyScope | null }

export type PoolRedeemerDeps = {
  store: Store
  pool: Pool
  lists: CreditLists
  redeemer: Redeemer
  settings: () => Settings
  clock: Clock
}

/** Lists may be so old: a credit that was granted a moment ago can wait, a choice among all accounts cannot. */
const listAgeMs = 30_000

export function createPoolRedeemer(deps: PoolRedeemerDeps): PoolRedeemer {
  const { store, pool, lists, redeemer, settings, clock } = deps
  /** Two requests with one id must not choose two accounts. */
  const running = new Map<string, Promise<PoolRedemption>>()

  const redeem = async ({ id, creditId, scope = null }: PoolRedemptionAsk): Promise<PoolRedemption> => {
    const isMine = (accountId: string) => {
      const account = pool.get(accountId)
      return scope === null || (account !== null && isInScope(account, scope))
    }
    const earlier = await store.redemptions.get(id)
    if (earlier && !isMine(earlier.accountId)) return { ...noCredit, creditId }
    if (earlier) return redeemer.redeem({ accountId: earlier.accountId, by: 'client', creditId, id })
    const all = await lists.ofPool({ maxAgeMs: listAgeMs })
    const held = new Map([...all].filter(([accountId]) => isMine(accountId)))
    const holder = creditId === null ? await bestHolder(held) : holderOf(held, creditId, clock.now())
    if (typeof holder !== 'string') return { ...holder, creditId }
    return redeemer.redeem({ accountId: holder, by: 'client', creditId, id })
  }

  /** Where a reset gives most, among the accounts whose last redemption has ended. */
  const bestHolder = async (held: ReadonlyMap<string, ResetCredits>) => {
    const holders = pool.accounts().filter(({ id }) => (held.get(id)?.availableCount ?? 0) > 0)
    const gainOf = (account: Account) => gainOfReset(account, settings().planCapacities, clock.now())
    let open: Redemption | null = null
    for (const { id } of holders.toSorted((a, b) => gainOf(b) - gainOf(a))) {
      const pending = await redeemer.pending(id)
      if (pending === null) return id
      open ??= pending
    }
    if (open === null) return noCredit
    const message = `How the redemption ${open.id} ended is not known yet; repeat that one first.`
    throw new AppError('redemption_pending', { message, param: 'redeem_request_id' })
  }

  return {
    redeem(ask) {
      const current = running.get(ask.id)
      if (current) return current
      const started = redeem(ask).finally(() => running.delete(ask.id))
      running.set(ask.id, started)
      return started
    },
  }
}

const noCredit = { outcome: 'no_credit', error: null, windowsReset: 0, settledAtMs: null } as const

/** The account that holds a credit which can be used; else what there is to say of the credit. */
function holderOf(held: ReadonlyMap<string, ResetCredits>, creditId: string, nowMs: number) {
  for (const [accountId, { credits }] of held) {
    const credit = credits.find(({ id }) => id === creditId)
    if (credit === undefined) continue
    if (isUsable(credit, nowMs)) return accountId
    if (credit.status === 'redeemed' || credit.redeemedAtMs !== null)
      return { ...noCredit, outcome: 'already_redeemed' as const, settledAtMs: credit.redeemedAtMs }
  }
  return noCredit
}
