import type { Channel } from '../domain/notifications/channel.ts'
import { isTooOld, mostTries, type Notification, nextTryAt } from '../domain/notifications/notification.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { messageOf } from './message.ts'
import type { Send } from './send.ts'

export type DeliverDeps = {
  store: Pick<Store, 'notifications'>
  clock: Clock
  send: Send
  /** Ends what is being sent. */
  stopping: AbortSignal
  /** Nothing new is begun; the rest is kept for the next start. */
  isStopping: () => boolean
}

/** So many messages of one channel in one run: the others get their turn. */
const perChannel = 10
/** A try that this process never heard the end of is made again then. */
const lostTryMs = 2 * minuteMs
const lateMs = 10 * minuteMs

/** One run sends what is due: channels side by side, the messages of each in order, until one does not get through. */
export function createDeliver({ store, clock, send, stopping, isStopping }: DeliverDeps): () => Promise<void> {
  const db = store.notifications
  const giveUp = (id: string, error: string) =>
    db.endTry(id, {
      attempt: { atMs: clock.now(), ok: false, status: null, elapsedMs: 0, error },
      ...{ status: 'failed', nextAtMs: null },
    })

  /** False: the channel takes nothing now. */
  async function deliver(notification: Notification, channel: Channel): Promise<boolean> {
    const { id, atMs, tries } = notification
    const startedAtMs = clock.now()
    const nextAtMs = nextTryAt(tries + 1, atMs, startedAtMs)
    if (!(await db.beginTry(id, tries, nextAtMs ?? startedAtMs + lostTryMs))) return true
    const sent = await send(channel, messageOf(withDelay(notification, startedAtMs)), stopping)
    const endedAtMs = clock.now()
    const attempt = { atMs: startedAtMs, ok: sent.ok, status: sent.status, elapsedMs: endedAtMs - startedAtMs }
    if (sent.ok) {
      await db.endTry(id, { attempt: { ...attempt, error: null }, status: 'sent', nextAtMs: null })
      return true
    }
    if (stopping.aborted) {
      const error = 'This server was stopped before the answer came.'
      await db.endTry(id, { attempt: { ...attempt, error }, status: 'waiting', nextAtMs: endedAtMs })
      return false
    }
    const againAtMs = nextTryAt(tries + 1, atMs, endedAtMs, sent.retryAfterMs)
    const status = againAtMs === null ? 'failed' : 'waiting'
    await db.endTry(id, { attempt: { ...attempt, error: sent.error }, status, nextAtMs: againAtMs })
    return false
  }

  async function deliverAll(due: readonly Notification[], channel: Channel | undefined): Promise<void> {
    for (const notification of due) {
      if (isStopping()) return
      if (channel === undefined) await giveUp(notification.id, 'The channel was removed.')
      else if (!channel.isActive) await giveUp(notification.id, 'The channel is switched off.')
      else if (isTooOld(notification, clock.now())) await giveUp(notification.id, 'It is too old to be news.')
      else if (notification.tries >= mostTries) await giveUp(notification.id, 'How the last try ended is not known.')
      else if (!(await deliver(notification, channel))) return
    }
  }

  return async () => {
    const due = await db.due(clock.now(), perChannel)
    if (due.length === 0) return
    const channels = new Map((await db.channels()).map((channel) => [channel.id, channel]))
    const byChannel = Map.groupBy(due, ({ channelId }) => channelId)
    const runs = [...byChannel].map(([id, messages]) => deliverAll(messages, channels.get(id)))
    const failed = (await Promise.allSettled(runs)).find((run) => run.status === 'rejected')
    if (failed) throw failed.reason
  }
}

/** Whoever reads it late is told so. */
function withDelay(notification: Notification, nowMs: number): Notification {
  if (nowMs - notification.atMs < lateMs) return notification
  const at = new Date(notification.atMs).toISOString().slice(0, 16).replace('T', ' ')
  return { ...notification, text: `${notification.text}\nThis was at ${at} UTC; the message comes late.` }
}
