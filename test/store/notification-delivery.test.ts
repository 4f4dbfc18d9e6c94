import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LiveEvent } from '../../src/domain/live.ts'
import { mostTries, type Notification } from '../../src/domain/notifications/notification.ts'
import { hourMs, minuteMs } from '../../src/domain/quota.ts'
import { createBus } from '../../src/lib/bus.ts'
import { Secret } from '../../src/lib/secrets.ts'
import { createNotifications, type Notifications } from '../../src/notifications/notifications.ts'
import { anAccount, aWindow } from '../support/accounts.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { onEveryEngine } from './suite.ts'

onEveryEngine((context) => {
  let receiver: Receiver
  let clock: ManualClock
  beforeEach(async () => {
    receiver = await startReceiver()
    clock = createManualClock()
    await context.store.notifications.addChannel(
      {
        ...{ id: 'c', name: 'C', isActive: true, allowPrivateAddress: true, showEmails: false },
        ...{ config: { kind: 'webhook' }, secrets: { url: new Secret(receiver.url) }, createdAtMs: 0, updatedAtMs: 0 },
      },
      9,
    )
    await context.store.notifications.addRule(
      {
        ...{
          id: 'r',
          name: null,
          channelIds: ['c'],
          isActive: true,
          quietHours: null,
          minGapMinutes: 60,
          tellEnd: true,
        },
        ...({ kind: 'pool_below', parameters: { window: 'weekly', percent: 50 } } as const),
        ...{ createdAtMs: 0, updatedAtMs: 0 },
      },
      9,
    )
  })
  afterEach(() => receiver.close())

  /** A server on this database, whose one account has used so much. */
  const server = (usedPercent = 90): Notifications =>
    createNotifications({
      ...{ store: context.store, bus: createBus<LiveEvent>(), clock, version: '1.0.0' },
      pool: { accounts: () => [anAccount('a', { windows: [aWindow('weekly', usedPercent)] })] },
    })
  const all = async (): Promise<Notification[]> =>
    (await context.store.notifications.page({ limit: 99, cursor: null })).items

  describe('delivery', () => {
    it('goes on after a crash in the middle of it, under the same id', async () => {
      const first = server()
      await first.watch()
      const [queued] = await all()
      // The try is counted, and then nothing more was heard of the process.
      expect(await context.store.notifications.beginTry(queued?.id ?? '', 0, clock.now() + 30_000)).toBe(true)
      clock.advance(2 * minuteMs)
      const second = server()
      await second.watch()
      await second.deliver()
      expect(await all()).toMatchObject([{ id: queued?.id, status: 'sent', tries: 2, attempts: [{ ok: true }] }])
      expect(receiver.received.map(({ headers }) => headers['x-codex-lb-delivery'])).toEqual([queued?.id])
    })

    it('ends also when each try has ended in a crash', async () => {
      await server().watch()
      const [queued] = await all()
      for (let tries = 0; tries < mostTries; tries++) {
        await context.store.notifications.beginTry(queued?.id ?? '', tries, clock.now() + 1)
      }
      clock.advance(2 * minuteMs)
      await server().deliver()
      expect(await all()).toMatchObject([
        { status: 'failed', nextAtMs: null, attempts: [{ error: 'How the last try ended is not known.' }] },
      ])
      expect(receiver.received).toEqual([])
    })

    it('leaves alone what is too old to be news, and says of late messages that they are late', async () => {
      const first = server()
      await first.watch()
      await first.close()
      clock.advance(hourMs)
      const second = server()
      await second.deliver()
      expect(JSON.parse(receiver.received[0]?.body ?? '').text).toMatch(
        /\nThis was at 2026-01-01 00:00 UTC; the message comes late\.$/,
      )
      await context.store.notifications.changeRule('r', (rule) => ({ rule, forgets: true }))
      await second.watch()
      await second.close()
      clock.advance(7 * hourMs)
      await server().deliver()
      expect((await all())[0]).toMatchObject({ status: 'failed', attempts: [{ error: 'It is too old to be news.' }] })
      expect(receiver.received).toHaveLength(1)
    })
  })

  describe('of several servers on one database', () => {
    it('one tells', async () => {
      const [first, second] = [server(), server()]
      await Promise.all([first.watch(), second.watch()])
      await Promise.all([first.deliver(), second.deliver()])
      expect(receiver.received).toHaveLength(1)
    })

    it('another one goes on when the first has stopped, at once, or has crashed, after a while', async () => {
      const [first, second, third] = [server(), server(), server(10)]
      await first.watch()
      await second.deliver()
      expect(receiver.received).toHaveLength(0)
      first.stop()
      await first.close()
      await second.deliver()
      expect(receiver.received).toHaveLength(1)
      await third.watch()
      expect(await all()).toHaveLength(1)
      clock.advance(61_000)
      await third.watch()
      expect((await all()).map(({ event }) => event)).toEqual(['end', 'begin'])
    })

    it('one that stops begins nothing more', async () => {
      const one = server()
      one.stop()
      await one.watch()
      expect(await all()).toEqual([])
    })
  })
})
