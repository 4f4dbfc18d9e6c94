import { hourMs } from '../../src/domain/quota.ts'
import type { Redemption } from '../../src/domain/redemption.ts'
import type { ResetCredit, ResetCredits } from '../../src/domain/reset-credit.ts'
import { nowMs } from './accounts.ts'

/** Expires in so many hours; null: never. */
export function aCredit(id: string, inHours: number | null, status = 'available'): ResetCredit {
  return {
    id,
    type: 'codex_rate_limits',
    status,
    title: null,
    description: null,
    grantedAtMs: nowMs - 24 * hourMs,
    expiresAtMs: inHours === null ? null : nowMs + inHours * hourMs,
    redeemStartedAtMs: null,
    redeemedAtMs: null,
  }
}

export function held(...credits: ResetCredit[]): ResetCredits {
  const availableCount = credits.filter(({ status }) => status === 'available').length
  return { credits, availableCount, readAtMs: nowMs }
}

/** One that reset two windows a second after it was asked for, by a person. */
export function aRedemption(id: string, given: Partial<Redemption> = {}): Redemption {
  return {
    id,
    accountId: 'a',
    creditId: 'credit',
    by: 'operator',
    outcome: 'reset',
    error: null,
    windowsReset: 2,
    startedAtMs: nowMs - 1_000,
    settledAtMs: nowMs,
    ...given,
  }
}
