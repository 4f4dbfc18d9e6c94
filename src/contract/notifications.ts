import { z } from 'zod'
import { notificationStatuses } from '../domain/notifications/notification.ts'
import { ruleKinds } from '../domain/notifications/rule.ts'
import { moment } from './common.ts'

export const NotificationQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(500).optional(),
  ruleId: z.string().max(100).optional(),
  channelId: z.string().max(100).optional(),
  status: z.enum(notificationStatuses).optional(),
})

/** One message to one channel, with every try to deliver it. */
const NotificationView = z.object({
  id: z.string(),
  at: moment,
  kind: z.enum(ruleKinds),
  event: z.enum(['begin', 'end']),
  /** Rule and channel as they were called then; they may be gone. */
  rule: z.object({ id: z.string(), name: z.string().nullable() }),
  channel: z.object({ id: z.string(), name: z.string() }),
  title: z.string(),
  text: z.string(),
  status: z.enum(notificationStatuses),
  attempts: z.array(
    z.object({
      at: moment,
      ok: z.boolean(),
      status: z.int().nullable(),
      elapsedMs: z.number(),
      error: z.string().nullable(),
    }),
  ),
  /** When it is tried next; null: it is over. */
  nextAttemptAt: moment.nullable(),
})
export type NotificationView = z.output<typeof NotificationView>

export const NotificationList = z.object({ items: z.array(NotificationView), nextCursor: z.string().nullable() })
