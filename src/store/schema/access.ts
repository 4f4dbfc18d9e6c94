import type { Role } from '../../domain/access.ts'
import type { FirewallArea, FirewallMode } from '../../domain/firewall.ts'
import type { Session, SignInMethod } from '../../domain/session.ts'
import type { Dialect } from './dialect.ts'

/** Who gets in to the dashboard, and from where. */
export function accessTables(c: Dialect) {
  const signIn = c.table('sign_in', {
    name: c.text().primaryKey(),
    passwordHash: c.text(),
    viewerPasswordHash: c.text(),
    totpSecret: c.text(),
    totpLastStep: c.int().notNull(),
    bootstrapHash: c.text(),
  })
  const recoveryCodes = c.table('recovery_codes', { hash: c.text().primaryKey() })
  const sessions = c.table(
    'sessions',
    {
      idHash: c.text().primaryKey(),
      level: c.text<Session['level']>().notNull(),
      /** Sessions of earlier releases are of the one who knew the password. */
      role: c.text<Role>().notNull().default('admin'),
      method: c.text<SignInMethod>().notNull().default('password'),
      createdAtMs: c.int().notNull(),
      lastSeenAtMs: c.int().notNull(),
      expiresAtMs: c.int().notNull(),
      userAgent: c.text(),
      address: c.text(),
    },
    (t) => [c.index('sessions_expires').on(t.expiresAtMs)],
  )
  const passkeys = c.table(
    'passkeys',
    {
      id: c.text().primaryKey(),
      /** What the authenticator calls it, base64url. */
      credentialId: c.text().notNull(),
      /** COSE, base64url. Not a secret. */
      publicKey: c.text().notNull(),
      counter: c.int().notNull(),
      transports: c.json<string[]>().notNull(),
      /** The host name that it was made for, and works at. */
      rpId: c.text().notNull(),
      name: c.text().notNull(),
      backedUp: c.bool().notNull(),
      createdAtMs: c.int().notNull(),
      lastUsedAtMs: c.int(),
    },
    (t) => [c.uniqueIndex('passkeys_credential').on(t.credentialId)],
  )
  const firewallEntries = c.table(
    'firewall_entries',
    {
      id: c.text().primaryKey(),
      cidr: c.text().notNull(),
      note: c.text().notNull(),
      createdAtMs: c.int().notNull(),
    },
    (t) => [c.uniqueIndex('firewall_entries_cidr').on(t.cidr)],
  )
  const firewallAreas = c.table('firewall_areas', {
    area: c.text<FirewallArea>().primaryKey(),
    mode: c.text<FirewallMode>().notNull(),
  })
  return { signIn, recoveryCodes, sessions, passkeys, firewallEntries, firewallAreas }
}
