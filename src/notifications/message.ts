import type { About } from '../domain/notifications/about.ts'
import type { Notification } from '../domain/notifications/notification.ts'

/** What is sent. A test has no rule and is about nothing. */
export type Message = {
  id: string
  atMs: number
  event: Notification['event'] | 'test'
  rule: { id: string; name: string | null; kind: Notification['kind'] } | null
  title: string
  text: string
  about: readonly About[]
}

/** How sending ended. `status` is what the other side answered with, `error` says in words what went wrong. */
export type Sent = { ok: boolean; status: number | null; error: string | null; retryAfterMs: number }

export function messageOf({ ruleId, ruleName, kind, ...message }: Notification): Message {
  const { id, atMs, event, title, text, about } = message
  return { id, atMs, event, title, text, about, rule: { id: ruleId, name: ruleName, kind } }
}
