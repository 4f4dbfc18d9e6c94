import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/domain/notifications/channel.ts'
import { mostWaiting, type Notification } from '../../src/domain/notifications/notification.ts'
import type { Rule } from '../../src/domain/notifications/rule.ts'
import { Secret } from '../../src/lib/secrets.ts'
import { onEveryEngine } from './suite.ts'

const channel = (id: string, given: Partial<Channel> = {}): Channel => ({
  ...{ id, name: `Channel ${id}`, isActive: true, allowPrivateAddress: false, showEmails: true },
  config: { kind: 'webhook' },
  secrets: { url: new Secret(`https://example.com/${id}`), secret: new Secret('shh') },
  createdAtMs: 1,
  updatedAtMs: 2,
  ...given,
})
const rule = (id: string, channelIds: string[]): Rule => ({
  ...({ kind: 'pool_below', parameters: { window: 'weekly', percent: 15 } } as const),
  ...{ id, name: null, channelIds, isActive: true, minGapMinutes: 60, tellEnd: true, createdAtMs: 3, updatedAtMs: 4 },
  quietHours: { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' },
})
const message = (id: string, given: Partial<Notification> = {}): Notification => ({
  ...{ id, atMs: 10, ruleId: 'r', ruleName: null, kind: 'pool_below', event: 'begin' },
  ...{ channelId: 'c', channelName: 'Channel c', title: 'Low', text: 'Very.', status: 'waiting' },
  about: [{ kind: 'pool_below', window: 'weekly', percent: 15, leftPercent: 12.5, resetAtMs: null }],
  ...{ tries: 0, attempts: [], nextAtMs: 10 },
  ...given,
})
const states = { weekly: { isOn: true, sinceMs: 5, isTold: true, toldAtMs: 5 } }
const revealed = ({ secrets, ...rest }: Channel) => ({
  ...rest,
  secrets: Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, secret.reveal()])),
})
const attempt = (given: object = {}) => ({ atMs: 11, ok: false, status: 500, elapsedMs: 7, error: 'No.', ...given })

onEveryEngine((context) => {
  const db = () => context.store.notifications
  const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id).join(' ')
  /** Queues messages by way of a rule of their own. */
  const queue = async (...messages: Notification[]) => {
    if ((await db().rule('r')) === null) await db().addRule(rule('r', []), 9)
    const { version = 0 } = (await db().rule('r')) ?? {}
    expect(await db().settleRule('r', version, states, messages)).toBe(true)
  }

  describe('channels', () => {
    it('come back as they were made, with their secrets', async () => {
      const mail = channel('m', {
        config: { kind: 'email', host: 'h', port: 25, security: 'tls', user: 'u', from: 'a@b.c', to: ['d@e.f'] },
        secrets: {},
        createdAtMs: 0,
      })
      expect(await db().addChannel(channel('c'), 2)).toBe(true)
      expect(await db().addChannel(mail, 2)).toBe(true)
      expect((await db().channels()).map(revealed)).toEqual([revealed(mail), revealed(channel('c'))])
      expect(await db().channel('nobody')).toBeNull()
    })

    it('are not more than may be', async () => {
      expect(await db().addChannel(channel('a'), 1)).toBe(true)
      expect(await db().addChannel(channel('b'), 1)).toBe(false)
      expect(ids(await db().channels())).toBe('a')
    })

    it('change one after the other, and not at all when the change is refused', async () => {
      await db().addChannel(channel('c'), 9)
      const longer = (before: Channel) => ({ ...before, name: `${before.name}!` })
      await Promise.all([1, 2, 3].map(() => db().changeChannel('c', longer)))
      expect((await db().channel('c'))?.name).toBe('Channel c!!!')
      const refuse = () => {
        throw new Error('no')
      }
      await expect(db().changeChannel('c', refuse)).rejects.toThrow('no')
      expect(revealed((await db().channel('c')) ?? channel('x'))).toEqual(
        revealed(channel('c', { name: 'Channel c!!!' })),
      )
      expect(await db().changeChannel('nobody', longer)).toBeNull()
    })

    it('stay while a rule uses them, and take along what waits for them', async () => {
      await db().addChannel(channel('c'), 9)
      await db().addRule(rule('r', ['c']), 9)
      expect(await db().removeChannel('c', 20)).toEqual({ kind: 'in_use', rules: [{ id: 'r', name: null }] })
      await queue(message('1'), message('2', { channelId: 'other' }))
      await db().removeRule('r')
      expect(await db().removeChannel('c', 20)).toEqual({ kind: 'removed' })
      expect(await db().removeChannel('c', 20)).toEqual({ kind: 'unknown' })
      const [other, gone] = (await db().page({ limit: 9, cursor: null })).items
      expect(other).toMatchObject({ id: '2', status: 'waiting' })
      expect(gone).toMatchObject({ id: '1', status: 'failed', nextAtMs: null })
      expect(gone?.attempts.at(-1)).toMatchObject({ atMs: 20, error: 'The channel was removed.' })
    })
  })

  describe('rules', () => {
    it('come back as they were made, with nothing told yet', async () => {
      await db().addChannel(channel('c'), 9)
      expect(await db().addRule(rule('r', ['c']), 1)).toBe('added')
      expect(await db().rules()).toEqual([{ ...rule('r', ['c']), states: {}, version: 1 }])
      expect(await db().addRule(rule('s', ['c']), 1)).toBe('too_many')
    })

    it('name only channels that are there', async () => {
      expect(await db().addRule(rule('r', ['nobody']), 9)).toBe('channel_unknown')
      await db().addRule(rule('r', []), 9)
      const towards = (before: Rule) => ({ rule: { ...before, channelIds: ['nobody'] }, forgets: false })
      expect(await db().changeRule('r', towards)).toBe('channel_unknown')
      expect(await db().changeRule('nobody', towards)).toBe('unknown')
    })

    it('keep what they told when they change, unless they forget it', async () => {
      await queue()
      const named = (name: string, forgets: boolean) => (before: Rule) => ({ rule: { ...before, name }, forgets })
      expect(await db().changeRule('r', named('one', false))).toMatchObject({ name: 'one', states })
      expect(await db().changeRule('r', named('two', true))).toMatchObject({ name: 'two', states: {} })
      expect(await db().rule('r')).toMatchObject({ name: 'two', states: {} })
      expect(await db().removeRule('r')).toBe(true)
      expect(await db().removeRule('r')).toBe(false)
    })

    it('tell nothing that was decided for what they were before', async () => {
      await db().addRule(rule('r', []), 9)
      const before = await db().rule('r')
      await db().changeRule('r', (one) => ({ rule: { ...one, isActive: false }, forgets: true }))
      expect(await db().settleRule('r', before?.version ?? 0, states, [message('1')])).toBe(false)
      expect(await db().rule('r')).toMatchObject({ states: {}, isActive: false })
      expect((await db().page({ limit: 9, cursor: null })).items).toEqual([])
    })

    it('are settled by one of two that decide at once', async () => {
      await db().addRule(rule('r', []), 9)
      const settle = (id: string) => db().settleRule('r', 1, states, [message(id)])
      expect((await Promise.all([settle('1'), settle('2')])).toSorted()).toEqual([false, true])
      expect((await db().page({ limit: 9, cursor: null })).items).toHaveLength(1)
    })
  })

  describe('messages', () => {
    it('are due at their time, the earliest first, of each channel no more than asked for', async () => {
      await queue(message('1', { nextAtMs: 12 }), message('2', { nextAtMs: 11 }), message('3', { nextAtMs: 21 }))
      await queue(message('4', { channelId: 'd', nextAtMs: 20 }))
      expect(ids(await db().due(10, 9))).toBe('')
      expect(ids((await db().due(20, 9)).toSorted((a, b) => a.id.localeCompare(b.id)))).toBe('1 2 4')
      expect(ids((await db().due(20, 1)).filter(({ channelId }) => channelId === 'c'))).toBe('1')
      expect((await db().due(12, 9)).find(({ id }) => id === '1')).toEqual(message('1', { nextAtMs: 12 }))
    })

    it('wait for an earlier one of the same rule and channel', async () => {
      await queue(message('1', { atMs: 1, nextAtMs: 50 }), message('2', { atMs: 2, event: 'end', nextAtMs: 2 }))
      await queue(message('3', { atMs: 3, ruleId: 's', nextAtMs: 3 }), message('4', { atMs: 4, channelId: 'd' }))
      expect((await db().due(10, 9)).map(({ id }) => id).toSorted()).toEqual(['3', '4'])
      expect((await db().due(50, 9)).map(({ id }) => id).toSorted()).toEqual(['1', '2', '3', '4'])
      await db().endTry('1', { attempt: attempt(), status: 'failed', nextAtMs: null })
      expect((await db().due(10, 9)).map(({ id }) => id).toSorted()).toEqual(['2', '3', '4'])
    })

    it('are tried by one of two that begin at once, and again only at the next time', async () => {
      await queue(message('1'))
      const begun = await Promise.all([db().beginTry('1', 0, 40), db().beginTry('1', 0, 40)])
      expect(begun.toSorted()).toEqual([false, true])
      expect(await db().due(39, 9)).toEqual([])
      expect(await db().due(40, 9)).toMatchObject([{ id: '1', tries: 1 }])
    })

    it('remember every try, and are not due when they are over', async () => {
      await queue(message('1'))
      await db().endTry('1', { attempt: attempt(), status: 'waiting', nextAtMs: 50 })
      await db().endTry('1', {
        attempt: attempt({ ok: true, status: 200, error: null }),
        status: 'sent',
        nextAtMs: null,
      })
      expect(await db().due(99, 9)).toEqual([])
      const { items } = await db().page({ limit: 9, cursor: null })
      expect(items).toMatchObject([{ status: 'sent', attempts: [{ ok: false, error: 'No.' }, { ok: true }] }])
      await db().endTry('1', { attempt: attempt(), status: 'waiting', nextAtMs: 60 })
      expect(await db().due(99, 9)).toEqual([])
      await db().endTry('nobody', { attempt: attempt(), status: 'sent', nextAtMs: null })
    })

    it('do not fill the queue when their channel takes none', async () => {
      await queue(...Array.from({ length: mostWaiting + 1 }, (_, at) => message(String(1000 + at), { atMs: at })))
      await queue(message('other', { channelId: 'd' }))
      const { items } = await db().page({ limit: 9, cursor: null, filter: { status: 'failed' } })
      expect(items).toMatchObject([
        { id: String(1000 + mostWaiting), nextAtMs: null, attempts: [{ error: expect.stringContaining('Too many') }] },
      ])
      expect(ids(await db().due(99, 999)).split(' ')).toHaveLength(mostWaiting + 1)
    })

    it('are listed newest first, page by page, narrowed as asked', async () => {
      await queue(message('a', { atMs: 1 }), message('b', { atMs: 2 }), message('c', { atMs: 2, channelId: 'd' }))
      await queue(message('e', { atMs: 3, ruleId: 's', status: 'sent', nextAtMs: null }))
      const first = await db().page({ limit: 2, cursor: null })
      expect(ids(first.items)).toBe('e c')
      const second = await db().page({ limit: 2, cursor: first.nextCursor })
      expect([ids(second.items), second.nextCursor]).toEqual(['b a', null])
      const of = async (filter: object) => ids((await db().page({ limit: 9, cursor: null, filter })).items)
      expect(await of({ channelId: 'd' })).toBe('c')
      expect(await of({ ruleId: 's' })).toBe('e')
      expect(await of({ status: 'waiting' })).toBe('c b a')
    })

    it('go when they are old or too many, but never while they wait', async () => {
      const over = { status: 'sent', nextAtMs: null } as const
      await queue(message('1', { atMs: 1 }), ...[2, 3, 4, 5].map((atMs) => message(String(atMs), { atMs, ...over })))
      expect(await db().prune(3, 99, 9)).toBe(1)
      expect(await db().prune(0, 2, 1)).toBe(1)
      expect(ids((await db().page({ limit: 9, cursor: null })).items)).toBe('5 4 1')
      expect(await db().prune(99, 99, 9)).toBe(2)
      expect(ids((await db().page({ limit: 9, cursor: null })).items)).toBe('1')
    })
  })

  it('a lease has one holder until it is given back or over', async () => {
    const take = (holder: string, nowMs: number) => db().takeLease('work', holder, nowMs, nowMs + 10)
    expect((await Promise.all([take('a', 0), take('b', 0)])).toSorted()).toEqual([false, true])
    await db().dropLease('work', 'a')
    await db().dropLease('work', 'b')
    expect(await take('a', 0)).toBe(true)
    expect(await take('a', 5)).toBe(true)
    expect(await take('b', 15)).toBe(false)
    expect(await take('b', 16)).toBe(true)
    await db().dropLease('work', 'a')
    expect(await take('a', 17)).toBe(false)
  })
})
