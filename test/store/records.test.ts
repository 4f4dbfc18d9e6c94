import { describe, expect, it } from 'vitest'
import type { UsageSample } from '../../src/store/store.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const hour = 3_600_000

function sample(atMs: number, usedPercent: number, given: Partial<UsageSample> = {}): UsageSample {
  return { accountId: 'acc_1', kind: 'short', atMs, usedPercent, resetAtMs: null, source: 'poll', ...given }
}

onEveryEngine((context) => {
  describe('usage samples', () => {
    it('come back oldest first, the last of each hour and window', async () => {
      const { usage } = context.store
      await usage.add([
        sample(2 * hour + 5, 30, { resetAtMs: 99.6 }),
        sample(hour + 1, 10),
        sample(2 * hour - 1, 20.5),
        sample(hour + 2, 50, { kind: 'weekly' }),
        sample(hour + 3, 77, { accountId: 'acc_2' }),
        sample(hour - 1, 5),
      ])
      expect(await usage.hourly('acc_1', hour)).toEqual([
        sample(hour + 2, 50, { kind: 'weekly' }),
        sample(2 * hour - 1, 20.5),
        sample(2 * hour + 5, 30, { resetAtMs: 100 }),
      ])
    })

    it('are kept once, as they came first', async () => {
      const { usage } = context.store
      await usage.add([])
      await usage.add([sample(1, 10), sample(2, 20)])
      await usage.add([sample(2, 99), sample(hour, 30)])
      expect((await usage.hourly('acc_1', 0)).map((s) => s.usedPercent)).toEqual([20, 30])
    })

    it('are pruned oldest first, no more than asked for', async () => {
      const { usage } = context.store
      await usage.add([1, 2, 3, 4, 5].map((n) => sample(n * hour, n)))
      expect(await usage.prune(4 * hour, 2)).toBe(2)
      expect((await usage.hourly('acc_1', 0)).map((s) => s.usedPercent)).toEqual([3, 4, 5])
      expect(await usage.prune(4 * hour, 2)).toBe(1)
      expect(await usage.prune(4 * hour, 2)).toBe(0)
      expect((await usage.hourly('acc_1', 0)).map((s) => s.usedPercent)).toEqual([4, 5])
    })
  })

  describe('the request log', () => {
    it('gives a request back as it was, with its decision', async () => {
      const { requests } = context.store
      const full = requestRecord('r1')
      const bare = requestRecord('r2', {
        usage: null,
        costMicroUsd: null,
        firstTokenMs: null,
        model: null,
        decision: null,
        attempts: [],
      })
      await requests.add([full, bare])
      expect(await requests.get('r1')).toEqual(full)
      expect(await requests.get('r2')).toEqual(bare)
      expect(await requests.get('r3')).toBeNull()
    })

    it('takes what a client may send and a clock may measure', async () => {
      const { requests } = context.store
      await requests.add([
        requestRecord('r1', {
          model: 'a\0b',
          decision: { text: 'x\0y' },
          totalMs: 1.4,
          firstTokenMs: 0.6,
          costMicroUsd: 7.5,
        }),
      ])
      expect(await requests.get('r1')).toMatchObject({ model: 'ab', totalMs: 1, firstTokenMs: 1, costMicroUsd: 8 })
    })

    it('keeps the first of two records with one id, and the rest of the batch', async () => {
      const { requests } = context.store
      await requests.add([])
      await requests.add([requestRecord('r1', { model: 'first' })])
      await requests.add([requestRecord('r1', { model: 'second' }), requestRecord('r2')])
      expect((await requests.get('r1'))?.model).toBe('first')
      expect(await requests.get('r2')).not.toBeNull()
    })

    it('is paged newest first without a gap, also through requests of one millisecond and while new ones arrive', async () => {
      const { requests } = context.store
      const ids = Array.from({ length: 100 }, (_, i) => `r${String(i).padStart(3, '0')}`)
      await requests.add(ids.map((id, i) => requestRecord(id, { atMs: Math.floor(i / 10) })))
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page = await requests.page({ limit: 7, cursor })
        seen.push(...page.items.map((item) => item.id))
        cursor = page.nextCursor
        await requests.add([requestRecord(`new-${seen.length}`, { atMs: 1_000 })])
      } while (cursor !== null)
      expect(seen).toEqual(ids.toReversed())
    })

    it('ends with a page that names no other', async () => {
      const { requests } = context.store
      expect(await requests.page({ limit: 5, cursor: null })).toEqual({ items: [], nextCursor: null })
      await requests.add([requestRecord('r1'), requestRecord('r2')])
      expect((await requests.page({ limit: 2, cursor: null })).nextCursor).toBeNull()
    })

    it('refuses a cursor that it did not make', async () => {
      for (const cursor of ['', 'x', Buffer.from('[1]').toString('base64url'), Buffer.from('["1","r"]').toString()]) {
        await expect(context.store.requests.page({ limit: 5, cursor })).rejects.toMatchObject({
          code: 'invalid_request',
        })
      }
    })
  })
})
