import type { Secret } from '../../lib/secrets.ts'
import type { ChannelConfig } from './channel-config.ts'

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
