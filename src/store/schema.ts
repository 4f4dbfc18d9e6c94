import * as p from 'drizzle-orm/pg-core'
import * as s from 'drizzle-orm/sqlite-core'
import type { Block, Health } from '../domain/account.ts'
import type { Credits, QuotaWindow, ReadingSource, WindowKind } from '../domain/quota.ts'
import type { Attempt, Outcome, OwnedKind, RequestRecord } from '../domain/request.ts'
import type { Session } from '../domain/session.ts'

const sqlite = {
  table: s.sqliteTable,
  index: s.index,
  uniqueIndex: s.uniqueIndex,
  primaryKey: s.primaryKey,
  text: <T extends string = string>() => s.text().$type<T>(),
  int: () => s.integer(),
  real: () => s.real(),
  bool: () => s.integer({ mode: 'boolean' }),
  json: <T>() => s.text({ mode: 'json' }).$type<T>(),
}
type Dialect = typeof sqlite

const postgres = {
  table: p.pgTable,
  index: p.index,
  uniqueIndex: p.uniqueIndex,
  primaryKey: p.primaryKey,
  text: () => p.text(),
  int: () => p.bigint({ mode: 'number' }),
  real: () => p.doublePrecision(),
  bool: () => p.boolean(),
  // Not jsonb: nothing searches in these, and jsonb refuses an escaped NUL, which a client's text may hold.
  json: () => p.json(),
  // Queries are checked against SQLite's types; the store suite runs on both engines and keeps this cast honest.
} as unknown as Dialect

/** Times are epoch milliseconds. Columns are named by meaning; the driver turns them into snake_case. */
function define(c: Dialect) {
  const accounts = c.table(
    'accounts',
    {
      id: c.text().primaryKey(),
      chatgptAccountId: c.text().notNull(),
      seat: c.text().notNull(),
      email: c.text(),
      plan: c.text().notNull(),
      workspaceId: c.text(),
      workspaceLabel: c.text(),
      paused: c.bool().notNull(),
      signIn: c.text<Health['signIn']>().notNull(),
      signInReason: c.text(),
      blocked: c.json<Block>(),
      failures: c.int().notNull(),
      windows: c.json<QuotaWindow[]>().notNull(),
      credits: c.json<Credits>(),
      createdAtMs: c.int().notNull(),
      refreshedAtMs: c.int().notNull(),
      version: c.int().notNull(),
    },
    (t) => [c.uniqueIndex('accounts_identity').on(t.chatgptAccountId, t.seat)],
  )
  const credentials = c.table(
    'credentials',
    {
      accountId: c
        .text()
        .primaryKey()
        .references(() => accounts.id, { onDelete: 'cascade' }),
      accessToken: c.text().notNull(),
      refreshToken: c.text().notNull(),
      idToken: c.text(),
      refreshFingerprint: c.text().notNull(),
      expiresAtMs: c.int(),
      version: c.int().notNull(),
      refreshStartedAtMs: c.int(),
    },
    (t) => [c.index('credentials_refresh_fingerprint').on(t.refreshFingerprint)],
  )
  const usageSamples = c.table(
    'usage_samples',
    {
      accountId: c.text().notNull(),
      kind: c.text<WindowKind>().notNull(),
      atMs: c.int().notNull(),
      usedPercent: c.real().notNull(),
      resetAtMs: c.int(),
      source: c.text<ReadingSource>().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.accountId, t.kind, t.atMs] }), c.index('usage_samples_at').on(t.atMs)],
  )
  const requests = c.table(
    'requests',
    {
      id: c.text().primaryKey(),
      requestId: c.text().notNull(),
      atMs: c.int().notNull(),
      route: c.text().notNull(),
      model: c.text(),
      effort: c.text(),
      serviceTier: c.text(),
      accountId: c.text(),
      keyId: c.text(),
      status: c.text<Outcome>().notNull(),
      httpStatus: c.int().notNull(),
      errorCode: c.text(),
      errorMessage: c.text(),
      inputTokens: c.int(),
      cachedTokens: c.int(),
      outputTokens: c.int(),
      reasoningTokens: c.int(),
      costMicroUsd: c.int(),
      firstTokenMs: c.int(),
      totalMs: c.int().notNull(),
      transport: c.text<RequestRecord['transport']>().notNull(),
      client: c.text(),
      sessionId: c.text(),
      threadId: c.text(),
      responseId: c.text(),
      attempts: c.json<Attempt[]>().notNull(),
      decision: c.json<unknown>(),
    },
    (t) => [c.index('requests_at').on(t.atMs, t.id)],
  )
  const affinities = c.table(
    'affinities',
    { key: c.text().primaryKey(), accountId: c.text().notNull(), expiresAtMs: c.int().notNull() },
    (t) => [c.index('affinities_expires').on(t.expiresAtMs)],
  )
  const owners = c.table(
    'owners',
    {
      kind: c.text<OwnedKind>().notNull(),
      id: c.text().notNull(),
      accountId: c.text().notNull(),
      expiresAtMs: c.int().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.kind, t.id] }), c.index('owners_expires').on(t.expiresAtMs)],
  )
  const settings = c.table('settings', { name: c.text().primaryKey(), value: c.json<unknown>().notNull() })
  /** One row: who may open the dashboard. */
  const signIn = c.table('sign_in', {
    name: c.text().primaryKey(),
    passwordHash: c.text(),
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
      createdAtMs: c.int().notNull(),
      lastSeenAtMs: c.int().notNull(),
      expiresAtMs: c.int().notNull(),
      userAgent: c.text(),
      address: c.text(),
    },
    (t) => [c.index('sessions_expires').on(t.expiresAtMs)],
  )
  const counters = c.table('counters', { name: c.text().primaryKey(), value: c.int().notNull() })
  const meta = c.table('meta', { name: c.text().primaryKey(), value: c.text().notNull() })
  const access = { signIn, recoveryCodes, sessions }
  return { accounts, credentials, usageSamples, requests, affinities, owners, settings, ...access, counters, meta }
}

/** Every table, once for each engine. */
export const tables = { sqlite: define(sqlite), postgres: define(postgres) }
export type Tables = typeof tables.sqlite
