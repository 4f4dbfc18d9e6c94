import type { AuditEntry } from '../../domain/audit.ts'
import type { Dialect } from './dialect.ts'

/** Who changed what, and who signed in. */
export function auditTables(c: Dialect) {
  const audit = c.table(
    'audit',
    {
      id: c.text().primaryKey(),
      atMs: c.int().notNull(),
      action: c.text().notNull(),
      actorKind: c.text<AuditEntry['actor']['kind']>().notNull(),
      actorName: c.text(),
      actorAddress: c.text(),
      requestId: c.text(),
      targetKind: c.text(),
      targetId: c.text(),
      outcome: c.text<AuditEntry['outcome']>().notNull(),
      before: c.json<unknown>(),
      after: c.json<unknown>(),
    },
    (t) => [c.index('audit_at').on(t.atMs, t.id)],
  )
  return { audit }
}
