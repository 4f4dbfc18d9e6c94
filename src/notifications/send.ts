import type { Channel, ChannelSecrets } from '../domain/notifications/channel.ts'
import type { Clock } from '../lib/clock.ts'
import type { Resolve } from '../lib/guarded-connect.ts'
import { type SafeAnswer, SafeFetchError, safeFetch } from '../lib/safe-fetch.ts'
import { postOf } from './http-channels.ts'
import { sendMail } from './mail.ts'
import type { Message, Sent } from './message.ts'

export type SendDeps = {
  clock: Clock
  version: string
  /** Replaced by tests. */
  resolve?: Resolve
}

export type Send = (channel: Channel, message: Message, signal: AbortSignal) => Promise<Sent>

const httpMs = 10_000
const mailMs = 20_000
const wordsBytes = 4_096

/** Brings one message to a channel and says what the other side did. Never throws, and ends in time. */
export function createSend({ clock, version, resolve }: SendDeps): Send {
  return async ({ config, secrets, allowPrivateAddress }, message, signal) => {
    const guard = { reach: allowPrivateAddress ? 'private_too' : 'public', ...(resolve ? { resolve } : {}) } as const
    if (config.kind === 'email') {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(mailMs)])
      return scrubbed(await sendMail(config, secrets.password, message, inTime, guard), secrets)
    }
    const { headers, ...post } = postOf(config, secrets, message, clock.now())
    try {
      const answer = await safeFetch({
        ...{ ...post, ...guard, method: 'POST', signal, timeoutMs: httpMs, maxBytes: wordsBytes, onTooLarge: 'cut' },
        headers: { 'user-agent': `codex-lb/${version}`, ...headers },
      })
      return scrubbed(sentOf(answer), secrets)
    } catch (error) {
      if (!(error instanceof SafeFetchError)) throw error
      return scrubbed({ ok: false, status: null, error: error.message, retryAfterMs: 0 }, secrets)
    }
  }
}

function sentOf({ status, headers, body }: SafeAnswer): Sent {
  if (status >= 200 && status < 300) return { ok: true, status, error: null, retryAfterMs: 0 }
  const seconds = Number(headers['retry-after'] ?? 0)
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0
  if (status >= 300 && status < 400) {
    return { ok: false, status, error: 'It answered with a redirect, and those are not followed.', retryAfterMs }
  }
  const said = wordsIn(body.toString('utf8'))
  return { ok: false, status, error: `It answered ${status}${said === '' ? '.' : `: ${said}`}`, retryAfterMs }
}

/** What an error answer says, on one line; nothing for a page. */
function wordsIn(text: string): string {
  return oneLine(text.trimStart().startsWith('<') ? '' : (fieldIn(text) ?? text))
}

/** The text in which the services that are known here explain themselves. */
function fieldIn(text: string): string | null {
  try {
    const { description, message, error } = JSON.parse(text) as Record<string, unknown>
    return [description, message, error].find((field) => typeof field === 'string') ?? null
  } catch {
    return null // Not JSON, or cut: then the text itself is what it says.
  }
}

function oneLine(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)
}

/** Whatever the other side says is shown and kept: without our own secrets, should it repeat them. */
function scrubbed(sent: Sent, secrets: ChannelSecrets): Sent {
  if (sent.error === null) return sent
  const error = Object.values(secrets)
    .map((secret) => secret.reveal())
    .filter((text) => text.length > 0)
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, secret) => text.replaceAll(secret, '[secret]'), sent.error)
  return { ...sent, error: oneLine(error).slice(0, 300) }
}
