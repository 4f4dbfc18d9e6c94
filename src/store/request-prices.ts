import { and, asc, eq, lt, sql } from 'drizzle-orm'
import { dayMs } from '../domain/quota.ts'
import { withUsage } from './request-rows.ts'
import type { RequestStore } from './request-store.ts'
import type { CountIn } from './request-sums.ts'
import type { Tables } from './schema.ts'
import type { Unit } from './unit.ts'

/** Changes what requests have cost, and every sum that they are part of. */
export function createRepricing(
  { requests: t, apiKeyDays: d }: Tables,
  unit: Unit,
  countIn: CountIn,
): RequestStore['reprice'] {
  return async ({ after, untilMs, limit, costOf }) => {
    const counting = countIn.inUnit()
    const done = await unit('requests.reprice', async (tx) => {
      const { id, atMs, accountId, keyId, model, client, effort, serviceTier, sourceId, costMicroUsd } = t
      const { inputTokens, cachedTokens, outputTokens, reasoningTokens } = t
      const what = { id, atMs, accountId, keyId, model, client, effort, serviceTier, sourceId, costMicroUsd }
      const rows = await tx
        .select({ ...what, inputTokens, cachedTokens, outputTokens, reasoningTokens })
        .from(t)
        .where(and(sql`(${t.atMs}, ${t.id}) > (${after.atMs}, ${after.name})`, lt(t.atMs, untilMs)))
        .orderBy(asc(t.atMs), asc(t.id))
        .limit(limit)
      const adjusted: { row: (typeof rows)[number]; delta: number }[] = []
      let changed = 0
      for (const row of rows) {
        const { usage } = withUsage(row)
        // A model source has its own prices, and what has no tokens has no cost.
        if (row.sourceId !== null || usage === null || row.model === null) continue
        const cost = costOf({ model: row.model, serviceTier: row.serviceTier, usage })
        if (cost === row.costMicroUsd) continue
        // Unless somebody else was faster, who has seen to the sums, too.
        const [made] = await tx
          .update(t)
          .set({ costMicroUsd: cost })
          .where(and(eq(t.id, row.id), sql`${t.costMicroUsd} is not distinct from ${row.costMicroUsd}`))
          .returning({ counted: t.counted })
        if (!made) continue
        changed++
        const delta = (cost ?? 0) - (row.costMicroUsd ?? 0)
        // One that is in no sum yet will be counted with its new cost.
        if (made.counted === true) adjusted.push({ row, delta })
        if (row.keyId === null) continue
        await tx
          .update(d)
          .set({ costMicroUsd: sql`${d.costMicroUsd} + ${delta}` })
          .where(and(eq(d.keyId, row.keyId), eq(d.atMs, Math.floor(row.atMs / dayMs) * dayMs)))
      }
      await counting.adjustCost(
        tx,
        adjusted.map(({ row, delta }) => ({ ...row, delta })),
      )
      const last = rows.length < limit ? undefined : rows.at(-1)
      return {
        ...{ requests: rows.length, changed },
        last: last ? { atMs: last.atMs, name: last.id } : null,
      }
    })
    counting.settled()
    return done
  }
}
