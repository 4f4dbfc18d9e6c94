import { z } from 'zod'
import { actorKinds } from '../domain/access.ts'
import { moment } from './common.ts'

const outcomes = ['success', 'failure'] as const

export const AuditQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(500).optional(),
  /** `account.pause`, or `account` for all that begin so. */
  action: z
    .string()
    .regex(/^[a-z_]+(\.[a-z_]+)*$/, 'must be an action such as account.pause, or its beginning.')
    .max(100)
    .optional(),
  actorKind: z.enum(actorKinds).optional(),
  /** Where the actor came from. */
  address: z.string().max(100).optional(),
  targetKind: z.string().max(100).optional(),
  targetId: z.string().max(200).optional(),
  outcome: z.enum(outcomes).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
})

/** One change, or one attempt to sign in. */
const AuditView = z.object({
  id: z.string(),
  at: moment,
  action: z.string(),
  actor: z.object({ kind: z.string(), name: z.string().nullable(), address: z.string().nullable() }),
  requestId: z.string().nullable(),
  target: z.object({ kind: z.string(), id: z.string() }).nullable(),
  outcome: z.enum(outcomes),
  /** What was there, and what is there now; null where it says nothing. Never a secret. */
  before: z.unknown(),
  after: z.unknown(),
})

export const AuditLog = z.object({ items: z.array(AuditView), nextCursor: z.string().nullable() })
