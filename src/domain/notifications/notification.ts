import type { About } from './about.ts'
import type { RuleKind } from './rule.ts'

/** One try to deliver. `status` is the other side's, where it gave one. */
export type DeliveryAttempt = {
  atMs: number
  ok: boolean
  status: number | null
  elapsedMs: number
  /** In words; null when it went well. */
  error: string | null
}

export const notificationStatuses = ['waiting', 'sent', 'failed'] as const
export type NotificationStatus = (typeof notificationStatuses)[number]

/** One message to one channel: in the queue, and later in the history. Rule and channel as they were called then. */
export type Notification = {
  /** Sorts by time. */
  id: string
  atMs: number
  ruleId: string
  ruleName: string | null
  kind: RuleKind
  event: 'begin' | 'end'
  channelId: string
  channelName: string
  title: string
  text: string
  about: About[]
  status: NotificationStatus
  /** How often it was begun to be sent. */
  tries: number
  /** How those ended that did. */
  attempts: DeliveryAttempt[]
  /** When it is tried next; null when it is not any more. */
  nextAtMs: number | null
}

export type NotificationFilter = {
  ruleId?: string | undefined
  channelId?: string | undefined
  status?: NotificationStatus | undefined
}

/** A dead channel must not fill the queue. */
export const mostWaiting = 100

const second = 1_000
const backoffMs = [30 * second, 120 * second, 600 * second, 1_800 * second, 3_600 * second, 7_200 * second]
/** With the first one. */
export const mostTries = backoffMs.length + 1
/** What is older is news no more. */
const oldestMs = 6 * 3_600 * second

/** When a message is tried again that was begun to be sent so often; null: never. `atMs` is when it was made. */
export function nextTryAt(tries: number, atMs: number, nowMs: number, retryAfterMs = 0): number | null {
  const backoff = backoffMs[tries - 1]
  if (backoff === undefined) return null
  const next = nowMs + Math.max(backoff, Math.min(retryAfterMs, 3_600 * second))
  return next - atMs > oldestMs ? null : next
}

export function isTooOld({ atMs }: Pick<Notification, 'atMs'>, nowMs: number): boolean {
  return nowMs - atMs > oldestMs
}
