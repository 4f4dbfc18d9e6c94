import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { figures } from '../../src/domain/request-sums.ts'
import { addUp } from '../../src/reports/add-up.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { recordsOf, someRequests, summedPlainly } from '../support/requests.ts'
import { requestRecord, scratchFolder, vault } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const hour = 3_600_000
const day = 24 * hour
const startMs = Date.UTC(2026, 2, 28)
const all = { beforeMs: Number.MAX_SAFE_INTEGER, minRows: 1 }

const foldAll = async (store: Store) => {
  while (await store.requestSums.fold(all));
}
const sumsOf = (store: Store) => createTraffic(store).sums({ sinceMs: 0, untilMs: startMs + 90 * day, bucketMs: day })

onEveryEngine((context) => {
  describe('sums of requests', () => {
    it('equal the log, whatever was folded, in which batches it came, and where their time begins and ends', async () => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(
          someRequests(startMs, 3 * day),
          fc.array(fc.constantFrom('fold', 'fold all', 'again', 'nothing'), { minLength: 1, maxLength: 4 }),
          fc.nat(3 * day),
          fc.nat(2 * day),
          fc.constantFrom(hour, 6 * hour, day),
          fc.constantFrom(undefined, null, 'key_1'),
          async (requests, steps, from, length, bucketMs, keyId) => {
            // Each run has a year of its own.
            const shiftMs = run++ * 366 * day
            const records = recordsOf(requests, `run${run}`).map((one) => ({ ...one, atMs: one.atMs + shiftMs }))
            const { store } = context
            const size = Math.ceil(records.length / steps.length)
            for (const [n, step] of steps.entries()) {
              const batch = records.slice(n * size, (n + 1) * size)
              await store.requests.add(batch)
              if (step === 'again') await store.requests.add(batch)
              if (step === 'fold') await store.requestSums.fold(all)
              if (step === 'fold all') await foldAll(store)
            }
            const sinceMs = startMs + shiftMs + from
            const query = { sinceMs, untilMs: sinceMs + length, bucketMs, ...(keyId === undefined ? {} : { keyId }) }
            expect(await createTraffic(store).sums(query)).toEqual(summedPlainly(records, query))
            expect(await store.requests.sums(query)).toEqual(summedPlainly(records, query))
          },
        ),
        { numRuns: 25 },
      )
    }, 120_000)

    it('are told apart by kind, with every figure', async () => {
      const { store } = context
      const base = { atMs: startMs, client: 'codex_cli_rs/0.1', effort: 'none', keyId: 'key_1', serviceTier: 'flex' }
      await store.requests.add([
        requestRecord('a', base),
        requestRecord('b', { ...base, client: 'codex_cli_rs/0.2 (x)', firstTokenMs: null, status: 'cancelled' }),
        requestRecord('c', { ...base, model: 'a\0b', status: 'error', usage: null, costMicroUsd: null }),
        requestRecord('d', { ...base, model: 'ab', status: 'error', moved: true, costMicroUsd: 7.6 }),
      ])
      const traffic = createTraffic(store)
      const parts = await traffic.parts([startMs], startMs + hour)
      const kinds = await traffic.kinds()
      expect(kinds.map(({ id: _id, ...kind }) => kind)).toEqual(
        ['gpt-5', 'ab'].map((model) => ({
          ...{ account: 'acc_1', key: 'key_1', model, client: 'codex_cli_rs', effort: 'none', tier: 'flex' },
        })),
      )
      const sums = addUp(parts, { groups: 2, buckets: 1, groupOf: ({ model }) => (model === 'ab' ? 1 : 0), kinds })
      expect([...sums.subarray(0, figures.length)]).toEqual([2, 0, 1, 0, 200, 40, 60, 10, 2_468, 210, 1])
      expect([...sums.subarray(figures.length)]).toEqual([2, 1, 0, 1, 100, 20, 30, 5, 8, 420, 2])
    })

    it('survive a batch that fails, which adds nothing, and is written again', async () => {
      const { store } = context
      const wrong = requestRecord('wrong', { atMs: startMs, route: null as unknown as string })
      await expect(store.requests.add([requestRecord('r1', { atMs: startMs, keyId: 'new' }), wrong])).rejects.toThrow()
      expect(await sumsOf(store)).toEqual([])
      await store.requests.add([requestRecord('r1', { atMs: startMs, keyId: 'new' })])
      expect(await sumsOf(store)).toMatchObject([{ requests: 1 }])
      const kinds = await store.requestSums.kinds()
      expect(kinds.map(({ key }) => key)).toEqual(['new'])
    })

    it('are the same for two processes that write and fold at once, and for one that comes later', async () => {
      const { store, database } = context
      const other = await database.open()
      const records = recordsOf(
        Array.from({ length: 60 }, (_, n) => ({
          atMs: startMs + n * 61_000,
          keyId: `key_${n % 7}`,
          accountId: `acc_${n % 3}`,
        })),
      )
      const work = async (mine: Store, from: number) => {
        for (let n = from; n < records.length; n += 2) {
          await mine.requests.add(records.slice(n, n + 1))
          if (n % 5 === 0) await mine.requestSums.fold(all)
        }
      }
      await Promise.all([work(store, 0), work(other, 1)])
      const expected = summedPlainly(records, { sinceMs: 0, untilMs: startMs + day, bucketMs: day })
      expect(await sumsOf(store)).toEqual(expected)
      expect(await sumsOf(other)).toEqual(expected)
      const later = await database.open()
      expect(await sumsOf(later)).toEqual(expected)
      const keys = async (of: Store) => (await of.requestSums.kinds()).map(({ id, key }) => `${id} ${key}`)
      await later.requests.add([requestRecord('late', { atMs: startMs, keyId: 'key_9' })])
      expect(await keys(store)).toEqual(await keys(later))
      expect(new Set((await keys(store)).map((one) => one.split(' ')[0])).size).toBe((await keys(store)).length)
    })

    it('wait to be folded until their hour is over or there are many', async () => {
      const { store } = context
      for (let n = 0; n < 5; n++) await store.requests.add([requestRecord(`r${n}`, { atMs: startMs + n })])
      expect(await store.requestSums.fold({ beforeMs: startMs, minRows: 6 })).toBe(false)
      expect(await store.requestSums.fold({ beforeMs: startMs, minRows: 5 })).toBe(true)
      await store.requests.add([requestRecord('late', { atMs: startMs })])
      expect(await store.requestSums.fold({ beforeMs: startMs + 1, minRows: 9 })).toBe(true)
      expect(await store.requestSums.fold({ beforeMs: startMs + 1, minRows: 9 })).toBe(false)
      expect(await sumsOf(store)).toMatchObject([{ requests: 6 }])
    })
  })
})

describe('a database of an earlier release', () => {
  it('is counted newest first, in steps, and its sums are right before, between and after', async () => {
    const folder = await scratchFolder()
    const open = () => openStore({ url: `sqlite:${folder.path}/codex-lb.db`, dataDir: folder.path, vault })
    const store = await open()
    try {
      const [requests = []] = fc.sample(someRequests(startMs, 3 * day, 400, 250), { numRuns: 1, seed: 7 })
      const more = Array.from({ length: 200 }, (_, n) => ({ atMs: startMs + n * 900_000 }))
      const records = recordsOf([...requests, ...more])
      await store.requests.add(records)
      // As an earlier release has left them.
      const raw = new Database(`${folder.path}/codex-lb.db`)
      raw.exec('update requests set counted = null, moved = null; delete from request_sums_new')
      raw.close()
      const expected = summedPlainly(
        records.map((one) => ({ ...one, moved: false })),
        { sinceMs: 0, untilMs: startMs + 90 * day, bucketMs: day },
      )
      expect(await sumsOf(store)).toEqual(expected)
      const before = (await store.requestSums.span()).uncounted
      for (let step = 0; ; step++) {
        const count = await store.requestSums.countOlder(70)
        if (step % 2 === 0) await store.requestSums.fold(all)
        if (step < 4) expect(await sumsOf(store)).toEqual(expected)
        if (step === 0) {
          expect(count).toBe(70)
          const { uncounted } = await store.requestSums.span()
          expect(uncounted?.lastMs).toBeLessThan(before?.lastMs ?? 0)
          expect(uncounted?.firstMs).toBe(before?.firstMs)
        }
        if (count === 0) break
      }
      await foldAll(store)
      expect((await store.requestSums.span()).uncounted).toBeNull()
      expect(await sumsOf(store)).toEqual(expected)
    } finally {
      await store.close()
      await folder.dispose()
    }
  }, 60_000)
})
