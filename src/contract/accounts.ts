import { z } from 'zod'
import { statuses } from '../domain/account.ts'
import { readingSources, windowKinds } from '../domain/quota.ts'
import { moment, percent } from './common.ts'

/** One usage window, with where its figure comes from and when it was read. */
export const WindowView = z.object({
  kind: z.enum(windowKinds),
  usedPercent: percent,
  remainingPercent: percent,
  windowMinutes: z.int(),
  resetAt: moment.nullable(),
  source: z.enum(readingSources),
  readAt: moment,
})
export type WindowView = z.infer<typeof WindowView>

/** Why an account rests, and until when. */
const BlockView = z.object({
  by: z.enum(['burst', 'window', 'plan', 'errors']),
  window: z.enum(windowKinds).nullable(),
  code: z.string(),
  since: moment,
  until: moment,
  endIsKnown: z.boolean(),
})

export const AccountView = z.object({
  accountId: z.string(),
  chatgptAccountId: z.string(),
  email: z.string().nullable(),
  displayName: z.string(),
  planType: z.string(),
  workspaceId: z.string().nullable(),
  workspaceLabel: z.string().nullable(),
  status: z.enum(statuses),
  /** The code behind `reauth_required` or `deactivated`. */
  statusReason: z.string().nullable(),
  blocked: BlockView.nullable(),
  windows: z.array(WindowView),
  /** The same figures by the old names: short, weekly and monthly window. */
  usage: z.object({
    primaryRemainingPercent: percent.nullable(),
    secondaryRemainingPercent: percent.nullable(),
    monthlyRemainingPercent: percent.nullable(),
  }),
  resetAtPrimary: moment.nullable(),
  resetAtSecondary: moment.nullable(),
  resetAtMonthly: moment.nullable(),
  credits: z
    .object({ has: z.boolean(), unlimited: z.boolean(), balance: z.number().nullable(), readAt: moment })
    .nullable(),
  inFlight: z.int(),
  lastRefreshAt: moment,
  createdAt: moment,
})
export type AccountView = z.infer<typeof AccountView>

export const AccountList = z.object({ accounts: z.array(AccountView) })
export type AccountList = z.infer<typeof AccountList>

/** Files of an upload: one field or the other, each as often as there are files. */
export const ImportForm = z.object({ auth_json: z.array(z.file()).optional(), files: z.array(z.file()).optional() })

/** What became of one account in an imported file. */
export const ImportItem = z.object({
  file: z.string(),
  outcome: z.enum(['imported', 'updated', 'rejected']),
  accountId: z.string().nullable(),
  email: z.string().nullable(),
  planType: z.string().nullable(),
  status: z.enum(statuses).nullable(),
  error: z.object({ code: z.string(), message: z.string(), path: z.string() }).nullable(),
})
export type ImportItem = z.infer<typeof ImportItem>

/** `accountId` and what follows stand at the top as well when exactly one account came in. */
export const ImportAnswer = z.object({
  items: z.array(ImportItem),
  imported: z.int(),
  updated: z.int(),
  rejected: z.int(),
  accountId: z.string().optional(),
  email: z.string().nullable().optional(),
  planType: z.string().optional(),
  status: z.enum(statuses).optional(),
})
export type ImportAnswer = z.infer<typeof ImportAnswer>

const TrendPoint = z.object({ t: moment, v: percent })

/** Remaining percent per hour over seven days; a series begins with its first sample and carries the last value over gaps. */
export const AccountTrends = z.object({
  accountId: z.string(),
  primary: z.array(TrendPoint),
  secondary: z.array(TrendPoint),
  monthly: z.array(TrendPoint),
})
export type AccountTrends = z.infer<typeof AccountTrends>

export const AccountParams = z.object({ id: z.string().min(1).max(200) })

export const AccountPaused = z.object({ status: z.literal('paused') })
export const AccountReactivated = z.object({ status: z.literal('reactivated') })
export const AccountDeleted = z.object({ status: z.literal('deleted') })
