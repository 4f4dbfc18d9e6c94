import type { CreditLists } from '../accounts/credit-lists.ts'
import type { Pool } from '../accounts/pool.ts'
import type { Redeemer } from '../accounts/reset-credits.ts'
import { AccountParams } from '../contract/accounts.ts'
import { RedeemRequest, RedemptionView, ResetCreditList } from '../contract/reset-credits.ts'
import type { Redemption } from '../domain/redemption.ts'
import type { ResetCredit } from '../domain/reset-credit.ts'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type ResetCreditRouteDeps = { pool: Pool; store: Store; lists: CreditLists; redeemer: Redeemer }

const params = AccountParams
const shownRedemptions = 20

export function resetCreditRoutes({ pool, store, lists, redeemer }: ResetCreditRouteDeps) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/accounts/:id/reset-credits',
        access: 'viewer',
        summary: 'Reset credits of an account, and what became of those that were used',
        params,
        answer: ResetCreditList,
      },
      async ({ params: { id } }) => {
        if (pool.get(id) === null) throw new AppError('account_not_found')
        const { credits, availableCount } = await lists.read(id)
        const redemptions = await store.redemptions.list(id, shownRedemptions)
        return { items: credits.map(creditView), availableCount, redemptions: redemptions.map(redemptionView) }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/accounts/:id/reset-credits/redeem',
        access: 'admin',
        audit: 'account.redeem_reset_credit',
        summary: 'Use a reset credit: the running windows of the account start anew',
        params,
        body: RedeemRequest,
        answer: RedemptionView,
      },
      async ({ params: { id: accountId }, body: { creditId = null, idempotencyKey = null }, audit }) => {
        const redemption = await redeemer.redeem({ accountId, by: 'operator', creditId, id: idempotencyKey })
        audit({ after: { creditId: redemption.creditId, outcome: redemption.outcome } })
        return redemptionView(redemption)
      },
    ),
  ]
}

function creditView({ id, type, status, title, description, ...moments }: ResetCredit) {
  const { grantedAtMs, expiresAtMs, redeemedAtMs } = moments
  const times = { grantedAt: isoOrNull(grantedAtMs), expiresAt: isoOrNull(expiresAtMs) }
  return { id, type, status, title, description, ...times, redeemedAt: isoOrNull(redeemedAtMs) }
}

function redemptionView({ id, startedAtMs, settledAtMs, ...rest }: Redemption): RedemptionView {
  return { idempotencyKey: id, ...rest, startedAt: iso(startedAtMs), settledAt: isoOrNull(settledAtMs) }
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : iso(atMs)
}
