import { and, asc, count, eq, inArray, sql } from 'drizzle-orm'
import type { Rule } from '../domain/notifications/rule.ts'
import type { Vault } from '../lib/secrets.ts'
import { channelOf, channelRow, ruleOf } from './notification-rows.ts'
import type { NotificationStore } from './notification-store.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

type Methods =
  | ('channels' | 'channel' | 'addChannel' | 'changeChannel' | 'removeChannel')
  | ('rules' | 'rule' | 'addRule' | 'changeRule' | 'removeRule')

/** What persons make: channels and rules. */
export function createChannelsAndRules(t: Tables, unit: Unit, vault: Vault): Pick<NotificationStore, Methods> {
  const { notificationChannels: c, notificationRules: r, notifications: n, counters } = t

  /** On PostgreSQL the row's lock makes changes take turns, so what is read afterwards holds. */
  async function takeTurns(tx: Db): Promise<void> {
    await tx
      .insert(counters)
      .values({ name: 'notifications', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  }
  const allChannels = async (tx: Db) => tx.select().from(c).orderBy(asc(c.createdAtMs), asc(c.id))
  const allRules = async (tx: Db) =>
    (await tx.select().from(r).orderBy(asc(r.createdAtMs), asc(r.id))).map((row) => ruleOf(row))
  const oneChannel = async (tx: Db, id: string) => (await tx.select().from(c).where(eq(c.id, id)))[0] ?? null
  const oneRule = async (tx: Db, id: string) => {
    const [row] = await tx.select().from(r).where(eq(r.id, id))
    return row === undefined ? null : ruleOf(row)
  }
  const areThere = async (tx: Db, { channelIds }: Rule) => {
    const wanted = [...new Set(channelIds)]
    if (wanted.length === 0) return true
    return (await tx.select({ id: c.id }).from(c).where(inArray(c.id, wanted))).length === wanted.length
  }

  return {
    async channels() {
      return (await unit('notifications.channels', allChannels)).map((row) => channelOf(row, vault))
    },
    async channel(id) {
      const row = await unit('notifications.channel', (tx) => oneChannel(tx, id))
      return row && channelOf(row, vault)
    },
    addChannel(channel, most) {
      return unit('notifications.addChannel', async (tx) => {
        await takeTurns(tx)
        const [found] = await tx.select({ count: count() }).from(c)
        if ((found?.count ?? 0) >= most) return false
        await tx.insert(c).values(channelRow(channel, vault))
        return true
      })
    },
    changeChannel(id, change) {
      return unit('notifications.changeChannel', async (tx) => {
        await takeTurns(tx)
        const row = await oneChannel(tx, id)
        if (row === null) return null
        const changed = change(channelOf(row, vault))
        await tx.update(c).set(channelRow(changed, vault)).where(eq(c.id, id))
        return changed
      })
    },
    removeChannel(id, nowMs) {
      return unit('notifications.removeChannel', async (tx) => {
        await takeTurns(tx)
        const users = (await allRules(tx)).filter(({ channelIds }) => channelIds.includes(id))
        if (users.length > 0) return { kind: 'in_use', rules: users.map((rule) => ({ id: rule.id, name: rule.name })) }
        const removed = await tx.delete(c).where(eq(c.id, id)).returning({ id: c.id })
        const waiting = await tx
          .select({ id: n.id, attempts: n.attempts })
          .from(n)
          .where(and(eq(n.channelId, id), eq(n.status, 'waiting')))
        for (const { id: messageId, attempts } of waiting) {
          const last = { atMs: nowMs, ok: false, status: null, elapsedMs: 0, error: 'The channel was removed.' }
          await tx
            .update(n)
            .set({ status: 'failed', nextAtMs: null, attempts: [...attempts, last] })
            .where(eq(n.id, messageId))
        }
        return { kind: removed.length === 1 ? 'removed' : 'unknown' }
      })
    },
    rules: () => unit('notifications.rules', allRules),
    rule: (id) => unit('notifications.rule', (tx) => oneRule(tx, id)),
    addRule(rule, most) {
      return unit('notifications.addRule', async (tx) => {
        await takeTurns(tx)
        const [found] = await tx.select({ count: count() }).from(r)
        if ((found?.count ?? 0) >= most) return 'too_many'
        if (!(await areThere(tx, rule))) return 'channel_unknown'
        await tx.insert(r).values({ ...rule, states: {}, version: 1 })
        return 'added'
      })
    },
    changeRule(id, change) {
      return unit('notifications.changeRule', async (tx) => {
        await takeTurns(tx)
        const [before] = await tx
          .update(r)
          .set({ version: sql`${r.version} + 1` })
          .where(eq(r.id, id))
          .returning()
        if (before === undefined) return 'unknown'
        const { states: told, version, ...stored } = ruleOf(before)
        const { rule, forgets } = change(stored)
        if (!(await areThere(tx, rule))) return 'channel_unknown'
        const states = forgets ? {} : told
        await tx
          .update(r)
          .set({ ...rule, states })
          .where(eq(r.id, id))
        return { ...rule, states, version }
      })
    },
    async removeRule(id) {
      const removed = await unit('notifications.removeRule', async (tx) => {
        await takeTurns(tx)
        return tx.delete(r).where(eq(r.id, id)).returning({ id: r.id })
      })
      return removed.length === 1
    },
  }
}
