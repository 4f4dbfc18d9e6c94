import { z } from 'zod'
import { redemptionOutcomes } from '../domain/redemption.ts'
import { id, moment, word } from './common.ts'
import { adminOnly } from './visibility.ts'

/** A grant with which the running windows of its account can be started anew, once. */
const ResetCreditView = z.object({
  id,
  type: word.nullable(),
  /** The upstream's word; `available` can be used. */
  status: word,
  title: word.nullable(),
  description: word.nullable(),
  grantedAt: moment.nullable(),
  expiresAt: moment.nullable(),
  redeemedAt: moment.nullable(),
})

/**
 * One use of a credit. `pending`: nobody knows how it ended, so only this one, with the same `idempotencyKey`, may be
 * tried again on its account. `failed`: the upstream refused it. The other outcomes are the upstream's own.
 */
export const RedemptionView = z.object({
  idempotencyKey: id,
  accountId: id,
  creditId: id.nullable(),
  /** Who asked for it: a person here, a client, or the rule in the settings. */
  by: z.enum(['operator', 'client', 'rule']),
  outcome: z.enum(redemptionOutcomes),
  error: adminOnly(z.string()).nullable(),
  windowsReset: z.int().nullable(),
  startedAt: moment,
  settledAt: moment.nullable(),
})
export type RedemptionView = z.infer<typeof RedemptionView>

export const ResetCreditList = z.object({
  items: z.array(ResetCreditView),
  availableCount: z.int(),
  /** The latest redemptions, newest first. */
  redemptions: z.array(RedemptionView),
})
export type ResetCreditList = z.infer<typeof ResetCreditList>

/**
 * Both may be left out: the credit that is lost soonest is used, under a new key, or the redemption that is pending is
 * repeated. The same key again gives the stored outcome.
 */
export const RedeemRequest = z.strictObject({
  creditId: z.string().min(1).max(200).optional(),
  idempotencyKey: z.uuid().optional(),
})
