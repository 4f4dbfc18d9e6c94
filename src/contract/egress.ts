import { z } from 'zod'
import { egressSchemes } from '../domain/egress.ts'
import { moment } from './common.ts'

const name = z.string().trim().min(1).max(80)
/** A host name or an address; of an IPv6 address without brackets. */
const host = z
  .string()
  .trim()
  .min(1)
  .max(253)
  .regex(/^[\p{L}\p{N}._:-]+$/u, 'must be a host name or an address, without scheme and port.')
const port = z.int().min(1).max(65_535)
// RFC 1929 has a byte for the length of each.
const credential = z.string().min(1).max(255)

const proxyFields = {
  name,
  scheme: z.enum(egressSchemes),
  host,
  port,
  username: credential.nullable(),
  /** Goes in, never comes out. */
  password: credential.nullable(),
  /** Off: who is bound to it is not served. */
  isActive: z.boolean(),
}

export const EgressProxyInput = z.strictObject({
  ...proxyFields,
  username: proxyFields.username.optional(),
  password: proxyFields.password.optional(),
  isActive: proxyFields.isActive.optional(),
})
export type EgressProxyInput = z.infer<typeof EgressProxyInput>

/** Absent: unchanged. Null: none any more. */
export const EgressProxyChange = z.strictObject(proxyFields).partial()
export type EgressProxyChange = z.infer<typeof EgressProxyChange>

const EgressError = z.object({ code: z.string(), message: z.string() })

const EgressUsers = z.object({
  accounts: z.array(z.object({ accountId: z.string(), displayName: z.string() })),
  pools: z.array(z.object({ id: z.string(), name: z.string() })),
  /** It is the way of all accounts that have none of their own. */
  isDefault: z.boolean(),
})

/** How a way was found to work since this server started. */
const EgressHealthView = z.object({
  /** `unknown`: nobody has gone this way yet. `resting`: it is tried again at `restingUntil`, or with the next request. */
  status: z.enum(['unknown', 'ok', 'resting', 'off']),
  lastOkAt: moment.nullable(),
  /** In a row. */
  failures: z.int(),
  downSince: moment.nullable(),
  restingUntil: moment.nullable(),
  lastError: EgressError.extend({ at: moment }).nullable(),
})

export const EgressProxyView = z.object({
  id: z.string(),
  name: z.string(),
  scheme: z.enum(egressSchemes),
  host: z.string(),
  port: z.int(),
  username: z.string().nullable(),
  hasPassword: z.boolean(),
  isActive: z.boolean(),
  createdAt: moment,
  updatedAt: moment,
  health: EgressHealthView,
  usedBy: EgressUsers,
})
export type EgressProxyView = z.infer<typeof EgressProxyView>
export const EgressProxyList = z.object({ items: z.array(EgressProxyView), nextCursor: z.null() })
export type EgressProxyList = z.infer<typeof EgressProxyList>

export const EgressTest = z.object({
  /** The upstream was reached, whatever it answered. */
  ok: z.boolean(),
  statusCode: z.int().nullable(),
  elapsedMs: z.int(),
  /** `egress_` and: auth_refused, unreachable, timeout, dns, tls, refused, protocol. */
  error: EgressError.nullable(),
})
export type EgressTest = z.infer<typeof EgressTest>

const memberIds = z
  .array(z.string().min(1).max(200))
  .max(50)
  .refine((ids) => new Set(ids).size === ids.length, 'A proxy is in a pool only once.')

export const EgressPoolInput = z.strictObject({
  name,
  /** In the order in which they are tried. */
  memberIds: memberIds.optional(),
})
export const EgressPoolChange = z.strictObject({ name, memberIds }).partial()

export const EgressPoolView = z.object({
  id: z.string(),
  name: z.string(),
  memberIds: z.array(z.string()),
  /** Null: a request finds a way. Else why not. */
  down: z.object({ code: z.string(), since: moment.nullable(), until: moment.nullable() }).nullable(),
  createdAt: moment,
  updatedAt: moment,
  usedBy: EgressUsers,
})
export type EgressPoolView = z.infer<typeof EgressPoolView>
export const EgressPoolList = z.object({ items: z.array(EgressPoolView), nextCursor: z.null() })
export type EgressPoolList = z.infer<typeof EgressPoolList>

export const EgressParams = z.object({ id: z.string().min(1).max(200) })
