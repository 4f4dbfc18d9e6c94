import { asc, eq, sql } from 'drizzle-orm'
import type { EgressChoice } from '../domain/egress.ts'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { Vault } from '../lib/secrets.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

const identity = (id: string) => `${id}:egress`

export function createEgressStore(t: Tables, unit: Unit, vault: Vault): Store['egress'] {
  const { egressProxies: proxies, egressPools: pools, accounts, counters } = t

  /** Always the first statement of its unit: units that change ways out take turns, so what they read afterwards holds. */
  async function touch(tx: Db): Promise<void> {
    await tx
      .insert(counters)
      .values({ name: 'egress', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  }
  async function version(tx: Db): Promise<number> {
    const [row] = await tx.select().from(counters).where(eq(counters.name, 'egress'))
    return row?.value ?? 0
  }
  async function proxyRows(tx: Db) {
    return tx.select().from(proxies).orderBy(asc(proxies.createdAtMs), asc(proxies.id))
  }
  async function poolRows(tx: Db) {
    return tx.select().from(pools).orderBy(asc(pools.createdAtMs), asc(pools.id))
  }
  /** Accounts that are bound to it. */
  async function boundTo(tx: Db, kind: 'proxy' | 'pool', id: string): Promise<string[]> {
    const rows = await tx.select({ id: accounts.id, egress: accounts.egress }).from(accounts)
    const isBound = (egress: EgressChoice | null) => egress?.kind === kind && egress.id === id
    return rows.filter(({ egress }) => isBound(egress)).map((row) => row.id)
  }
  const isSame = (one: string, other: string) => one.toLowerCase() === other.toLowerCase()

  return {
    load: () =>
      unit('egress.load', async (tx) => ({
        // In this order: what is newer than its number is read once more, what is older would stay.
        version: await version(tx),
        proxies: (await proxyRows(tx)).map(
          ({ password, ...row }): EgressProxy => ({
            ...row,
            password: password === null ? null : vault.open(password, identity(row.id)),
          }),
        ),
        pools: await poolRows(tx),
      })),
    version: () => unit('egress.version', version),
    saveProxy(proxy) {
      return unit('egress.saveProxy', async (tx) => {
        await touch(tx)
        const rows = await proxyRows(tx)
        if (rows.some(({ id, name }) => id !== proxy.id && isSame(name, proxy.name))) return 'name_taken'
        const { id, name, scheme, host, port, username, isActive, createdAtMs, updatedAtMs } = proxy
        const password = proxy.password === null ? null : vault.seal(proxy.password, identity(id))
        const before = rows.find((row) => row.id === id)
        const row = { id, name, scheme, host, port, username, password, isActive, createdAtMs, updatedAtMs }
        const next = { ...row, version: (before?.version ?? 0) + 1 }
        await tx.insert(proxies).values(next).onConflictDoUpdate({ target: proxies.id, set: next })
        return 'saved'
      })
    },
    removeProxy(id) {
      return unit('egress.removeProxy', async (tx) => {
        await touch(tx)
        const accountIds = await boundTo(tx, 'proxy', id)
        const poolIds = (await poolRows(tx)).filter(({ memberIds }) => memberIds.includes(id)).map((pool) => pool.id)
        if (accountIds.length > 0 || poolIds.length > 0) return { kind: 'in_use', accountIds, poolIds }
        const gone = await tx.delete(proxies).where(eq(proxies.id, id)).returning({ id: proxies.id })
        return { kind: gone.length > 0 ? 'removed' : 'unknown' }
      })
    },
    savePool({ id, name, memberIds, createdAtMs, updatedAtMs }) {
      return unit('egress.savePool', async (tx) => {
        await touch(tx)
        if ((await poolRows(tx)).some((row) => row.id !== id && isSame(row.name, name))) return 'name_taken'
        const there = new Set((await proxyRows(tx)).map((row) => row.id))
        if (memberIds.some((member) => !there.has(member))) return 'member_unknown'
        const row = { id, name, memberIds, createdAtMs, updatedAtMs }
        await tx.insert(pools).values(row).onConflictDoUpdate({ target: pools.id, set: row })
        return 'saved'
      })
    },
    removePool(id) {
      return unit('egress.removePool', async (tx) => {
        await touch(tx)
        const accountIds = await boundTo(tx, 'pool', id)
        if (accountIds.length > 0) return { kind: 'in_use', accountIds, poolIds: [] }
        const gone = await tx.delete(pools).where(eq(pools.id, id)).returning({ id: pools.id })
        return { kind: gone.length > 0 ? 'removed' : 'unknown' }
      })
    },
  }
}
