import { NotificationList, NotificationQuery, type NotificationView } from '../contract/notifications.ts'
import type { Notification } from '../domain/notifications/notification.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { type NotificationChannelsDeps, notificationChannelRoutes } from './notification-channels.ts'
import { type NotificationRulesDeps, notificationRuleRoutes } from './notification-rules.ts'
import { route } from './route.ts'

/** Channels, rules, and what was sent. */
export function notificationRoutes(deps: NotificationChannelsDeps & NotificationRulesDeps) {
  return [...notificationChannelRoutes(deps), ...notificationRuleRoutes(deps), history(deps)]
}

function history({ store }: { store: Pick<Store, 'notifications'> }) {
  return route(
    {
      method: 'GET',
      path: '/api/notifications',
      // Messages may name accounts by their addresses.
      access: 'admin',
      summary: 'What was told, and how delivering it went, newest first',
      query: NotificationQuery,
      answer: NotificationList,
    },
    async ({ query: { limit, cursor = null, ...filter } }) => {
      const page = await store.notifications.page({ limit, cursor, filter })
      return { items: page.items.map(notificationView), nextCursor: page.nextCursor }
    },
  )
}

function notificationView(notification: Notification): NotificationView {
  const { id, atMs, kind, event, ruleId, ruleName, channelId, channelName, title, text, status } = notification
  const { attempts, nextAtMs } = notification
  return {
    ...{ id, at: iso(atMs), kind, event, title, text, status },
    rule: { id: ruleId, name: ruleName },
    channel: { id: channelId, name: channelName },
    attempts: attempts.map(({ atMs: tryAtMs, ...attempt }) => ({ at: iso(tryAtMs), ...attempt })),
    nextAttemptAt: nextAtMs === null ? null : iso(nextAtMs),
  }
}
