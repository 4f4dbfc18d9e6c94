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
