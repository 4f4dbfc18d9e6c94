import type { About } from '../../domain/notifications/about.ts'
import type { ChannelConfig } from '../../domain/notifications/channel-config.ts'
import type { SubjectStates } from '../../domain/notifications/decide.ts'
import type { DeliveryAttempt, Notification, NotificationStatus } from '../../domain/notifications/notification.ts'
import type { QuietHours } from '../../domain/notifications/quiet-hours.ts'
import type { RuleKind } from '../../domain/notifications/rule.ts'
import type { Dialect } from './dialect.ts'

/** Where messages go, when there are any, and those that there were. */
export function notificationTables(c: Dialect) {
  const notificationChannels = c.table('notification_channels', {
    id: c.text().primaryKey(),
    name: c.text().notNull(),
    config: c.json<ChannelConfig>().notNull(),
    /** All secrets of the channel as one JSON text, sealed. */
    secrets: c.text().notNull(),
    isActive: c.bool().notNull(),
    allowPrivateAddress: c.bool().notNull(),
    showEmails: c.bool().notNull(),
    createdAtMs: c.int().notNull(),
    updatedAtMs: c.int().notNull(),
  })
  const notificationRules = c.table('notification_rules', {
    id: c.text().primaryKey(),
    name: c.text(),
    kind: c.text<RuleKind>().notNull(),
    parameters: c.json<Record<string, unknown>>().notNull(),
    channelIds: c.json<string[]>().notNull(),
    isActive: c.bool().notNull(),
    quietHours: c.json<QuietHours>(),
    minGapMinutes: c.int().notNull(),
    tellEnd: c.bool().notNull(),
    createdAtMs: c.int().notNull(),
    updatedAtMs: c.int().notNull(),
    /** What was told so far. */
    states: c.json<SubjectStates>().notNull(),
    version: c.int().notNull(),
  })
  /** The queue and the history. Without references: what was sent stays when its rule or channel goes. */
  const notifications = c.table(
    'notifications',
    {
      id: c.text().primaryKey(),
      atMs: c.int().notNull(),
      ruleId: c.text().notNull(),
      ruleName: c.text(),
      kind: c.text<RuleKind>().notNull(),
      event: c.text<Notification['event']>().notNull(),
      channelId: c.text().notNull(),
      channelName: c.text().notNull(),
      title: c.text().notNull(),
      text: c.text().notNull(),
      about: c.json<About[]>().notNull(),
      status: c.text<NotificationStatus>().notNull(),
      tries: c.int().notNull(),
      attempts: c.json<DeliveryAttempt[]>().notNull(),
      nextAtMs: c.int(),
    },
    (t) => [c.index('notifications_at').on(t.atMs, t.id), c.index('notifications_next').on(t.channelId, t.nextAtMs)],
  )
  /** Work that only one of several processes does at a time. */
  const leases = c.table('leases', {
    name: c.text().primaryKey(),
    holder: c.text().notNull(),
    untilMs: c.int().notNull(),
  })
  return { notificationChannels, notificationRules, notifications, leases }
}
