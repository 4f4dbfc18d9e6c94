import { and, asc, eq, gte, lt, max, sql, sum } from 'drizzle-orm'
import { budgetPeriods, type SourceDefinition, unknownHealth } from '../domain/model-source.ts'
import type { Secret, Vault } from '../lib/secrets.ts'
import type { ModelSource, ModelSourceStore, SourceReservation } from './model-source-store.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

type Row = Tables['modelSources']['$inferSelect']

const identityOf = (id: string) => `model_source:${id}`

export function createModelSources(t: Tables, unit: Unit, vault: Vault): ModelSourceStore {
  const { modelSources: s, modelSourceSpending: spending, modelSourceReservations: reservations, counters } = t

  /** Moves the number that tells everybody to read the sources again; on PostgreSQL changes take turns at it. */
  async function touch(tx: Db): Promise<void> {
    await tx
      .insert(counters)
      .values({ name: 'model_sources', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  }
  const sealed = (id: string, key: Secret | null) => (key === null ? null : vault.seal(key, identityOf(id)))
  const isTaken = async (tx: Db, nameKey: string, ownId: string | null) => {
    const [row] = await tx.select({ id: s.id }).from(s).where(eq(s.nameKey, nameKey)).limit(1)
    return row !== undefined && row.id !== ownId
  }
  /** Spent and reserved within one day, or since one day. */
  const spentSince = async (tx: Db, sourceId: string, fromMs: number, untilMs: number) => {
    const [spent] = await tx
      .select({ all: sum(spending.microUsd) })
      .from(spending)
      .where(and(eq(spending.sourceId, sourceId), gte(spending.dayAtMs, fromMs), lt(spending.dayAtMs, untilMs)))
    const [held] = await tx
      .select({ all: sum(reservations.microUsd) })
      .from(reservations)
      .where(
        and(eq(reservations.sourceId, sourceId), gte(reservations.dayAtMs, fromMs), lt(reservations.dayAtMs, untilMs)),
      )
    return Number(spent?.all ?? 0) + Number(held?.all ?? 0)
  }
  const spentIn = async (tx: Db, sourceId: string, nowMs: number) => {
    const { dayAtMs, monthAtMs } = budgetPeriods(nowMs)
    const endMs = dayAtMs + 1
    return {
      dayMicroUsd: await spentSince(tx, sourceId, dayAtMs, endMs),
      monthMicroUsd: await spentSince(tx, sourceId, monthAtMs, endMs),
    }
  }
  const addSpent = async (tx: Db, sourceId: string, dayAtMs: number, microUsd: number) => {
    if (microUsd === 0) return
    await tx
      .insert(spending)
      .values({ sourceId, dayAtMs, microUsd })
      .onConflictDoUpdate({
        target: [spending.sourceId, spending.dayAtMs],
        set: { microUsd: sql`${spending.microUsd} + ${microUsd}` },
      })
  }
  const sourceOf = ({ id, apiKey, uses, usdPerDay, usdPerMonth, health, ...row }: Row): ModelSource => {
    const { nameKey: _nameKey, reservations: _reservations, ...known } = row
    return {
      ...known,
      id,
      use: uses,
      budget: { usdPerDay, usdPerMonth },
      apiKey: apiKey === null ? null : vault.open(apiKey, identityOf(id)),
      health: health ?? unknownHealth,
    }
  }

  return {
    async list() {
      const rows = await unit('modelSources.list', async (tx) =>
        tx.select().from(s).orderBy(asc(s.position), asc(s.createdAtMs), asc(s.id)),
      )
      return rows.map(sourceOf)
    },
    async version() {
      const [row] = await unit('modelSources.version', async (tx) =>
        tx.select().from(counters).where(eq(counters.name, 'model_sources')),
      )
      return row?.value ?? 0
    },
    add(id, definition, apiKey, nowMs) {
      const work = async (tx: Db) => {
        await touch(tx)
        const columns = columnsOf(definition)
        if (await isTaken(tx, columns.nameKey, null)) return null
        const [last] = await tx.select({ at: max(s.position) }).from(s)
        const [row] = await tx
          .insert(s)
          .values({ ...columns, id, apiKey: sealed(id, apiKey), position: (last?.at ?? -1) + 1, createdAtMs: nowMs })
          .returning()
        return row ? sourceOf(row) : null
      }
      return unit('modelSources.add', work, 'durable')
    },
    change(id, definition, apiKey) {
      const work = async (tx: Db) => {
        await touch(tx)
        const columns = columnsOf(definition)
        if (await isTaken(tx, columns.nameKey, id)) return 'name_taken' as const
        const key = apiKey === undefined ? {} : { apiKey: sealed(id, apiKey) }
        const [row] = await tx
          .update(s)
          .set({ ...columns, ...key })
          .where(eq(s.id, id))
          .returning()
        return row ? sourceOf(row) : null
      }
      return unit('modelSources.change', work, 'durable')
    },
    order(ids) {
      return unit('modelSources.order', async (tx) => {
        await touch(tx)
        const known = await tx.select({ id: s.id }).from(s)
        if (known.length !== ids.length || known.some(({ id }) => !ids.includes(id))) return false
        for (const [position, id] of ids.entries()) await tx.update(s).set({ position }).where(eq(s.id, id))
        return true
      })
    },
    remove(id) {
      return unit('modelSources.remove', async (tx) => {
        await touch(tx)
        return (await tx.delete(s).where(eq(s.id, id)).returning({ id: s.id })).length === 1
      })
    },
    async saveHealth(id, health) {
      await unit('modelSources.saveHealth', async (tx) => {
        await tx.update(s).set({ health }).where(eq(s.id, id))
      })
    },
    spent(sourceId, nowMs) {
      return unit('modelSources.spent', (tx) => spentIn(tx, sourceId, nowMs))
    },
    reserve({ id, sourceId, microUsd, atMs }: SourceReservation) {
      const work = async (tx: Db) => {
        // First of all: on PostgreSQL the row's lock makes reservations take turns, so the sums below hold.
        const [row] = await tx
          .update(s)
          .set({ reservations: sql`${s.reservations} + 1` })
          .where(eq(s.id, sourceId))
          .returning({ usdPerDay: s.usdPerDay, usdPerMonth: s.usdPerMonth })
        if (row === undefined) return 'gone' as const
        const { dayMicroUsd, monthMicroUsd } = await spentIn(tx, sourceId, atMs)
        if (row.usdPerMonth !== null && monthMicroUsd + microUsd > row.usdPerMonth * 1e6) return 'month' as const
        if (row.usdPerDay !== null && dayMicroUsd + microUsd > row.usdPerDay * 1e6) return 'day' as const
        const { dayAtMs } = budgetPeriods(atMs)
        await tx.insert(reservations).values({ id, sourceId, microUsd, dayAtMs, atMs })
        return 'reserved' as const
      }
      return unit('modelSources.reserve', work)
    },
    /** Whoever takes the reservation away counts it, so it is counted once. */
    settle(id, microUsd) {
      return unit('modelSources.settle', async (tx) => {
        const [held] = await tx.delete(reservations).where(eq(reservations.id, id)).returning()
        if (held === undefined) return false
        await addSpent(tx, held.sourceId, held.dayAtMs, microUsd ?? held.microUsd)
        return true
      })
    },
    settleLost(beforeMs, limit) {
      return unit('modelSources.settleLost', async (tx) => {
        const lost = await tx
          .select({ id: reservations.id })
          .from(reservations)
          .where(lt(reservations.atMs, beforeMs))
          .orderBy(asc(reservations.atMs))
          .limit(limit)
        let settled = 0
        for (const { id } of lost) {
          const [held] = await tx.delete(reservations).where(eq(reservations.id, id)).returning()
          if (held === undefined) continue
          await addSpent(tx, held.sourceId, held.dayAtMs, held.microUsd)
          settled++
        }
        return settled
      })
    },
    prune(beforeMs) {
      return unit('modelSources.prune', async (tx) => {
        const old = await tx.delete(spending).where(lt(spending.dayAtMs, beforeMs)).returning({ id: spending.sourceId })
        return old.length
      })
    },
  }
}

function columnsOf({ use, budget, name, ...definition }: SourceDefinition) {
  const { baseUrl, allowPrivateAddress, isActive, supports, models, timeoutSeconds, maxConcurrency } = definition
  return {
    ...{ name, nameKey: name.toLowerCase(), uses: use, ...budget },
    ...{ baseUrl, allowPrivateAddress, isActive, supports, models, timeoutSeconds, maxConcurrency },
  }
}
