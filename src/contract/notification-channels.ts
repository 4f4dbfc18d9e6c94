import { z } from 'zod'
import { mailSecurities } from '../domain/notifications/channel-config.ts'
import { httpUrlWords, isHttpUrl, moment } from './common.ts'

const httpUrl = z.string().max(2_000).refine(isHttpUrl, httpUrlWords)

const fields = {
  name: z.string().trim().min(1).max(80),
  isActive: z.boolean(),
  allowPrivateAddress: z.boolean(),
  showEmails: z.boolean(),
  url: httpUrl,
  secret: z.string().min(8).max(200).nullable(),
  server: httpUrl,
  topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/, 'A topic has up to 64 letters, digits, dashes and underscores.'),
  token: z
    .string()
    .regex(/^[\x21-\x7e]{1,300}$/, 'A token has up to 300 letters, digits and signs, and no spaces.')
    .nullable(),
  chatId: z
    .string()
    .regex(/^(-?\d{1,20}|@\w{1,64})$/, 'A chat is a number such as -1001234567890, or @ and the name of a channel.'),
  host: z
    .string()
    .regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$|^::1$/, 'must be the name or the address of a server.'),
  port: z.int().min(1).max(65_535),
  security: z.enum(mailSecurities),
  user: z.string().min(1).max(200).nullable(),
  password: z.string().min(1).max(500).nullable(),
  from: z.email().max(200),
  to: z.array(z.email().max(200)).min(1).max(20),
}

const common = {
  name: fields.name,
  isActive: fields.isActive.default(true),
  allowPrivateAddress: fields.allowPrivateAddress.default(false),
  showEmails: fields.showEmails.default(false),
}
const { url, topic, chatId, host, from, to } = fields

/** A new channel. */
export const ChannelBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), ...common, url, secret: fields.secret.default(null) }),
  z.strictObject({
    ...{ kind: z.literal('ntfy'), ...common, topic },
    server: fields.server.default('https://ntfy.sh'),
    token: fields.token.default(null),
  }),
  z.strictObject({ kind: z.literal('slack'), ...common, url }),
  z.strictObject({ kind: z.literal('discord'), ...common, url }),
  z.strictObject({
    ...{ kind: z.literal('telegram'), ...common, chatId },
    server: fields.server.default('https://api.telegram.org'),
    token: fields.token.unwrap(),
  }),
  z.strictObject({
    ...{ kind: z.literal('email'), ...common, host, from, to },
    port: fields.port.default(587),
    security: fields.security.default('starttls'),
    user: fields.user.default(null),
    password: fields.password.default(null),
  }),
])
export type ChannelBody = z.output<typeof ChannelBody>

/** What is named changes; null clears. Which fields there are depends on the kind, which stays. */
export const ChannelChange = z.strictObject(fields).partial()
export type ChannelChange = z.output<typeof ChannelChange>

const shown = {
  id: z.string(),
  name: z.string(),
  isActive: z.boolean(),
  allowPrivateAddress: z.boolean(),
  showEmails: z.boolean(),
  createdAt: moment,
  updatedAt: moment,
}
/** Of a URL that is secret as a whole. */
const urlHost = z.string()

/** A channel as it is shown: of secrets only whether there are any. */
export const ChannelView = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('webhook'), ...shown, urlHost, hasSecret: z.boolean() }),
  z.object({ kind: z.literal('ntfy'), ...shown, server: z.string(), topic: z.string(), hasToken: z.boolean() }),
  z.object({ kind: z.literal('slack'), ...shown, urlHost }),
  z.object({ kind: z.literal('discord'), ...shown, urlHost }),
  z.object({ kind: z.literal('telegram'), ...shown, server: z.string(), chatId: z.string(), hasToken: z.boolean() }),
  z.object({
    ...{ kind: z.literal('email'), ...shown, host: z.string(), port: z.int(), security: fields.security },
    ...{ user: z.string().nullable(), hasPassword: z.boolean(), from: z.string(), to: z.array(z.string()) },
  }),
])
export type ChannelView = z.output<typeof ChannelView>

export const ChannelParams = z.object({ id: z.string().min(1).max(100) })
export const ChannelList = z.object({ items: z.array(ChannelView), nextCursor: z.null() })

/** What came of a test message. `status` is what the other side answered with. */
export const ChannelTest = z.object({
  ok: z.boolean(),
  status: z.int().nullable(),
  elapsedMs: z.number().min(0),
  error: z.string().nullable(),
})
export type ChannelTest = z.output<typeof ChannelTest>
