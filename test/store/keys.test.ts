import { expect, it } from 'vitest'
import type { ApiKey } from '../../src/domain/api-key.ts'
import { dayMs } from '../../src/domain/quota.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const key = (id: string, given: Partial<ApiKey> = {}): ApiKey => ({
  ...{ id, name: `Key ${id}`, notes: null, secretHash: `hash of ${id}`, prefix: 'sk-clb-12345678' },
  ...{ allowedModels: ['gpt-5.5'], enforcedModel: null, enforcedEffort: null, allowedEfforts: ['low', 'high'] },
  ...{ enforcedServiceTier: 'priority', accountIds: ['acc_1'], tags: null, allowedAddresses: ['10.0.0.0/8'] },
  limits: [{ id: 'lim_1', kind: 'requests', period: 'day', isCalendar: true, max: 10, model: null }],
  ...{ poolSharePercent: 25, expiresAtMs: 9_000, isActive: true, createdAtMs: 1, lastUsedAtMs: null, revision: 1 },
  ...given,
})
const plain: Partial<ApiKey> = {
  ...{ allowedModels: null, allowedEfforts: null, enforcedServiceTier: null, accountIds: null },
  ...{ allowedAddresses: null, limits: [], poolSharePercent: null, expiresAtMs: null, isActive: false, createdAtMs: 2 },
}

onEveryEngine((context) => {
  it('keys come back as they were stored, the oldest first, and every change moves the version', async () => {
    const { keys } = context.store
    expect([await keys.list(), await keys.version()]).toEqual([[], 0])
    expect([await keys.add(key('b', plain)), await keys.add(key('a'))]).toEqual([true, true])
    expect(await keys.list()).toEqual([key('a'), key('b', plain)])
    expect(await keys.version()).toBe(2)
    expect(await keys.remove('b')).toBe(true)
    expect([await keys.remove('b'), await keys.list()]).toEqual([false, [key('a')]])
    expect(await keys.version()).toBe(4)
  })

  it('no two keys have one secret or one id', async () => {
    const { keys } = context.store
    await keys.add(key('a'))
    expect(await keys.add(key('a', { secretHash: 'another' }))).toBe(false)
    expect(await keys.add(key('b', { secretHash: 'hash of a' }))).toBe(false)
    expect(await keys.list()).toEqual([key('a')])
  })

  it('of two who change one revision the first one wins, and the last use stays', async () => {
    const { keys } = context.store
    await keys.add(key('a'))
    await keys.saveUses(new Map([['a', 50]]))
    const won = await Promise.all(['One', 'Two'].map((name) => keys.change(key('a', { name, notes: 'n' }))))
    expect(won.filter(Boolean)).toHaveLength(1)
    const [stored] = await keys.list()
    expect(stored).toEqual(key('a', { name: won[0] ? 'One' : 'Two', notes: 'n', revision: 2, lastUsedAtMs: 50 }))
    expect(await keys.change(key('gone'))).toBe(false)
  })

  it('an earlier use does not take the place of a later one, and changes nothing that others have to read', async () => {
    const { keys } = context.store
    await keys.add(key('a'))
    const version = await keys.version()
    await keys.saveUses(new Map([['a', 50]]))
    await keys.saveUses(new Map([['a', 40]]).set('gone', 60))
    expect((await keys.list())[0]?.lastUsedAtMs).toBe(50)
    expect(await keys.version()).toBe(version)
  })

  it('what a key has taken is summed with each batch of the log, and outlives the log', async () => {
    const { keys, requests } = context.store
    const at = (day: number) => day * dayMs + 1_000
    await requests.add([
      requestRecord('1', { keyId: 'a', atMs: at(3) }),
      requestRecord('2', { keyId: 'a', atMs: at(3), usage: null, costMicroUsd: null }),
      requestRecord('3', { keyId: 'b', atMs: at(4) }),
      requestRecord('4', { keyId: null, atMs: at(4) }),
    ])
    await requests.add([
      requestRecord('5', { keyId: 'a', atMs: at(9) }),
      requestRecord('6', { keyId: 'a', atMs: at(3) }),
    ])
    const one = { requests: 1, inputTokens: 100, cachedTokens: 20, outputTokens: 30, costMicroUsd: 1_234 }
    const nothing = { requests: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, costMicroUsd: 0 }
    const use = await keys.use(9 * dayMs)
    expect(use.get('a')).toEqual({
      lifetime: { requests: 4, inputTokens: 300, cachedTokens: 60, outputTokens: 90, costMicroUsd: 3_702 },
      since: one,
    })
    expect(use.get('b')).toEqual({ lifetime: one, since: nothing })
    expect(use.size).toBe(2)
    await keys.add(key('a'))
    await keys.remove('a')
    expect([...(await keys.use(0)).keys()]).toEqual(['b'])
  })
})
