import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import type { Health, Preferences } from '../domain/account.ts'
import { defaultEgress } from '../domain/egress.ts'
import type { AccountStatistics } from '../domain/statistics.ts'
import type { Vault } from '../lib/secrets.ts'
import { importAccount } from './account-import.ts'
import { accountOf, healthColumns, nextVersion, openTokens, sealTokens } from './account-rows.ts'
import type { Tables } from './schema.ts'
import type { Figures, Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

export function createAccounts(t: Tables, unit: Unit, vault: Vault): Store['accounts'] {
  const { accounts, affinities, counters, credentials, owners, redemptions, usageHours, usageSamples } = t

  /**
   * Moves the number that tells everybody to read the accounts again. Always the first statement of its unit: on
   * PostgreSQL the row's lock makes units that change accounts take turns, so what they read afterwards holds.
   */
  async function touch(tx: Db): Promise<void> {
    await tx
      .insert(counters)
      .values({ name: 'accounts', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  }

  function change(name: string, id: string, columns: Partial<typeof accounts.$inferInsert>): Promise<void> {
    return unit(name, async (tx) => {
      await touch(tx)
      await tx
        .update(accounts)
        .set({ ...columns, version: nextVersion(accounts) })
        .where(eq(accounts.id, id))
    })
  }

  return {
    async list() {
      const rows = await unit('accounts.list', async (tx) =>
        tx.select().from(accounts).orderBy(asc(accounts.createdAtMs), asc(accounts.id)),
      )
      return rows.map(accountOf)
    },
    async version() {
      const [row] = await unit('accounts.version', async (tx) =>
        tx.select().from(counters).where(eq(counters.name, 'accounts')),
      )
      return row?.value ?? 0
    },
    import(candidate, nowMs, onlyId = null) {
      const work = async (tx: Db) => {
        await touch(tx)
        return importAccount(tx, t, vault, candidate, nowMs, onlyId)
      }
      return unit('accounts.import', work, 'durable')
    },
    saveHealth: (id: string, health: Health) => change('accounts.saveHealth', id, healthColumns(health)),
    savePlan: (id: string, plan: string) => change('accounts.savePlan', id, { plan }),
    async saveFigures(id, { windows, meters, credits, limitReached, burn }: Figures) {
      await unit('accounts.saveFigures', async (tx) => {
        await tx.update(accounts).set({ windows, meters, credits, limitReached, burn }).where(eq(accounts.id, id))
      })
    },
    async saveStatistics(id: string, statistics: AccountStatistics) {
      await unit('accounts.saveStatistics', async (tx) => {
        await tx.update(accounts).set({ statistics }).where(eq(accounts.id, id))
      })
    },
    savePreferences(id: string, change: Partial<Preferences>) {
      return unit('accounts.savePreferences', async (tx) => {
        await touch(tx)
        const { policy, priority, tags, alias, egress } = accounts
        const [row] = await tx
          .update(accounts)
          .set({ ...change, version: nextVersion(accounts) })
          .where(eq(accounts.id, id))
          .returning({ policy, priority, tags, alias, egress })
        return row === undefined ? null : { ...row, egress: row.egress ?? defaultEgress }
      })
    },
    remove(id) {
      const work = async (tx: Db) => {
        await touch(tx)
        await tx.delete(credentials).where(eq(credentials.accountId, id))
        await tx.delete(affinities).where(eq(affinities.accountId, id))
        await tx.delete(owners).where(eq(owners.accountId, id))
        await tx.delete(usageSamples).where(eq(usageSamples.accountId, id))
        await tx.delete(usageHours).where(eq(usageHours.accountId, id))
        await tx.delete(redemptions).where(eq(redemptions.accountId, id))
        const gone = await tx.delete(accounts).where(eq(accounts.id, id)).returning({ id: accounts.id })
        return gone.length > 0
      }
      return unit('accounts.remove', work, 'durable')
    },
    async credential(id) {
      const [row] = await unit('accounts.credential', async (tx) =>
        tx.select().from(credentials).where(eq(credentials.accountId, id)),
      )
      if (!row) return null
      const { version, refreshStartedAtMs } = row
      return { accountId: id, version, refreshStartedAtMs, ...openTokens(vault, row) }
    },
    beginRefresh(id, version, nowMs) {
      const work = async (tx: Db) => {
        const marked = await tx
          .update(credentials)
          .set({ refreshStartedAtMs: nowMs })
          .where(
            and(
              eq(credentials.accountId, id),
              eq(credentials.version, version),
              isNull(credentials.refreshStartedAtMs),
            ),
          )
          .returning({ accountId: credentials.accountId })
        return marked.length > 0
      }
      return unit('accounts.beginRefresh', work, 'durable')
    },
    async abandonRefresh(id, version) {
      await unit('accounts.abandonRefresh', async (tx) => {
        await tx
          .update(credentials)
          .set({ refreshStartedAtMs: null })
          .where(and(eq(credentials.accountId, id), eq(credentials.version, version)))
      })
    },
    rotateCredential(id, version, next, nowMs) {
      const work = async (tx: Db) => {
        await touch(tx)
        const rotated = await tx
          .update(credentials)
          .set({ ...sealTokens(vault, id, next), version: version + 1, refreshStartedAtMs: null })
          .where(and(eq(credentials.accountId, id), eq(credentials.version, version)))
          .returning({ accountId: credentials.accountId })
        if (rotated.length === 0) return false
        await tx
          .update(accounts)
          .set({ refreshedAtMs: nowMs, version: nextVersion(accounts) })
          .where(eq(accounts.id, id))
        return true
      }
      return unit('accounts.rotateCredential', work, 'durable')
    },
  }
}
