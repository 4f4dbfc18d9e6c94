import { z } from 'zod'
import { isTimeZone } from '../domain/notifications/quiet-hours.ts'
import { windowKinds } from '../domain/quota.ts'
import { httpUrlWords, isHttpUrl, moment, percent } from './common.ts'
import { adminOnly, open } from './visibility.ts'

const share = percent.min(1).max(99)
const QuietHours = z.strictObject({
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 22:00.'),
  to: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 07:00.'),
  timeZone: z.string().max(60).refine(isTimeZone, 'must be a time zone such as Europe/Berlin.'),
})

const url = z.string().max(2_000).refine(isHttpUrl, httpUrlWords)

const nothing = z.strictObject({})
/** What each kind of rule is told. */
export const ruleParameters = {
  pool_below: z.strictObject({ window: z.enum(windowKinds), percent: share }),
  pool_out: nothing,
  account_reauth: nothing,
  account_closed: nothing,
  key_limit: z.strictObject({ percent: share }),
  error_rate: z.strictObject({
    percent: share,
    minutes: z.int().min(1).max(60).default(10),
    leastRequests: z.int().min(1).max(100_000).default(20),
  }),
  egress_down: nothing,
  new_version: z.strictObject({ url, allowPrivateAddress: z.boolean().default(false) }),
}

const fields = {
  name: z.string().trim().min(1).max(80).nullable(),
  channelIds: z.array(z.string().min(1).max(100)).max(20),
  isActive: z.boolean(),
  quietHours: QuietHours.refine(
    ({ from, to }) => from !== to,
    'The hours must not begin and end at the same time.',
  ).nullable(),
  minGapMinutes: z.int().min(1).max(10_080),
  tellEnd: z.boolean(),
}
const common = {
  name: fields.name.default(null),
  channelIds: fields.channelIds,
  isActive: fields.isActive.default(true),
  quietHours: fields.quietHours.default(null),
  minGapMinutes: fields.minGapMinutes.default(60),
  tellEnd: fields.tellEnd.default(true),
}

/** A new rule. */
export const RuleBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('pool_below'), parameters: ruleParameters.pool_below, ...common }),
  z.strictObject({ kind: z.literal('pool_out'), parameters: nothing.prefault({}), ...common }),
  z.strictObject({ kind: z.literal('account_reauth'), parameters: nothing.prefault({}), ...common }),
  z.strictObject({ kind: z.literal('account_closed'), parameters: nothing.prefault({}), ...common }),
  z.strictObject({ kind: z.literal('key_limit'), parameters: ruleParameters.key_limit, ...common }),
  z.strictObject({ kind: z.literal('error_rate'), parameters: ruleParameters.error_rate, ...common }),
  z.strictObject({ kind: z.literal('egress_down'), parameters: nothing.prefault({}), ...common }),
  z.strictObject({ kind: z.literal('new_version'), parameters: ruleParameters.new_version, ...common }),
])
export type RuleBody = z.output<typeof RuleBody>

const { minutes, leastRequests } = ruleParameters.error_rate.shape
const { allowPrivateAddress } = ruleParameters.new_version.shape

/** What is named changes; null clears. The kind stays. */
export const RuleChange = z
  .strictObject({
    ...fields,
    /** Those of the rule's kind; what is not named stays. */
    parameters: z
      .strictObject({
        ...ruleParameters.pool_below.shape,
        ...{ minutes: minutes.unwrap(), leastRequests: leastRequests.unwrap() },
        ...{ url, allowPrivateAddress: allowPrivateAddress.unwrap() },
      })
      .partial(),
  })
  .partial()
export type RuleChange = z.output<typeof RuleChange>

const shown = {
  id: open(z.string()),
  name: open(z.string()).nullable(),
  channelIds: z.array(open(z.string())),
  isActive: z.boolean(),
  quietHours: z.object({ from: open(z.string()), to: open(z.string()), timeZone: open(z.string()) }).nullable(),
  minGapMinutes: z.int(),
  tellEnd: z.boolean(),
  /** Since when what it watches for is the case; null: it is not. */
  onSince: moment.nullable(),
  /** Why it cannot see what it watches, in words. */
  problem: adminOnly(z.string()).nullable(),
  createdAt: moment,
  updatedAt: moment,
}

export const RuleView = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pool_below'), parameters: ruleParameters.pool_below, ...shown }),
  z.object({ kind: z.literal('pool_out'), parameters: nothing, ...shown }),
  z.object({ kind: z.literal('account_reauth'), parameters: nothing, ...shown }),
  z.object({ kind: z.literal('account_closed'), parameters: nothing, ...shown }),
  z.object({ kind: z.literal('key_limit'), parameters: ruleParameters.key_limit, ...shown }),
  z.object({ kind: z.literal('error_rate'), parameters: ruleParameters.error_rate, ...shown }),
  z.object({ kind: z.literal('egress_down'), parameters: nothing, ...shown }),
  z.object({
    kind: z.literal('new_version'),
    parameters: z.object({ url: adminOnly(z.string()), allowPrivateAddress: z.boolean() }),
    ...shown,
  }),
])
export type RuleView = z.output<typeof RuleView>

export const RuleParams = z.object({ id: z.string().min(1).max(100) })
export const RuleList = z.object({ items: z.array(RuleView), nextCursor: z.null() })
