import type { Actor } from '../../domain/access.ts'
import type { LoginFault, LoginFlow, LoginResult } from '../../domain/login.ts'
import type { Dialect } from './dialect.ts'

/** Sign-ins with ChatGPT that are under way, and those of the last day. */
export function loginTables(c: Dialect) {
  const logins = c.table(
    'logins',
    {
      id: c.text().primaryKey(),
      method: c.text<LoginFlow['method']>().notNull(),
      status: c.text<LoginFlow['status']>().notNull(),
      accountId: c.text(),
      startedBy: c.json<Actor>().notNull(),
      createdAtMs: c.int().notNull(),
      expiresAtMs: c.int().notNull(),
      changedAtMs: c.int().notNull(),
      stateHash: c.text(),
      intervalMs: c.int(),
      nextPollAtMs: c.int(),
      /** Sealed. */
      secrets: c.text(),
      result: c.json<LoginResult>(),
      fault: c.json<LoginFault>(),
    },
    (t) => [c.index('logins_created').on(t.createdAtMs)],
  )
  return { logins }
}
