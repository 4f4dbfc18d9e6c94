import { and, asc, count, desc, eq, isNotNull, isNull, lt, lte, type SQL, sql } from 'drizzle-orm'
import { mostWaiting, type Notification, type NotificationFilter } from '../domain/notifications/notification.ts'
import type { Vault } from '../lib/secrets.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { createChannelsAndRules } from './notification-channels.ts'
import type { NotificationStore } from './notification-store.ts'
import { removeOldest } from './remove-oldest.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

export function createNotifications(t: Tables, unit: Unit, vault: Vault): NotificationStore {
  const { notificationRules: r, notifications: n, leases } = t

  /** A channel that takes nothing must not fill the queue: what is too much is in the history, and not sent. */
  async function queue(tx: Db, message: Notification): Promise<void> {
    const [waiting] = await tx
      .select({ count: count() })
      .from(n)
      .where(and(eq(n.channelId, message.channelId), isNotNull(n.nextAtMs)))
    const isFull = (waiting?.count ?? 0) >= mostWaiting
    await tx.insert(n).values(isFull ? { ...message, ...givenUp(message) } : message)
  }

  /** Nothing that the same rule has told the channel before still waits for its time: an end comes after its beginning. */
  const isFirst = (nowMs: number) => sql`not exists (
    select 1 from notifications earlier where earlier.channel_id = ${n.channelId} and earlier.rule_id = ${n.ruleId}
    and earlier.next_at_ms > ${nowMs} and (earlier.at_ms, earlier.id) < (${n.atMs}, ${n.id}))`

  return {
    ...createChannelsAndRules(t, unit, vault),
    settleRule(id, version, states, messages) {
      const work = async (tx: Db) => {
        const kept = await tx
          .update(r)
          .set({ states, version: version + 1 })
          .where(and(eq(r.id, id), eq(r.version, version)))
          .returning({ id: r.id })
        if (kept.length === 0) return false
        for (const message of messages) await queue(tx, message)
        return true
      }
      // Told twice is as bad as not told: what was told is on the disk before anything is sent.
      return unit('notifications.settleRule', work, 'durable')
    },
    due(nowMs, perChannel) {
      return unit('notifications.due', async (tx) => {
        const channels = await tx.selectDistinct({ id: n.channelId }).from(n).where(lte(n.nextAtMs, nowMs))
        const due: Notification[] = []
        for (const { id } of channels) {
          const rows = await tx
            .select()
            .from(n)
            .where(and(eq(n.channelId, id), lte(n.nextAtMs, nowMs), isFirst(nowMs)))
            .orderBy(asc(n.atMs), asc(n.id))
            .limit(perChannel)
          due.push(...rows)
        }
        return due
      })
    },
    async beginTry(id, tries, nextAtMs) {
      const begun = await unit('notifications.beginTry', async (tx) =>
        tx
          .update(n)
          .set({ tries: tries + 1, nextAtMs })
          .where(and(eq(n.id, id), eq(n.tries, tries), eq(n.status, 'waiting')))
          .returning({ id: n.id }),
      )
      return begun.length === 1
    },
    async endTry(id, { attempt, status, nextAtMs }) {
      await unit('notifications.endTry', async (tx) => {
        const [row] = await tx.select({ attempts: n.attempts, status: n.status }).from(n).where(eq(n.id, id))
        if (row === undefined) return
        // Given up meanwhile: what became of the last try is told all the same.
        const isOver = row.status !== 'waiting' && status === 'waiting'
        await tx
          .update(n)
          .set({ attempts: [...row.attempts, attempt], ...(isOver ? {} : { status, nextAtMs }) })
          .where(eq(n.id, id))
      })
    },
    async page({ limit, cursor, filter = {} }) {
      const after = cursor === null ? null : readCursor(cursor)
      const beyond = after === null ? undefined : sql`(${n.atMs}, ${n.id}) < (${after.atMs}, ${after.name})`
      const rows = await unit('notifications.page', async (tx) =>
        tx
          .select()
          .from(n)
          .where(and(beyond, ...conditions(n, filter)))
          .orderBy(desc(n.atMs), desc(n.id))
          .limit(limit + 1),
      )
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last ? writeCursor({ atMs: last.atMs, name: last.id }) : null }
    },
    prune(beforeMs, most, limit) {
      return unit('notifications.prune', async (tx) => {
        const [oldestKept] = await tx
          .select({ atMs: n.atMs })
          .from(n)
          .orderBy(desc(n.atMs), desc(n.id))
          .offset(Math.max(0, most - 1))
          .limit(1)
        const untilMs = Math.max(beforeMs, oldestKept?.atMs ?? beforeMs)
        const which = and(lt(n.atMs, untilMs), isNull(n.nextAtMs))
        return removeOldest(tx, n, { key: [n.id], which, by: n.atMs, limit })
      })
    },
    async takeLease(name, holder, nowMs, untilMs) {
      const taken = await unit('leases.take', async (tx) =>
        tx
          .insert(leases)
          .values({ name, holder, untilMs })
          .onConflictDoUpdate({
            target: leases.name,
            set: { holder, untilMs },
            setWhere: sql`${leases.holder} = ${holder} or ${leases.untilMs} < ${nowMs}`,
          })
          .returning({ name: leases.name }),
      )
      return taken.length === 1
    },
    async dropLease(name, holder) {
      await unit('leases.drop', async (tx) => {
        await tx.delete(leases).where(and(eq(leases.name, name), eq(leases.holder, holder)))
      })
    },
  }
}

function givenUp({ atMs }: Notification): Partial<Notification> {
  const error = 'Too many messages wait for this channel already.'
  return { status: 'failed', nextAtMs: null, attempts: [{ atMs, ok: false, status: null, elapsedMs: 0, error }] }
}

function conditions(
  n: Tables['notifications'],
  { ruleId, channelId, status }: NotificationFilter,
): (SQL | undefined)[] {
  return [
    ruleId === undefined ? undefined : eq(n.ruleId, ruleId),
    channelId === undefined ? undefined : eq(n.channelId, channelId),
    status === undefined ? undefined : eq(n.status, status),
  ]
}
