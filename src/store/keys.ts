import { and, asc, eq, type SQLWrapper, sql } from 'drizzle-orm'
import type { ApiKey } from '../domain/api-key.ts'
import { dayMs } from '../domain/quota.ts'
import type { RequestRecord } from '../domain/request.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

export function createKeys({ apiKeys: t, apiKeyDays: days, counters }: Tables, unit: Unit): Store['keys'] {
  /** Moves the number that tells everybody to read the keys again. Always the first statement of its unit. */
  async function touch(tx: Db): Promise<void> {
    await tx
      .insert(counters)
      .values({ name: 'keys', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  }

  return {
    list() {
      return unit(
        'keys.list',
        async (tx): Promise<ApiKey[]> => tx.select().from(t).orderBy(asc(t.createdAtMs), asc(t.id)),
      )
    },
    async version() {
      const [row] = await unit('keys.version', async (tx) =>
        tx.select().from(counters).where(eq(counters.name, 'keys')),
      )
      return row?.value ?? 0
    },
    add(key) {
      const work = async (tx: Db) => {
        await touch(tx)
        const added = await tx.insert(t).values(key).onConflictDoNothing().returning({ id: t.id })
        return added.length > 0
      }
      return unit('keys.add', work, 'durable')
    },
    change({ id, revision, lastUsedAtMs: _seen, ...columns }) {
      const work = async (tx: Db) => {
        await touch(tx)
        const changed = await tx
          .update(t)
          .set({ ...columns, revision: revision + 1 })
          .where(and(eq(t.id, id), eq(t.revision, revision)))
          .returning({ id: t.id })
        return changed.length > 0
      }
      return unit('keys.change', work, 'durable')
    },
    remove(id) {
      const work = async (tx: Db) => {
        await touch(tx)
        await tx.delete(days).where(eq(days.keyId, id))
        const gone = await tx.delete(t).where(eq(t.id, id)).returning({ id: t.id })
        return gone.length > 0
      }
      return unit('keys.remove', work, 'durable')
    },
    async saveUses(uses) {
      if (uses.size === 0) return
      await unit('keys.saveUses', async (tx) => {
        for (const [id, atMs] of uses) {
          const later = sql`case when coalesce(${t.lastUsedAtMs}, 0) < ${atMs} then ${atMs} else ${t.lastUsedAtMs} end`
          await tx.update(t).set({ lastUsedAtMs: later }).where(eq(t.id, id))
        }
      })
    },
    async use(sinceMs) {
      const sum = (column: SQLWrapper) => ({
        all: sql<number>`coalesce(sum(${column}), 0)`.mapWith(Number),
        since: sql<number>`coalesce(sum(case when ${days.atMs} >= ${sinceMs} then ${column} else 0 end), 0)`.mapWith(
          Number,
        ),
      })
      const [requests, input, cached] = [sum(days.requests), sum(days.inputTokens), sum(days.cachedTokens)]
      const [output, cost] = [sum(days.outputTokens), sum(days.costMicroUsd)]
      const rows = await unit('keys.use', async (tx) =>
        tx
          .select({
            keyId: days.keyId,
            ...{ requests: requests.all, inputTokens: input.all, cachedTokens: cached.all },
            ...{ outputTokens: output.all, costMicroUsd: cost.all },
            ...{ requestsSince: requests.since, inputSince: input.since, cachedSince: cached.since },
            ...{ outputSince: output.since, costSince: cost.since },
          })
          .from(days)
          .groupBy(days.keyId),
      )
      return new Map(
        rows.map(({ keyId, requestsSince, inputSince, cachedSince, outputSince, costSince, ...lifetime }) => [
          keyId,
          {
            lifetime,
            since: {
              ...{ requests: requestsSince, inputTokens: inputSince, cachedTokens: cachedSince },
              ...{ outputTokens: outputSince, costMicroUsd: costSince },
            },
          },
        ]),
      )
    },
  }
}

/** Adds requests to the sums of their keys, in the unit that logs them. */
export async function countByKey(
  tx: Db,
  { apiKeyDays: t }: Pick<Tables, 'apiKeyDays'>,
  records: readonly RequestRecord[],
): Promise<void> {
  const sums = new Map<string, typeof t.$inferInsert>()
  for (const { keyId, atMs, usage, costMicroUsd } of records) {
    if (keyId === null) continue
    const day = Math.floor(atMs / dayMs) * dayMs
    const name = `${keyId} ${day}`
    const before = sums.get(name)
    sums.set(name, {
      ...{ keyId, atMs: day, requests: (before?.requests ?? 0) + 1 },
      inputTokens: (before?.inputTokens ?? 0) + (usage?.input ?? 0),
      cachedTokens: (before?.cachedTokens ?? 0) + (usage?.cached ?? 0),
      outputTokens: (before?.outputTokens ?? 0) + (usage?.output ?? 0),
      costMicroUsd: (before?.costMicroUsd ?? 0) + Math.round(costMicroUsd ?? 0),
    })
  }
  const grown = (column: SQLWrapper, name: string) => sql`${column} + ${sql.raw(`excluded.${name}`)}`
  // In one order everywhere: two writers that lock rows in different ones would wait for each other.
  for (const row of [...sums.values()].toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1) || a.atMs - b.atMs)) {
    await tx
      .insert(t)
      .values(row)
      .onConflictDoUpdate({
        target: [t.keyId, t.atMs],
        set: {
          requests: grown(t.requests, 'requests'),
          inputTokens: grown(t.inputTokens, 'input_tokens'),
          cachedTokens: grown(t.cachedTokens, 'cached_tokens'),
          outputTokens: grown(t.outputTokens, 'output_tokens'),
          costMicroUsd: grown(t.costMicroUsd, 'cost_micro_usd'),
        },
      })
  }
}
