import { createHmac } from 'node:crypto'
import type { ChannelSecrets } from '../domain/notifications/channel.ts'
import type { ChannelConfig } from '../domain/notifications/channel-config.ts'
import type { Secret } from '../lib/secrets.ts'
import type { Message } from './message.ts'

type HttpKind = Exclude<ChannelConfig['kind'], 'email'>
type Config<K extends HttpKind> = Extract<ChannelConfig, { kind: K }>
export type Post = { url: string; headers: Record<string, string>; body: string }
type ToPost<K extends HttpKind> = (message: Message, config: Config<K>, secrets: ChannelSecrets, nowMs: number) => Post

/** The HTTP call that brings a message to a channel. */
export function postOf(config: Config<HttpKind>, secrets: ChannelSecrets, message: Message, nowMs: number): Post {
  // The table has for each kind what takes its configuration; the compiler cannot follow that through the lookup.
  return (table[config.kind] as ToPost<HttpKind>)(message, config, secrets, nowMs)
}

const table: { [K in HttpKind]: ToPost<K> } = {
  webhook(message, _, { url, secret }, nowMs) {
    const body = JSON.stringify(webhookBody(message))
    const seconds = Math.floor(nowMs / 1000)
    const signed = secret === undefined ? {} : { 'x-codex-lb-signature': signatureOf(secret, seconds, body) }
    return { url: textOf(url), headers: { ...json, 'x-codex-lb-delivery': message.id, ...signed }, body }
  },
  ntfy({ title, text, event }, { server, topic }, { token }) {
    const tags = [event === 'end' ? 'white_check_mark' : event === 'test' ? 'bell' : 'warning']
    return {
      url: server,
      headers: { ...json, ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }) },
      body: JSON.stringify({ topic, title, message: text, tags }),
    }
  },
  slack: ({ title, text }, _, { url }) => ({
    url: textOf(url),
    headers: json,
    body: JSON.stringify({ text: `*${slackText(title)}*\n${slackText(text)}`, unfurl_links: false }),
  }),
  discord: ({ title, text }, _, { url }) => ({
    url: textOf(url),
    headers: json,
    body: JSON.stringify({
      content: `**${discordText(title)}**\n${discordText(text)}`.slice(0, 2_000),
      allowed_mentions: { parse: [] },
    }),
  }),
  telegram: ({ title, text }, { server, chatId }, { token }) => ({
    url: `${server.replace(/\/+$/, '')}/bot${textOf(token)}/sendMessage`,
    headers: json,
    body: JSON.stringify({
      chat_id: chatId,
      text: `${title}\n${text}`.slice(0, 4_000),
      link_preview_options: { is_disabled: true },
    }),
  }),
}

const json = { 'content-type': 'application/json' }

/** `t=<epoch seconds>,v1=<hex HMAC-SHA256 of "<epoch seconds>.<body>">`: who has the secret knows who sent it, and when. */
function signatureOf(secret: Secret, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret.reveal()).update(`${seconds}.${body}`).digest('hex')}`
}

function webhookBody({ id, atMs, event, rule, title, text, about }: Message): unknown {
  return {
    id,
    at: new Date(atMs).toISOString(),
    kind: rule?.kind ?? 'test',
    event,
    rule: rule && { id: rule.id, name: rule.name },
    ...{ title, text },
    about: about.map((one) => Object.fromEntries(Object.entries(one).map(inWireForm))),
  }
}

/** Times on the wire are ISO 8601. */
function inWireForm([name, value]: [string, unknown]): [string, unknown] {
  if (!name.endsWith('AtMs')) return [name, value]
  return [name.slice(0, -2), typeof value === 'number' ? new Date(value).toISOString() : null]
}

function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function discordText(text: string): string {
  return text.replace(/([*_`~|>\\[\]#-])/g, '\\$1')
}

function textOf(secret: Secret | undefined): string {
  return secret?.reveal() ?? ''
}
