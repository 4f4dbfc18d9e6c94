import { type Channel, type ChannelSecrets, secretNames } from '../domain/notifications/channel.ts'
import type { RuleCondition, StoredRule } from '../domain/notifications/rule.ts'
import { Secret, type Vault } from '../lib/secrets.ts'
import type { Tables } from './schema.ts'

type ChannelRow = Tables['notificationChannels']['$inferSelect']
type RuleRow = Tables['notificationRules']['$inferSelect']

export function channelRow({ secrets, ...channel }: Channel, vault: Vault): ChannelRow {
  const texts = secretNames.flatMap((name) => {
    const secret = secrets[name]
    return secret === undefined ? [] : [[name, secret.reveal()]]
  })
  const sealed = vault.seal(new Secret(JSON.stringify(Object.fromEntries(texts))), identity(channel.id))
  return { ...channel, secrets: sealed }
}

/** @throws UnsealError */
export function channelOf({ secrets: sealed, ...channel }: ChannelRow, vault: Vault): Channel {
  const texts: Record<string, unknown> = JSON.parse(vault.open(sealed, identity(channel.id)).reveal())
  const secrets: ChannelSecrets = {}
  for (const name of secretNames) {
    const text = texts[name]
    if (typeof text === 'string') secrets[name] = new Secret(text)
  }
  return { ...channel, secrets }
}

function identity(id: string): string {
  return `notification_channel:${id}`
}

export function ruleOf({ kind, parameters, ...rule }: RuleRow): StoredRule {
  // Written from a rule, whose kind and parameters belong together.
  return { ...rule, ...({ kind, parameters } as RuleCondition) }
}
