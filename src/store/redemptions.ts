import { and, desc, eq, sql } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

export function createRedemptions({ redemptions: r, counters }: Tables, unit: Unit): Store['redemptions'] {
  /** On PostgreSQL the row's lock makes beginnings take turns, so what is read afterwards holds. */
  async function takeTurns(tx: Db): Promise<void> {
    await tx
      .insert(counters)
      .values({ name: 'redemptions', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
  }

  return {
    list(accountId, limit) {
      return unit('redemptions.list', async (tx) =>
        tx.select().from(r).where(eq(r.accountId, accountId)).orderBy(desc(r.startedAtMs), desc(r.id)).limit(limit),
      )
    },
    async get(id) {
      const [row] = await unit('redemptions.get', async (tx) => tx.select().from(r).where(eq(r.id, id)))
      return row ?? null
    },
    begin(redemption) {
      const work = async (tx: Db) => {
        await takeTurns(tx)
        const [pending] = await tx
          .select({ id: r.id })
          .from(r)
          .where(and(eq(r.accountId, redemption.accountId), eq(r.outcome, 'pending')))
          .limit(1)
        if (pending !== undefined) return false
        const added = await tx.insert(r).values(redemption).onConflictDoNothing().returning({ id: r.id })
        return added.length === 1
      }
      return unit('redemptions.begin', work, 'durable')
    },
    /** What is settled stays as it is: only a pending one changes. */
    async settle(id, outcome) {
      await unit('redemptions.settle', async (tx) => {
        await tx
          .update(r)
          .set(outcome)
          .where(and(eq(r.id, id), eq(r.outcome, 'pending')))
      })
    },
  }
}
