import { z } from 'zod'
import { statuses } from '../domain/account.ts'
import { warmUpRefusals } from '../domain/warm-up.ts'
import { WindowView } from './accounts.ts'

/** Without a model, the cheapest that the account has. */
export const ProbeAsk = z.strictObject({ model: z.string().trim().min(1).max(200).optional() })

/** How one tiny turn through the account went, and what it did to the account. */
export const ProbeView = z.object({
  accountId: z.string(),
  ok: z.boolean(),
  /** By which the request log has it. */
  requestId: z.string(),
  model: z.string(),
  /** The upstream's; null when there was no answer. */
  statusCode: z.int().nullable(),
  errorCode: z.string().nullable(),
  errorMessage: z.string().nullable(),
  latencyMs: z.number(),
  statusBefore: z.enum(statuses),
  statusAfter: z.enum(statuses),
  windowsBefore: z.array(WindowView),
  windowsAfter: z.array(WindowView),
})
export type ProbeView = z.infer<typeof ProbeView>

/** Without ids, every account whose short window nobody has begun. */
export const WarmUpAsk = z.strictObject({
  accountIds: z.array(z.string().min(1).max(200)).min(1).max(200).optional(),
})

export const WarmUpView = z.object({
  items: z.array(
    z.object({
      accountId: z.string(),
      outcome: z.enum(['warmed', 'failed', 'skipped']),
      /** Why it was skipped. */
      reason: z.enum([...warmUpRefusals, 'busy']).nullable(),
      probe: ProbeView.nullable(),
    }),
  ),
  warmed: z.int(),
  failed: z.int(),
  skipped: z.int(),
})
export type WarmUpView = z.infer<typeof WarmUpView>
