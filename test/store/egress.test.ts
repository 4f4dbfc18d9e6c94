import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/lib/secrets.ts'
import { imported } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const proxy = (id: string, given: object = {}) => ({
  ...{ id, name: id, scheme: 'http' as const, host: 'proxy.test', port: 3128, username: null, password: null },
  ...{ isActive: true, createdAtMs: 1, updatedAtMs: 1, ...given },
})
const pool = (id: string, memberIds: string[]) => ({ id, name: id, memberIds, createdAtMs: 1, updatedAtMs: 1 })

onEveryEngine((context) => {
  describe('ways out', () => {
    it('come back as they were saved, and their version grows', async () => {
      const { egress } = context.store
      expect(await egress.load()).toEqual({ proxies: [], pools: [], version: 0 })
      const password = new Secret('hunter2')
      expect(await egress.saveProxy(proxy('p1', { username: 'ada', password }))).toBe('saved')
      expect(await egress.saveProxy(proxy('p2', { createdAtMs: 2 }))).toBe('saved')
      expect(await egress.savePool(pool('l1', ['p2', 'p1']))).toBe('saved')
      const first = await egress.load()
      expect(first.proxies.map(({ id, version }) => [id, version])).toEqual([
        ['p1', 1],
        ['p2', 1],
      ])
      expect(first.proxies[0]?.password?.reveal()).toBe('hunter2')
      expect(first.pools).toEqual([pool('l1', ['p2', 'p1'])])
      await egress.saveProxy(proxy('p1', { port: 1 }))
      const second = await egress.load()
      expect(second.proxies[0]).toMatchObject({ port: 1, version: 2, username: null, password: null })
      expect(second.version).toBeGreaterThan(first.version)
      expect(await egress.version()).toBe(second.version)
    })

    it('differ in their names, whatever the case', async () => {
      const { egress } = context.store
      await egress.saveProxy(proxy('p1', { name: 'Office' }))
      expect(await egress.saveProxy(proxy('p2', { name: 'OFFICE' }))).toBe('name_taken')
      expect(await egress.saveProxy(proxy('p1', { name: 'office' }))).toBe('saved')
      await egress.savePool(pool('all', []))
      expect(await egress.savePool({ ...pool('l2', []), name: 'ALL' })).toBe('name_taken')
      expect((await egress.load()).proxies).toHaveLength(1)
    })

    it('have no members that are not there', async () => {
      const { egress } = context.store
      await egress.saveProxy(proxy('p1'))
      expect(await egress.savePool(pool('l1', ['p1', 'p9']))).toBe('member_unknown')
      expect((await egress.load()).pools).toEqual([])
    })

    it('are not removed while something goes that way', async () => {
      const { egress, accounts } = context.store
      const { id } = await imported(context.store, 'ann')
      await egress.saveProxy(proxy('p1'))
      await egress.savePool(pool('l1', ['p1']))
      await accounts.savePreferences(id, { egress: { kind: 'pool', id: 'l1' } })
      expect(await egress.removePool('l1')).toEqual({ kind: 'in_use', accountIds: [id], poolIds: [] })
      expect(await egress.removeProxy('p1')).toEqual({ kind: 'in_use', accountIds: [], poolIds: ['l1'] })
      await accounts.savePreferences(id, { egress: { kind: 'proxy', id: 'p1' } })
      expect((await accounts.list())[0]?.egress).toEqual({ kind: 'proxy', id: 'p1' })
      expect(await egress.removePool('l1')).toEqual({ kind: 'removed' })
      expect(await egress.removeProxy('p1')).toEqual({ kind: 'in_use', accountIds: [id], poolIds: [] })
      await accounts.savePreferences(id, { egress: { kind: 'default' } })
      expect(await egress.removeProxy('p1')).toEqual({ kind: 'removed' })
      expect(await egress.removeProxy('p1')).toEqual({ kind: 'unknown' })
    })
  })
})
