import { and, desc, eq, gte, like, lt, or, type SQL, sql } from 'drizzle-orm'
import type { AuditEntry, AuditFilter } from '../domain/audit.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { removeOldest } from './remove-oldest.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createAudit({ audit: t }: Tables, unit: Unit): Store['audit'] {
  return {
    async add({ actor, target, ...entry }) {
      await unit('audit.add', async (tx) => {
        await tx.insert(t).values({
          ...entry,
          actorKind: actor.kind,
          actorName: actor.name,
          actorAddress: actor.address,
          targetKind: target?.kind ?? null,
          targetId: target?.id ?? null,
        })
      })
    },
    async page({ limit, cursor, filter = {} }) {
      const after = cursor === null ? null : readCursor(cursor)
      const rows = await unit('audit.page', async (tx) =>
        tx
          .select()
          .from(t)
          .where(
            and(
              after === null ? undefined : sql`(${t.atMs}, ${t.id}) < (${after.atMs}, ${after.name})`,
              ...conditions(t, filter),
            ),
          )
          .orderBy(desc(t.atMs), desc(t.id))
          .limit(limit + 1),
      )
      const items = rows.slice(0, limit).map(entryOf)
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last ? writeCursor({ atMs: last.atMs, name: last.id }) : null }
    },
    prune(beforeMs, limit) {
      const old = { key: [t.id], which: lt(t.atMs, beforeMs), by: t.atMs, limit } as const
      return unit('audit.prune', (tx) => removeOldest(tx, t, old))
    },
  }
}

function conditions(t: Tables['audit'], filter: AuditFilter): (SQL | undefined)[] {
  const { action, actorKind, address, targetKind, targetId, outcome, sinceMs, untilMs } = filter
  return [
    // Actions are our own words: none of them has a wildcard in it.
    action === undefined ? undefined : or(eq(t.action, action), like(t.action, `${action}.%`)),
    actorKind === undefined ? undefined : eq(t.actorKind, actorKind),
    address === undefined ? undefined : eq(t.actorAddress, address),
    targetKind === undefined ? undefined : eq(t.targetKind, targetKind),
    targetId === undefined ? undefined : eq(t.targetId, targetId),
    outcome === undefined ? undefined : eq(t.outcome, outcome),
    sinceMs === undefined ? undefined : gte(t.atMs, sinceMs),
    untilMs === undefined ? undefined : lt(t.atMs, untilMs),
  ]
}

function entryOf(row: Tables['audit']['$inferSelect']): AuditEntry {
  const { actorKind, actorName, actorAddress, targetKind, targetId, ...entry } = row
  return {
    ...entry,
    actor: { kind: actorKind, name: actorName, address: actorAddress },
    target: targetKind === null || targetId === null ? null : { kind: targetKind, id: targetId },
  }
}
