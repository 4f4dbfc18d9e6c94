import { describe, expect, it } from 'vitest'
import { createAffinity } from '../../src/accounts/affinity.ts'
import type { AffinityKey } from '../../src/domain/affinity.ts'
import { minuteMs } from '../../src/domain/quota.ts'
import type { AffinityFilter, Store } from '../../src/store/store.ts'
import { nowMs } from '../support/accounts.ts'
import { affinityRow } from '../support/affinities.ts'
import { createManualClock } from '../support/clock.ts'
import { onEveryEngine } from './suite.ts'

async function keysOf({ affinity }: Store): Promise<string[]> {
  return (await affinity.load(0)).affinities.map(({ key }) => key).toSorted()
}

onEveryEngine((context) => {
  describe('affinities and owners', () => {
    it('are loaded until they expire, and the newest word counts', async () => {
      const { affinity } = context.store
      const owner = { kind: 'response', id: 'resp_1' } as const
      const newest = affinityRow('thread', {
        ...{ kind: 'cache', accountId: 'acc_2', warmTokens: 5, usedAtMs: 11, expiresAtMs: 101 },
      })
      await affinity.save({ affinities: [], owners: [] })
      await affinity.save({
        affinities: [affinityRow('old', { expiresAtMs: 50 }), affinityRow('thread'), newest],
        owners: [
          { ...owner, accountId: 'acc_1', keyId: null, expiresAtMs: 100 },
          { ...owner, kind: 'file', accountId: 'acc_2', keyId: null, expiresAtMs: 50 },
        ],
      })
      await affinity.save({
        affinities: [],
        owners: [{ ...owner, accountId: 'acc_3', keyId: 'key_1', expiresAtMs: 200 }],
      })
      expect(await affinity.load(50)).toEqual({
        affinities: [newest],
        owners: [{ ...owner, accountId: 'acc_3', keyId: 'key_1', expiresAtMs: 200 }],
      })
      expect(await affinity.owner(owner, 199)).toEqual({ accountId: 'acc_3', keyId: 'key_1' })
      expect(await affinity.owner(owner, 200)).toBeNull()
      expect(await affinity.owner({ ...owner, kind: 'turn_state' }, 0)).toBeNull()
    })

    it('come with the longest-lived last', async () => {
      const { affinity } = context.store
      const ends = [30, 10, 50, 20, 40]
      await affinity.save({
        affinities: ends.map((expiresAtMs) => affinityRow(`k${expiresAtMs}`, { expiresAtMs })),
        owners: ends.map((expiresAtMs) => ({
          kind: 'file',
          id: `f${expiresAtMs}`,
          accountId: 'acc_1',
          keyId: null,
          expiresAtMs,
        })),
      })
      const { affinities, owners } = await affinity.load(0)
      expect(affinities.map(({ key }) => key)).toEqual(['k10', 'k20', 'k30', 'k40', 'k50'])
      expect(owners.map(({ id }) => id)).toEqual(['f10', 'f20', 'f30', 'f40', 'f50'])
    })

    it('are all pruned once they have expired, however many', async () => {
      const { affinity } = context.store
      const end = (i: number) => (i < 2_200 ? 50 : 100)
      await affinity.save({
        affinities: Array.from({ length: 2_300 }, (_, i) => affinityRow(`k${i}`, { expiresAtMs: end(i) })),
        owners: Array.from({ length: 10 }, (_, i) => ({
          ...{ kind: 'file', id: `f${i}`, accountId: 'acc_1', keyId: null, expiresAtMs: end(i) },
        })),
      })
      expect(await affinity.prune(50)).toBe(2_210)
      expect(await affinity.prune(50)).toBe(0)
      const left = await affinity.load(0)
      expect([left.affinities.length, left.owners.length]).toEqual([100, 0])
    })
  })

  describe('a page of affinities', () => {
    const page = (filter: AffinityFilter, given: { limit?: number; cursor?: string | null; nowMs?: number } = {}) =>
      context.store.affinity.page({ limit: 50, cursor: null, nowMs: 0, filter, ...given })
    const keys = async (filter: AffinityFilter, nowMs = 0) =>
      (await page(filter, { nowMs })).items.map(({ key }) => key)

    it('begins with the latest used and leads to the next without a gap, also through uses of one millisecond', async () => {
      const names = Array.from({ length: 50 }, (_, i) => `k${String(i).padStart(3, '0')}`)
      const rows = names.map((key, i) => affinityRow(key, { usedAtMs: Math.floor(i / 10) }))
      await context.store.affinity.save({ affinities: rows, owners: [] })
      const seen: unknown[] = []
      let cursor: string | null = null
      do {
        const next: Awaited<ReturnType<typeof page>> = await page({}, { limit: 7, cursor })
        seen.push(...next.items)
        cursor = next.nextCursor
      } while (cursor !== null)
      expect(seen).toEqual(rows.toReversed())
    })

    it('has what fits the filter and has not expired', async () => {
      await context.store.affinity.save({
        affinities: [
          affinityRow('k1', { expiresAtMs: 60 }),
          affinityRow('k2', { kind: 'session' }),
          affinityRow('k3', { accountId: 'acc_2' }),
          affinityRow('k4', { accountId: 'acc_2', kind: 'session' }),
        ],
        owners: [],
      })
      expect(await keys({})).toEqual(['k4', 'k3', 'k2', 'k1'])
      expect(await keys({}, 60)).toEqual(['k4', 'k3', 'k2'])
      expect(await keys({ accountId: 'acc_2' })).toEqual(['k4', 'k3'])
      expect(await keys({ kind: 'session' })).toEqual(['k4', 'k2'])
      expect(await keys({ accountId: 'acc_2', kind: 'session' })).toEqual(['k4'])
      expect(await keys({ accountId: 'acc_\0nobody' })).toEqual([])
    })

    it('is the last one when no more rows are there', async () => {
      expect(await page({})).toEqual({ items: [], nextCursor: null })
      await context.store.affinity.save({ affinities: [affinityRow('k1'), affinityRow('k2')], owners: [] })
      expect((await page({}, { limit: 2 })).nextCursor).toBeNull()
      expect((await page({}, { limit: 1 })).nextCursor).not.toBeNull()
    })

    it('is refused for a cursor that the store did not make', async () => {
      for (const cursor of [
        '',
        'x',
        Buffer.from('[1]').toString('base64url'),
        Buffer.from('[1,"\\u0000"]').toString('base64url'),
      ])
        await expect(page({}, { cursor })).rejects.toMatchObject({ code: 'invalid_request' })
    })
  })

  describe('a purge of affinities', () => {
    it('takes those named, however many, and says which were there', async () => {
      const { store } = context
      const names = Array.from({ length: 2_300 }, (_, i) => `k${i}`)
      await store.affinity.save({ affinities: names.map((name) => affinityRow(name)), owners: [] })
      expect(await store.affinity.purge({ keys: [] })).toEqual([])
      expect(await store.affinity.purge({ keys: ['nobody', 'k\0', "k1' or 1=1 --"] })).toEqual([])
      expect((await store.affinity.purge({ keys: [...names.slice(1), 'nobody'] })).toSorted()).toEqual(
        names.slice(1).toSorted(),
      )
      expect(await keysOf(store)).toEqual(['k0'])
    })

    it('takes all that fit a filter, and leaves the owners alone', async () => {
      const { store } = context
      const names = Array.from({ length: 1_100 }, (_, i) => `k${i}`)
      await store.affinity.save({
        affinities: [
          ...names.map((name) => affinityRow(name)),
          affinityRow('s1', { kind: 'session' }),
          affinityRow('s2', { kind: 'session', accountId: 'acc_2' }),
          affinityRow('t2', { accountId: 'acc_2' }),
        ],
        owners: [{ kind: 'file', id: 'f', accountId: 'acc_1', keyId: null, expiresAtMs: 100 }],
      })
      expect(await store.affinity.purge({ filter: { accountId: 'acc_2', kind: 'session' } })).toEqual(['s2'])
      expect(await store.affinity.purge({ filter: { kind: 'session' } })).toEqual(['s1'])
      expect(await store.affinity.purge({ filter: { accountId: 'acc_1' } })).toHaveLength(1_100)
      expect(await keysOf(store)).toEqual(['t2'])
      expect(await store.affinity.purge({ filter: {} })).toEqual(['t2'])
      expect((await store.affinity.load(0)).owners).toHaveLength(1)
    })
  })

  describe('two processes on one database', () => {
    const key = (id: string): AffinityKey[] => [{ kind: 'thread', id }]

    async function twoProcesses() {
      const clock = createManualClock(nowMs)
      const onError = (error: unknown) => {
        throw error
      }
      const start = async () => {
        const store = await context.database.open()
        const affinity = createAffinity({ store, clock, ttlMs: () => 30 * minuteMs, onError })
        await affinity.load()
        return { store, affinity }
      }
      return { start, clock, one: await start(), other: await start() }
    }

    it('hear of each other when they start', async () => {
      const { start, one, other } = await twoProcesses()
      one.affinity.bind(key('T1'), 'a')
      one.affinity.warmed(key('T1'), 'a', 50_000)
      other.affinity.bind(key('T2'), 'b')
      other.affinity.own({ kind: 'conversation', id: 'conv_1' }, 'b')
      await Promise.all([one.affinity.flush(), other.affinity.flush()])
      const third = await start()
      expect(third.affinity.home(key('T1'))).toMatchObject({ accountId: 'a', warmTokens: 50_000 })
      expect(third.affinity.home(key('T2'))).toMatchObject({ accountId: 'b', warmTokens: 0 })
      expect(third.affinity.ownerInMemory({ kind: 'conversation', id: 'conv_1' })).toBe('b')
      expect(await one.affinity.owner({ kind: 'conversation', id: 'conv_1' })).toBe('b')
    })

    it('write many keys at the same time, and none is lost', async () => {
      const { one, other } = await twoProcesses()
      const ids = Array.from({ length: 300 }, (_, i) => `T${i}`)
      for (const id of ids) one.affinity.bind(key(id), 'a')
      for (const id of ids.toReversed()) other.affinity.bind(key(id), 'b')
      await Promise.all([one.affinity.flush(), other.affinity.flush()])
      expect(await keysOf(one.store)).toHaveLength(300)
    })

    it('move and purge what the other one has stored', async () => {
      const { start, one, other } = await twoProcesses()
      for (const id of ['T1', 'T2', 'T3']) one.affinity.bind(key(id), 'a')
      one.affinity.bind(key('T4'), 'b')
      await one.affinity.flush()
      const digest = (id: string) => one.affinity.digestOf(key(id)) ?? ''
      expect(await other.affinity.move({ keys: [digest('T1'), 'nobody'] }, 'b')).toBe(1)
      expect(other.affinity.home(key('T1'))).toMatchObject({ accountId: 'b', warmTokens: 0 })
      expect(await other.affinity.move({ fromAccountId: 'a' }, 'c')).toBe(2)
      expect(await other.affinity.purge({ keys: [digest('T2')] })).toBe(1)
      expect(await other.affinity.purge({ filter: { accountId: 'b' } })).toBe(2)
      const { affinities } = await other.store.affinity.load(0)
      expect(affinities).toMatchObject([{ key: digest('T3'), accountId: 'c' }])
      const third = await start()
      expect(third.affinity.home(key('T3'))?.accountId).toBe('c')
      expect(third.affinity.home(key('T1'))).toBeNull()
    })
  })
})
