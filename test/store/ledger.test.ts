import { describe, expect, it } from 'vitest'
import { amountsOf } from '../../src/domain/limit-counts.ts'
import type { LimitCount, Place, Reservation } from '../../src/domain/reservation.ts'
import type { Store } from '../../src/store/store.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const declared = amountsOf({ input: 100, output: 50, costMicroUsd: 7 })
const tokensOfDay: Place = { limitId: 'lim_1', shape: 'day', kind: 'total_tokens', startMs: 0, untilMs: 1_000 }
const requestsOfDay: Place = { ...tokensOfDay, limitId: 'lim_2', kind: 'requests' }

function reservation(id: string, given: Partial<Reservation> = {}): Reservation {
  const places = [tokensOfDay, requestsOfDay]
  return { id, keyId: 'key_1', holder: 'life_1', atMs: 10, declared, places, ...given }
}
function count(given: Partial<LimitCount> = {}): LimitCount {
  return { limitId: 'lim_1', shape: 'day', startMs: 0, untilMs: 1_000, keyId: 'key_1', used: 0, ...given }
}
async function usedOf(store: Store, nowMs = 0): Promise<Record<string, number>> {
  const { counts } = await store.ledger.load(nowMs)
  return Object.fromEntries(counts.map(({ limitId, used }) => [limitId, used]))
}
const openIds = async (store: Store) => (await store.ledger.load(0)).open.map(({ id }) => id).sort()

onEveryEngine((context, engine) => {
  describe('the ledger', () => {
    it('keeps reservations as they were made, whoever writes them again', async () => {
      const { ledger } = context.store
      await ledger.reserve([reservation('req_1'), reservation('req_2', { holder: 'life_2' })])
      await ledger.reserve([reservation('req_1', { declared: amountsOf({ input: 9, output: 9, costMicroUsd: 9 }) })])
      const { open, counts } = await ledger.load(0)
      expect(open.toSorted((one, other) => (one.id < other.id ? -1 : 1))).toEqual([
        reservation('req_1'),
        reservation('req_2', { holder: 'life_2' }),
      ])
      expect(counts).toEqual([])
    })

    it('counts what was used once, and nothing of what was released', async () => {
      const { store } = context
      await store.ledger.reserve([reservation('req_1'), reservation('req_2'), reservation('req_3')])
      const used = amountsOf({ input: 10, output: 5, costMicroUsd: 1 })
      await store.ledger.settle([
        { id: 'req_1', used },
        { id: 'req_2', used: null },
        { id: 'req_3', used },
        { id: 'req_3', used },
        { id: 'req_unknown', used },
      ])
      await store.ledger.settle([{ id: 'req_1', used: declared }])
      await store.ledger.settle([])
      expect(await usedOf(store)).toEqual({ lim_1: 30, lim_2: 2 })
      expect(await openIds(store)).toEqual([])
    })

    it('counts on for a request that two say has ended, but once', async () => {
      const { store } = context
      const other = await context.database.open()
      await store.ledger.reserve([reservation('req_1')])
      await Promise.all([
        store.ledger.settle([{ id: 'req_1', used: declared }]),
        other.ledger.settle([{ id: 'req_1', used: declared }]),
      ])
      expect(await usedOf(store)).toEqual({ lim_1: 150, lim_2: 1 })
    })

    it('settles what a dead server has left: by the log, and as declared where that knows nothing', async () => {
      const { store } = context
      const ids = ['req_1', 'req_2', 'req_3', 'req_4', 'req_5']
      await store.ledger.reserve(ids.map((id) => reservation(id)))
      await store.requests.add([
        requestRecord('req_1', { usage: { input: 3, cached: 1, output: 4, reasoning: 0 } }),
        requestRecord('req_2', { status: 'error', httpStatus: 429, usage: null }),
        requestRecord('req_3', { status: 'cancelled', httpStatus: 200, usage: null, firstTokenMs: null }),
      ])
      await store.ledger.settle([{ id: 'req_5', used: null }])
      expect(await store.ledger.recover('life_2', 500)).toBe(4)
      expect(await store.ledger.recover('life_2', 500)).toBe(0)
      expect(await usedOf(store)).toEqual({ lim_1: 7 + 150 + 150, lim_2: 3 })
      expect(await openIds(store)).toEqual([])
    })

    it('leaves its own reservations alone, and on a shared database those of servers that are alive', async () => {
      const { store } = context
      await store.ledger.keepAlive('life_3', 100, 600)
      await store.ledger.reserve([
        reservation('req_mine'),
        reservation('req_dead', { holder: 'life_2' }),
        reservation('req_alive', { holder: 'life_3' }),
      ])
      const isShared = engine.name !== 'SQLite'
      expect(store.ledger.isShared).toBe(isShared)
      expect(await store.ledger.recover('life_1', 500)).toBe(isShared ? 1 : 2)
      expect(await openIds(store)).toEqual(isShared ? ['req_alive', 'req_mine'] : ['req_mine'])
      await store.ledger.keepAlive('life_1', 600, 1_000)
      await store.ledger.keepAlive('life_1', 600, 1_100)
      expect(await store.ledger.recover('life_1', 600)).toBe(isShared ? 1 : 0)
      await store.ledger.retire('life_1')
      expect(await store.ledger.recover('life_2', 700)).toBe(1)
      expect(await openIds(store)).toEqual([])
    })

    it('sums up what the log says of a key', async () => {
      const { store } = context
      const record = (id: string, given: object) => requestRecord(id, { keyId: 'key_1', atMs: 50, ...given })
      await store.requests.add([
        record('1', {}),
        record('2', { model: 'gpt-5.5', atMs: 99 }),
        record('3', { usage: null, costMicroUsd: null }),
        record('failed', { httpStatus: 502, status: 'error' }),
        record('nothing', { status: 'error', usage: null, firstTokenMs: null }),
        record('early', { atMs: 49 }),
        record('late', { atMs: 100 }),
        record('other', { keyId: 'key_2' }),
        record('none', { keyId: null }),
      ])
      const query = { limitId: 'lim_1', shape: 'day', keyId: 'key_1', model: null, sinceMs: 50, untilMs: 100 }
      expect(await store.ledger.logged(query)).toEqual({
        ...{ requests: 3, input_tokens: 200, output_tokens: 60, total_tokens: 260, cost_micro_usd: 2_468 },
      })
      expect((await store.ledger.logged({ ...query, model: 'gpt-5.5' })).requests).toBe(1)
      expect(await store.ledger.logged({ ...query, keyId: 'nobody' })).toEqual({
        ...{ requests: 0, input_tokens: 0, output_tokens: 0, total_tokens: 0, cost_micro_usd: 0 },
      })
    })

    it('counts nothing from the log that will be counted when its reservation is settled', async () => {
      const { store } = context
      await store.ledger.reserve([
        reservation('req_1'),
        reservation('req_2', { places: [requestsOfDay] }),
        reservation('req_3', { places: [{ ...tokensOfDay, shape: 'hour' }] }),
      ])
      const ids = ['req_1', 'req_2', 'req_3', 'req_4']
      await store.requests.add(ids.map((id) => requestRecord(id, { keyId: 'key_1', atMs: 50 })))
      const requests = async (limitId: string, shape: string) => {
        const query = { limitId, shape, keyId: 'key_1', model: null, sinceMs: 0, untilMs: 100 }
        return (await store.ledger.logged(query)).requests
      }
      expect(await requests('lim_1', 'day')).toBe(3)
      expect(await requests('lim_2', 'day')).toBe(2)
      expect(await requests('lim_3', 'day')).toBe(4)
    })

    it('begins to count a limit once, and anew when it counts something else', async () => {
      const { ledger } = context.store
      const first = count({ used: 5 })
      expect(await ledger.begin(first, [first], 100)).toEqual([first])
      expect(await ledger.begin(first, [count({ used: 9 })], 100)).toEqual([first])
      const hourly = count({ shape: 'hour', used: 2 })
      expect(await ledger.begin(hourly, [hourly], 100)).toEqual([hourly])
      expect((await ledger.load(100)).counts).toEqual([hourly])
      // What has left its window says nothing any more: the log knows what still counts.
      const next = count({ shape: 'hour', startMs: 1_000, untilMs: 2_000, used: 7 })
      expect(await ledger.begin(next, [next], 1_000)).toEqual([next])
    })

    it('forgets a key with all that is under way for it', async () => {
      const { store } = context
      await store.ledger.begin(count(), [count({ used: 5 })], 0)
      const other = count({ limitId: 'lim_9', keyId: 'key_2', used: 6 })
      await store.ledger.begin(other, [other], 0)
      await store.ledger.reserve([reservation('req_1')])
      await store.ledger.forget('key_1')
      await store.ledger.settle([{ id: 'req_1', used: declared }])
      expect(await usedOf(store)).toEqual({ lim_9: 6 })
    })

    it('deletes counts that have left their window, some at a time', async () => {
      const { store } = context
      const counts = [1, 2, 3].map((untilMs) => count({ startMs: -untilMs, untilMs, used: untilMs }))
      await store.ledger.begin(count(), counts, 0)
      expect((await store.ledger.load(1)).counts).toHaveLength(2)
      expect(await store.ledger.prune(2, 1)).toBe(1)
      expect(await store.ledger.prune(2, 5)).toBe(1)
      expect(await store.ledger.prune(2, 5)).toBe(0)
      expect(await usedOf(store)).toEqual({ lim_1: 3 })
    })
  })
})
