import { and, eq, gt, gte, inArray, isNotNull, lt, lte, ne, notInArray, or, type SQLWrapper, sql } from 'drizzle-orm'
import type { Amounts } from '../domain/limit-counts.ts'
import type { TokenUsage } from '../domain/request.ts'
import { type LimitCount, type Reservation, type Settlement, usedBy } from '../domain/reservation.ts'
import { createInsert } from './insert.ts'
import type { LedgerStore } from './ledger-store.ts'
import { removeOldest } from './remove-oldest.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

const rowsPerUnit = 500

/** `isShared`: other servers may use the same database. Where there can be none, whoever is not the caller is dead. */
export function createLedgerStore(
  { limitCounts: c, reservations: r, reservationHolders: h, requests: q }: Tables,
  unit: Unit,
  isShared: boolean,
): LedgerStore {
  const insertReservation = createInsert(r, (tx, row) => tx.insert(r).values(row).onConflictDoNothing().prepare())
  const addCount = createInsert(c, (tx, row) =>
    tx
      .insert(c)
      .values(row)
      .onConflictDoUpdate({
        target: [c.limitId, c.shape, c.startMs],
        set: { used: sql`${c.used} + excluded.used` },
      })
      .prepare(),
  )

  /** Reservations that are not there any more were settled before: nothing is counted twice. */
  const settle = async (tx: Db, settlements: readonly Settlement[]) => {
    const ids = settlements.map(({ id }) => id)
    const gone = new Map(
      (await tx.delete(r).where(inArray(r.id, ids)).returning()).map((row): [string, Reservation] => [row.id, row]),
    )
    const added = new Map<string, LimitCount>()
    for (const { id, used } of settlements) {
      const reservation = gone.get(id)
      if (reservation === undefined || used === null) continue
      gone.delete(id)
      for (const { kind, ...place } of reservation.places) {
        const name = `${place.limitId} ${place.startMs} ${place.shape}`
        const before = added.get(name)?.used ?? 0
        added.set(name, { ...place, keyId: reservation.keyId, used: before + used[kind] })
      }
    }
    // One order for everybody keeps two servers from locking each other out.
    const rows = [...added].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row)
    await addCount(tx, rows)
  }

  return {
    isShared,
    load(nowMs) {
      return unit('ledger.load', async (tx) => ({
        counts: await tx.select().from(c).where(gt(c.untilMs, nowMs)),
        open: await tx.select().from(r),
      }))
    },
    async reserve(reservations) {
      await unit('ledger.reserve', (tx) => insertReservation(tx, reservations))
    },
    async settle(settlements) {
      if (settlements.length === 0) return
      await unit('ledger.settle', (tx) => settle(tx, settlements))
    },
    recover(holder, nowMs) {
      return unit('ledger.recover', async (tx) => {
        const alive = tx.select({ id: h.id }).from(h).where(gt(h.aliveUntilMs, nowMs))
        const orphans = await tx
          .select()
          .from(r)
          .where(and(ne(r.holder, holder), isShared ? notInArray(r.holder, alive) : undefined))
          .limit(rowsPerUnit)
        if (orphans.length === 0) return 0
        const { id, status, httpStatus, firstTokenMs, inputTokens, cachedTokens, outputTokens, costMicroUsd } = q
        const logged = await tx
          .select({ id, status, httpStatus, firstTokenMs, inputTokens, cachedTokens, outputTokens, costMicroUsd })
          .from(q)
          .where(
            inArray(
              q.id,
              orphans.map((one) => one.id),
            ),
          )
        const ends = new Map(logged.map((row) => [row.id, { ...row, usage: usageIn(row) }]))
        await settle(
          tx,
          orphans.map(({ id, declared }) => {
            const end = ends.get(id)
            return { id, used: end ? usedBy(end, declared) : declared }
          }),
        )
        return orphans.length
      })
    },
    async keepAlive(holder, nowMs, untilMs) {
      await unit('ledger.keepAlive', async (tx) => {
        await tx
          .insert(h)
          .values({ id: holder, aliveUntilMs: untilMs })
          .onConflictDoUpdate({ target: h.id, set: { aliveUntilMs: untilMs } })
        await tx.delete(h).where(and(lte(h.aliveUntilMs, nowMs), ne(h.id, holder)))
      })
    },
    async retire(holder) {
      await unit('ledger.retire', async (tx) => {
        await tx.delete(h).where(eq(h.id, holder))
      })
    },
    async logged({ limitId, shape, keyId, model, sinceMs, untilMs }) {
      const total = (column: SQLWrapper) => sql<number>`coalesce(sum(${column}), 0)`.mapWith(Number)
      const [sums] = await unit('ledger.logged', async (tx) => {
        const held = await tx.select({ id: r.id, places: r.places }).from(r).where(eq(r.keyId, keyId))
        const counting = held.filter(({ places }) =>
          places.some((place) => place.limitId === limitId && place.shape === shape),
        )
        const ids = counting.map(({ id }) => id)
        return tx
          .select({
            requests: sql<number>`count(*)`.mapWith(Number),
            input_tokens: total(q.inputTokens),
            output_tokens: total(q.outputTokens),
            cost_micro_usd: total(q.costMicroUsd),
          })
          .from(q)
          .where(
            and(
              eq(q.keyId, keyId),
              gte(q.atMs, sinceMs),
              lt(q.atMs, untilMs),
              // The same as `usedBy` says of one.
              lt(q.httpStatus, 400),
              or(ne(q.status, 'error'), isNotNull(q.inputTokens), isNotNull(q.firstTokenMs)),
              model === null ? undefined : eq(q.model, model),
              ids.length === 0 ? undefined : notInArray(q.id, ids),
            ),
          )
      })
      const nothing = { requests: 0, input_tokens: 0, output_tokens: 0, cost_micro_usd: 0 }
      const { input_tokens, output_tokens, ...others } = sums ?? nothing
      return { ...others, input_tokens, output_tokens, total_tokens: input_tokens + output_tokens } satisfies Amounts
    },
    begin({ limitId, shape }, counts, nowMs) {
      return unit('ledger.begin', async (tx) => {
        await tx.delete(c).where(and(eq(c.limitId, limitId), ne(c.shape, shape)))
        const ours = and(eq(c.limitId, limitId), eq(c.shape, shape), gt(c.untilMs, nowMs))
        const known = await tx.select().from(c).where(ours)
        if (known.length > 0) return known
        for (const count of counts) await tx.insert(c).values(count).onConflictDoNothing()
        return tx.select().from(c).where(ours)
      })
    },
    async forget(keyId) {
      await unit('ledger.forget', async (tx) => {
        await tx.delete(r).where(eq(r.keyId, keyId))
        await tx.delete(c).where(eq(c.keyId, keyId))
      })
    },
    prune(nowMs, limit) {
      const old = { key: [c.limitId, c.shape, c.startMs], which: lte(c.untilMs, nowMs), by: c.untilMs, limit } as const
      return unit('ledger.prune', (tx) => removeOldest(tx, c, old))
    },
  }
}

type TokenColumns = { inputTokens: number | null; cachedTokens: number | null; outputTokens: number | null }

function usageIn({ inputTokens, cachedTokens, outputTokens }: TokenColumns): TokenUsage | null {
  if (inputTokens === null) return null
  return { input: inputTokens, cached: cachedTokens ?? 0, output: outputTokens ?? 0, reasoning: 0 }
}
