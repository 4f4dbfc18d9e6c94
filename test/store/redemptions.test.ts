import { describe, expect, it } from 'vitest'
import type { Redemption } from '../../src/domain/redemption.ts'
import { onEveryEngine } from './suite.ts'

function redemption(id: string, given: Partial<Redemption> = {}): Redemption {
  return {
    id,
    accountId: 'acc_1',
    creditId: 'credit-1',
    by: 'operator',
    outcome: 'pending',
    error: null,
    windowsReset: null,
    startedAtMs: 1_000,
    settledAtMs: null,
    ...given,
  }
}
const settled = { outcome: 'reset', error: null, windowsReset: 2, settledAtMs: 2_000 } as const

onEveryEngine((context) => {
  describe('redemptions', () => {
    it('come back as they were begun, and as they were settled', async () => {
      const { redemptions } = context.store
      expect(await redemptions.get('key-1')).toBeNull()
      expect(await redemptions.begin(redemption('key-1'))).toBe(true)
      expect(await redemptions.get('key-1')).toEqual(redemption('key-1'))
      await redemptions.settle('key-1', settled)
      expect(await redemptions.get('key-1')).toEqual(redemption('key-1', settled))
    })

    it('are listed by account, the newest first', async () => {
      const { redemptions } = context.store
      const ended = { ...settled, creditId: null, by: 'rule' } as const
      await redemptions.begin(redemption('key-1', { ...ended, startedAtMs: 1 }))
      await redemptions.begin(redemption('key-2', { ...ended, startedAtMs: 3 }))
      await redemptions.begin(redemption('key-3', { ...ended, startedAtMs: 2 }))
      await redemptions.begin(redemption('key-4', { accountId: 'acc_2' }))
      const ids = async (limit: number) => (await redemptions.list('acc_1', limit)).map(({ id }) => id)
      expect(await ids(10)).toEqual(['key-2', 'key-3', 'key-1'])
      expect(await ids(1)).toEqual(['key-2'])
      expect(await redemptions.list('acc_3', 10)).toEqual([])
    })

    it('begin one at a time for each account, and never twice under one key', async () => {
      const { redemptions } = context.store
      expect(await redemptions.begin(redemption('key-1'))).toBe(true)
      expect(await redemptions.begin(redemption('key-2'))).toBe(false)
      expect(await redemptions.get('key-2')).toBeNull()
      expect(await redemptions.begin(redemption('key-3', { accountId: 'acc_2' }))).toBe(true)
      await redemptions.settle('key-1', { ...settled, outcome: 'failed', error: 'no' })
      expect(await redemptions.begin(redemption('key-1'))).toBe(false)
      expect(await redemptions.get('key-1')).toMatchObject({ outcome: 'failed', error: 'no' })
      expect(await redemptions.begin(redemption('key-2'))).toBe(true)
    })

    it('stay pending with a reason, and once settled stay as they are', async () => {
      const { redemptions } = context.store
      await redemptions.begin(redemption('key-1'))
      const open = { outcome: 'pending', error: 'lost', windowsReset: null, settledAtMs: null } as const
      await redemptions.settle('key-1', open)
      expect(await redemptions.get('key-1')).toEqual(redemption('key-1', { error: 'lost' }))
      expect(await redemptions.begin(redemption('key-2'))).toBe(false)
      await redemptions.settle('key-1', settled)
      await redemptions.settle('key-1', { ...settled, outcome: 'failed' })
      expect(await redemptions.get('key-1')).toMatchObject({ outcome: 'reset' })
    })

    it('are begun by one of many only, from one store or two', async () => {
      const { store, database } = context
      const other = await database.open()
      const begun = await Promise.all(
        Array.from({ length: 20 }, (_, i) => [store, other][i % 2]?.redemptions.begin(redemption(`key-${i}`))),
      )
      expect(begun.filter(Boolean)).toHaveLength(1)
      expect(await store.redemptions.list('acc_1', 50)).toHaveLength(1)
    })
  })
})
