import type { ChannelBody, ChannelChange, ChannelView } from '../contract/notification-channels.ts'
import type { Channel, ChannelSecrets, SecretName } from '../domain/notifications/channel.ts'
import type { ChannelConfig } from '../domain/notifications/channel-config.ts'
import { AppError } from '../errors.ts'
import { Secret } from '../lib/secrets.ts'
import { iso } from './account-views.ts'

/** A channel as it is shown: never a secret, of a secret URL only the host. */
export function channelView({ config, secrets, createdAtMs, updatedAtMs, ...channel }: Channel): ChannelView {
  const shown = { ...channel, createdAt: iso(createdAtMs), updatedAt: iso(updatedAtMs) }
  const has = (name: SecretName) => secrets[name] !== undefined
  const urlHost = URL.parse(secrets.url?.reveal() ?? '')?.host ?? ''
  switch (config.kind) {
    case 'webhook':
      return { ...shown, kind: 'webhook', urlHost, hasSecret: has('secret') }
    case 'slack':
    case 'discord':
      return { ...shown, kind: config.kind, urlHost }
    case 'email':
      return { ...shown, ...config, hasPassword: has('password') }
    default:
      return { ...shown, ...config, hasToken: has('token') }
  }
}

/** What a new channel is made of. */
export function channelParts(body: ChannelBody): { config: ChannelConfig; secrets: ChannelSecrets } {
  switch (body.kind) {
    case 'webhook':
      return { config: { kind: 'webhook' }, secrets: secretsOf({ url: body.url, secret: body.secret }) }
    case 'slack':
    case 'discord':
      return { config: { kind: body.kind }, secrets: secretsOf({ url: body.url }) }
    case 'ntfy': {
      const { kind, server, topic, token } = body
      return { config: { kind, server, topic }, secrets: secretsOf({ token }) }
    }
    case 'telegram': {
      const { kind, server, chatId, token } = body
      return { config: { kind, server, chatId }, secrets: secretsOf({ token }) }
    }
    case 'email': {
      const { kind, host, port, security, user, from, to, password } = body
      return { config: { kind, host, port, security, user, from, to }, secrets: secretsOf({ password }) }
    }
  }
}

/** Which fields a change may name, and which of them may be cleared. */
const own: Record<ChannelConfig['kind'], { config: string[]; secrets: SecretName[]; clearable: string[] }> = {
  webhook: { config: [], secrets: ['url', 'secret'], clearable: ['secret'] },
  slack: { config: [], secrets: ['url'], clearable: [] },
  discord: { config: [], secrets: ['url'], clearable: [] },
  ntfy: { config: ['server', 'topic'], secrets: ['token'], clearable: ['token'] },
  telegram: { config: ['server', 'chatId'], secrets: ['token'], clearable: [] },
  email: {
    config: ['host', 'port', 'security', 'user', 'from', 'to'],
    secrets: ['password'],
    clearable: ['user', 'password'],
  },
}
const common = ['name', 'isActive', 'allowPrivateAddress', 'showEmails']
/** Where a stored token or password is sent to: who changes that gives it anew, or it could be led away unseen. */
const leading = ['server', 'host', 'port', 'security']

/** The channel after a change. @throws AppError naming each field at fault */
export function changedChannel(before: Channel, change: ChannelChange, nowMs: number): Channel {
  const { kind } = before.config
  const mine = own[kind]
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const known = new Set([...common, ...mine.config, ...mine.secrets])
  const faults = given.flatMap(([path, value]) => {
    if (!known.has(path)) return [{ path, message: `A channel of the kind ${kind} has no such field.` }]
    return value === null && !mine.clearable.includes(path) ? [{ path, message: 'cannot be cleared.' }] : []
  })
  const named = (names: readonly string[]) => Object.fromEntries(given.filter(([name]) => names.includes(name)))
  const config = { ...before.config, ...named(mine.config) }
  for (const secret of ['token', 'password'] as const) {
    if (before.secrets[secret] === undefined || change[secret] !== undefined) continue
    const moved = leading.filter((name) => name in config && at(config, name) !== at(before.config, name))
    if (moved.length > 0) {
      faults.push({ path: secret, message: `Give it again: ${moved.join(', ')} would send it elsewhere.` })
    }
  }
  if (faults.length > 0) throw refused(faults)
  const kept = Object.entries(before.secrets).filter(
    ([name]) => !(name in change && change[name as SecretName] !== undefined),
  )
  const replaced = secretsOf(named(mine.secrets))
  return {
    ...before,
    ...named(common),
    // The fields were checked, one by one, to be those of the kind.
    config: config as ChannelConfig,
    secrets: { ...Object.fromEntries(kept), ...replaced },
    updatedAtMs: nowMs,
  }
}

function at(config: object, name: string): unknown {
  return (config as Record<string, unknown>)[name]
}

function secretsOf(texts: Partial<Record<SecretName, string | null>>): ChannelSecrets {
  const given = Object.entries(texts).flatMap(([name, text]) => (text == null ? [] : [[name, new Secret(text)]]))
  return Object.fromEntries(given)
}

function refused(fields: { path: string; message: string }[]): AppError {
  const [first] = fields
  return new AppError('invalid_request', { message: `${first?.path}: ${first?.message}`, fields })
}
