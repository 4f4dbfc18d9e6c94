import type { Secret } from '../../lib/secrets.ts'

/** Whether mail is sent in the clear, encrypted after a clear greeting, or encrypted from the first byte. */
export const mailSecurities = ['none', 'starttls', 'tls'] as const
type MailSecurity = (typeof mailSecurities)[number]

/** Where a channel leads, apart from what is secret. For a webhook, Slack and Discord the whole URL is. */
export type ChannelConfig =
  | { kind: 'webhook' | 'slack' | 'discord' }
  | { kind: 'ntfy'; server: string; topic: string }
  | { kind: 'telegram'; server: string; chatId: string }
  | {
      kind: 'email'
      host: string
      port: number
      security: MailSecurity
      user: string | null
      from: string
      to: string[]
    }

export const secretNames = ['url', 'secret', 'token', 'password'] as const
export type SecretName = (typeof secretNames)[number]
export type ChannelSecrets = Partial<Record<SecretName, Secret>>

/** Somewhere that messages can be sent to. */
export type Channel = {
  id: string
  name: string
  config: ChannelConfig
  secrets: ChannelSecrets
  isActive: boolean
  /** Whether it may lead to this machine or its network. */
  allowPrivateAddress: boolean
  /** Whether messages may name accounts by their e-mail addresses. */
  showEmails: boolean
  createdAtMs: number
  updatedAtMs: number
}
