import {
  ChannelBody,
  ChannelChange,
  ChannelList,
  ChannelParams,
  ChannelTest,
  ChannelView,
} from '../contract/notification-channels.ts'
import type { Channel } from '../domain/notifications/channel.ts'
import type { DeliveryAttempt } from '../domain/notifications/notification.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import { changedChannel, channelParts, channelView } from './notification-channel-views.ts'
import { route } from './route.ts'

export type NotificationChannelsDeps = {
  store: Pick<Store, 'notifications'>
  notifications: { test(channel: Channel): Promise<DeliveryAttempt> }
  clock: Clock
}

const mostChannels = 50

export function notificationChannelRoutes({ store, notifications, clock }: NotificationChannelsDeps) {
  const db = store.notifications
  const known = async (id: string) => {
    const channel = await db.channel(id)
    if (channel === null) throw new AppError('notification_channel_not_found')
    return channel
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/notification-channels',
        access: 'admin',
        summary: 'Where notifications can be sent to',
        answer: ChannelList,
      },
      async () => ({ items: (await db.channels()).map(channelView), nextCursor: null }),
    ),
    route(
      {
        method: 'POST',
        path: '/api/notification-channels',
        access: 'admin',
        audit: 'notification_channel.create',
        status: 201,
        summary: 'Add a channel; its secrets are never shown again',
        body: ChannelBody,
        answer: ChannelView,
      },
      async ({ body, audit }) => {
        const { name, isActive, allowPrivateAddress, showEmails } = body
        const nowMs = clock.now()
        const channel: Channel = {
          ...{ id: randomId('nch_'), name, isActive, allowPrivateAddress, showEmails, ...channelParts(body) },
          ...{ createdAtMs: nowMs, updatedAtMs: nowMs },
        }
        if (!(await db.addChannel(channel, mostChannels))) {
          throw new AppError('invalid_request', { message: `There are ${mostChannels} channels already.` })
        }
        const view = channelView(channel)
        audit({ target: { kind: 'notification_channel', id: channel.id }, after: view })
        return view
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/notification-channels/:id',
        access: 'admin',
        summary: 'One channel',
        params: ChannelParams,
        answer: ChannelView,
      },
      async ({ params: { id } }) => channelView(await known(id)),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/notification-channels/:id',
        access: 'admin',
        audit: 'notification_channel.change',
        summary: 'Change a channel; secrets that are not named stay',
        params: ChannelParams,
        body: ChannelChange,
        answer: ChannelView,
      },
      async ({ params: { id }, body, audit }) => {
        let before: Channel | null = null
        const changed = await db.changeChannel(id, (channel) => {
          before = channel
          return changedChannel(channel, body, clock.now())
        })
        if (changed === null || before === null) throw new AppError('notification_channel_not_found')
        const view = channelView(changed)
        const secrets = (['url', 'secret', 'token', 'password'] as const).filter((name) => body[name] !== undefined)
        audit({ before: channelView(before), after: { ...view, ...(secrets.length > 0 ? { replaced: secrets } : {}) } })
        return view
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/notification-channels/:id',
        access: 'admin',
        audit: 'notification_channel.delete',
        status: 204,
        summary: 'Remove a channel that no rule uses',
        params: ChannelParams,
        answer: undefined,
      },
      async ({ params: { id }, audit }) => {
        const channel = await known(id)
        const removal = await db.removeChannel(id, clock.now())
        if (removal.kind === 'unknown') throw new AppError('notification_channel_not_found')
        if (removal.kind === 'in_use') {
          const names = removal.rules.map((rule) => rule.name ?? rule.id).join(', ')
          throw new AppError('notification_channel_in_use', { message: `Rules send to this channel: ${names}.` })
        }
        audit({ before: channelView(channel) })
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/notification-channels/:id/test',
        access: 'admin',
        audit: 'notification_channel.test',
        summary: 'Send a test message now, and say what the other side answered',
        params: ChannelParams,
        answer: ChannelTest,
      },
      async ({ params: { id }, audit }) => {
        const { ok, status, elapsedMs, error } = await notifications.test(await known(id))
        audit({ after: { ok, status } })
        return { ok, status, elapsedMs, error }
      },
    ),
  ]
}
