import { and, asc, desc, eq, gt, inArray, lt } from 'drizzle-orm'
import { removeOldest } from './remove-oldest.ts'
import type { createResponseRows } from './response-rows.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

type Events = Pick<Store['responses'], 'addEvents' | 'events' | 'lastSequence' | 'removeEvents'> & {
  /** Within a unit. Returns how many rows were deleted. */
  prune(tx: Db, beforeMs: number, limit: number): Promise<number>
}

/** The streams of kept responses. */
export function createResponseEvents(
  { responses: t, responseEvents: e }: Tables,
  unit: Unit,
  rows: ReturnType<typeof createResponseRows>,
): Events {
  return {
    addEvents(id, events, nowMs) {
      const row = rows.sealEvents(id, events, nowMs)
      return unit('responses.addEvents', async (tx) => {
        const [running] = await tx
          .select({ id: t.id })
          .from(t)
          .where(and(eq(t.id, id), inArray(t.status, ['queued', 'in_progress'])))
        if (running === undefined) return false
        // What was written, although its maker did not hear of it, comes again.
        await tx
          .insert(e)
          .values(row)
          .onConflictDoUpdate({ target: [e.responseId, e.firstSequence], set: row })
        return true
      })
    },
    async events(id, afterSequence, limit) {
      const found = await unit('responses.events', async (tx) =>
        tx
          .select()
          .from(e)
          .where(and(eq(e.responseId, id), gt(e.lastSequence, afterSequence)))
          .orderBy(asc(e.firstSequence))
          .limit(limit),
      )
      return found.flatMap((row) => rows.openEvents(row)).filter(({ sequence }) => sequence > afterSequence)
    },
    async lastSequence(id) {
      const [row] = await unit('responses.lastSequence', async (tx) =>
        tx.select({ last: e.lastSequence }).from(e).where(eq(e.responseId, id)).orderBy(desc(e.firstSequence)).limit(1),
      )
      return row?.last ?? -1
    },
    async removeEvents(id) {
      await unit('responses.removeEvents', async (tx) => tx.delete(e).where(eq(e.responseId, id)))
    },
    prune(tx, beforeMs, limit) {
      return removeOldest(tx, e, {
        key: [e.responseId, e.firstSequence],
        which: lt(e.atMs, beforeMs),
        by: e.atMs,
        limit,
      })
    },
  }
}
