import { z } from 'zod'
import { routingPolicies, statuses } from '../domain/account.ts'
import { readingSources, windowKinds } from '../domain/quota.ts'
import { tag } from '../domain/settings.ts'
import { id, moment, percent, word } from './common.ts'
import { adminOnly, open, pseudonym } from './visibility.ts'

/** One usage window, with where its figure comes from and when it was read. */
export const WindowView = z.object({
  kind: z.enum(windowKinds),
  usedPercent: percent,
  remainingPercent: percent,
  windowMinutes: z.int(),
  resetAt: moment.nullable(),
  source: z.enum(readingSources),
  readAt: moment,
  /** Since when the upstream does not mention the window any more; null: it does. */
  staleSince: moment.nullable(),
})
export type WindowView = z.infer<typeof WindowView>

/** Why an account rests, and until when. */
const BlockView = z.object({
  by: z.enum(['burst', 'window', 'plan', 'errors']),
  window: z.enum(windowKinds).nullable(),
  /** The meter that is used up: then only the models that it governs rest. */
  meter: word.nullable(),
  code: word,
  since: moment,
  until: moment,
  endIsKnown: z.boolean(),
  /** The how many-th in a row. */
  strikes: z.int(),
})

/** A limit beside the windows that governs certain models only. */
const MeterView = z.object({
  key: word,
  name: word,
  feature: word.nullable(),
  windows: z.array(WindowView),
})

/** What the status was derived from: a person's doing, the sign-in, a refusal of the upstream, failures, or nothing at all. */
const StatusBasis = z.object({
  kind: z.enum(['operator', 'sign_in', 'refusal', 'failures', 'nothing']),
  code: word.nullable(),
  since: moment.nullable(),
  until: moment.nullable(),
  /** False: the end is assumed, since the upstream named none. Null: there is no end. */
  endIsKnown: z.boolean().nullable(),
})

const routing = {
  policy: z.enum(routingPolicies),
  /** Higher goes first among accounts that have room. */
  priority: z.int().min(-100).max(100),
  tags: z.array(open(tag)).max(20),
  /** Its way to the upstream; `default`: as the setting `defaultEgress` says. */
  egress: z.union([
    z.strictObject({ kind: z.enum(['default', 'direct']) }),
    z.strictObject({ kind: z.enum(['proxy', 'pool']), id: open(z.string().min(1).max(200)) }),
  ]),
}

export const AccountView = z.object({
  accountId: id,
  chatgptAccountId: adminOnly(z.string()),
  email: adminOnly(z.string()).nullable(),
  /** The alias, else the e-mail address, else the ChatGPT account. */
  displayName: pseudonym(z.string()),
  /** What a person calls the account. */
  alias: adminOnly(z.string()).nullable(),
  planType: word,
  workspaceId: adminOnly(z.string()).nullable(),
  workspaceLabel: adminOnly(z.string()).nullable(),
  status: z.enum(statuses),
  /** The code behind `reauth_required` or `deactivated`. */
  statusReason: word.nullable(),
  statusBasis: StatusBasis,
  /** What happened to the sign-in, and what mends it; null while it is in order. */
  advice: z.object({ cause: word, fix: word }).nullable(),
  /** The block that ends last, or null. */
  blocked: BlockView.nullable(),
  /** All blocks in force, those of single meters included. */
  blocks: z.array(BlockView),
  ...routing,
  /** Why its way to the upstream is closed, so that it is not served; null: it is open. */
  wayDown: z
    .object({
      kind: z.enum(['proxy', 'pool']),
      name: adminOnly(z.string()).nullable(),
      code: word,
      since: moment.nullable(),
      until: moment.nullable(),
    })
    .nullable(),
  windows: z.array(WindowView),
  meters: z.array(MeterView),
  /** The upstream's word for the limit that is reached. */
  limitReached: word.nullable(),
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
  /** How many requests at once the upstream was seen to bear, and until when that is believed. */
  concurrency: z.object({ limit: z.int(), until: moment }).nullable(),
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

/** Remaining percent; a series begins with its first sample and carries the last value over gaps. */
export const AccountTrends = z.object({
  accountId: id,
  primary: z.array(TrendPoint),
  secondary: z.array(TrendPoint),
  monthly: z.array(TrendPoint),
})
export type AccountTrends = z.infer<typeof AccountTrends>

export const AccountParams = z.object({ id: z.string().min(1).max(200) })

/** A name that a person gives: one line of text that can be seen. */
const alias = z
  .string()
  .trim()
  .min(1, 'must not be empty; null takes the name away.')
  .max(80, 'must have at most 80 characters.')
  .regex(/^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\u2028\u2029]*$/u, 'must be one line, without control characters.')

/** What a person wants of an account; only what is named changes. */
export const AccountChange = z.strictObject({ ...routing, alias: alias.nullable() }).partial()
export type AccountChange = z.infer<typeof AccountChange>

export const AccountPaused = z.object({ status: z.literal('paused') })
export const AccountReactivated = z.object({ status: z.literal('reactivated') })
export const AccountDeleted = z.object({ status: z.literal('deleted') })
