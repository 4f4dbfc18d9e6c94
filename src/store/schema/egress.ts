import type { EgressScheme } from '../../domain/egress.ts'
import type { Dialect } from './dialect.ts'

/** Ways out: proxies, and pools of them. */
export function egressTables(c: Dialect) {
  const egressProxies = c.table('egress_proxies', {
    id: c.text().primaryKey(),
    name: c.text().notNull(),
    scheme: c.text<EgressScheme>().notNull(),
    host: c.text().notNull(),
    port: c.int().notNull(),
    username: c.text(),
    /** Sealed. */
    password: c.text(),
    isActive: c.bool().notNull(),
    createdAtMs: c.int().notNull(),
    updatedAtMs: c.int().notNull(),
    version: c.int().notNull(),
  })
  const egressPools = c.table('egress_pools', {
    id: c.text().primaryKey(),
    name: c.text().notNull(),
    /** In order. */
    memberIds: c.json<string[]>().notNull(),
    createdAtMs: c.int().notNull(),
    updatedAtMs: c.int().notNull(),
  })
  return { egressProxies, egressPools }
}
