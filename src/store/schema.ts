import { sql } from 'drizzle-orm'
import type { Block, Health, RoutingPolicy } from '../domain/account.ts'
import type { AffinityKind } from '../domain/affinity.ts'
import type { BurnRates } from '../domain/burn.ts'
import type { EgressChoice } from '../domain/egress.ts'
import type { Meter } from '../domain/meter.ts'
import type { Credits, QuotaWindow, ReadingSource, WindowKind } from '../domain/quota.ts'
import type { Redemption } from '../domain/redemption.ts'
import type { Attempt, Outcome, OwnedKind, RequestRecord } from '../domain/request.ts'
import type { GroupState } from '../domain/settings.ts'
import type { AccountStatistics } from '../domain/statistics.ts'
import type { StoredKind, StoredStatus } from '../domain/stored.ts'
import { accessTables } from './schema/access.ts'
import { auditTables } from './schema/audit.ts'
import { type Dialect, postgres, sqlite } from './schema/dialect.ts'
import { egressTables } from './schema/egress.ts'
import { keyTables } from './schema/keys.ts'
import { ledgerTables } from './schema/ledger.ts'
import { loginTables } from './schema/logins.ts'
import { modelSourceTables } from './schema/model-sources.ts'
import { notificationTables } from './schema/notifications.ts'
import { priceTables } from './schema/prices.ts'
import { requestSumTables } from './schema/request-sums.ts'

/** Times are epoch milliseconds. Columns are named by meaning; the driver turns them into snake_case. */
function define(c: Dialect) {
  const accounts = c.table(
    'accounts',
    {
      id: c.text().primaryKey(),
      chatgptAccountId: c.text().notNull(),
      seat: c.text().notNull(),
      email: c.text(),
      /** What a person calls the account. */
      alias: c.text(),
      plan: c.text().notNull(),
      workspaceId: c.text(),
      workspaceLabel: c.text(),
      paused: c.bool().notNull(),
      signIn: c.text<Health['signIn']>().notNull(),
      signInReason: c.text(),
      /** A list; releases before it wrote one block. */
      blocked: c.json<Block[] | Block>(),
      failures: c.int().notNull(),
      concurrency: c.json<Health['concurrency']>(),
      fitSinceMs: c.int().notNull().default(0),
      policy: c.text<RoutingPolicy>().notNull().default('normal'),
      priority: c.int().notNull().default(0),
      tags: c.json<string[]>().notNull().default(sql`'[]'`),
      /** Null: the way of all. */
      egress: c.json<EgressChoice>(),
      windows: c.json<QuotaWindow[]>().notNull(),
      meters: c.json<Meter[]>().notNull().default(sql`'[]'`),
      credits: c.json<Credits>(),
      limitReached: c.text(),
      burn: c.json<BurnRates>(),
      statistics: c.json<AccountStatistics>(),
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
  const usageHours = c.table(
    'usage_hours',
    {
      accountId: c.text().notNull(),
      kind: c.text<WindowKind>().notNull(),
      /** The hour's start. */
      atMs: c.int().notNull(),
      lastPercent: c.real().notNull(),
      minPercent: c.real().notNull(),
      maxPercent: c.real().notNull(),
      /** Percent points used up within the hour, resets left out. */
      burnedPercent: c.real().notNull(),
      resetAtMs: c.int(),
      samples: c.int().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.accountId, t.kind, t.atMs] }), c.index('usage_hours_at').on(t.atMs)],
  )
  const redemptions = c.table(
    'redemptions',
    {
      /** The idempotency key that the upstream gets. */
      id: c.text().primaryKey(),
      accountId: c.text().notNull(),
      creditId: c.text(),
      by: c.text<Redemption['by']>().notNull(),
      outcome: c.text<Redemption['outcome']>().notNull(),
      error: c.text(),
      windowsReset: c.int(),
      startedAtMs: c.int().notNull(),
      settledAtMs: c.int(),
    },
    (t) => [c.index('redemptions_account').on(t.accountId, t.startedAtMs)],
  )
  /** The model list of a plan, as it was fetched last; entries as the upstream sent them. */
  const catalogues = c.table(
    'catalogues',
    {
      plan: c.text().notNull(),
      clientVersion: c.text().notNull(),
      etag: c.text(),
      fetchedAtMs: c.int().notNull(),
      models: c.json<({ slug: string } & Record<string, unknown>)[]>().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.plan, t.clientVersion] })],
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
      affinityKey: c.text(),
      waitedMs: c.int(),
      /** Where the client called from. */
      clientAddress: c.text(),
      /** The model source that answered in place of an account. */
      sourceId: c.text(),
      /** The egress proxy that the answer came through. */
      egressId: c.text(),
      /** The client was told to ask again elsewhere, and its user saw nothing. Null: logged by an earlier release. */
      moved: c.bool(),
      /** Part of the sums; null: logged by an earlier release, and not counted yet. */
      counted: c.bool(),
      attempts: c.json<Attempt[]>().notNull(),
      decision: c.json<unknown>(),
    },
    (t) => [
      c.index('requests_at').on(t.atMs, t.id),
      c.index('requests_key').on(t.keyId, t.atMs),
      c
        .index('requests_conversation')
        .on(sql`(case when ${t.threadId} is null then ${t.sessionId} else ${t.threadId} end)`, t.atMs, t.id),
      // The next three hold few rows, and cost those that are not among them nothing.
      c.index('requests_error').on(t.errorCode, t.atMs, t.id).where(sql`${t.errorCode} is not null`),
      c.index('requests_source').on(t.sourceId, t.atMs, t.id).where(sql`${t.sourceId} is not null`),
      c.index('requests_uncounted').on(t.atMs, t.id).where(sql`${t.counted} is null`),
    ],
  )
  /** What clients asked to be kept. */
  const responses = c.table(
    'responses',
    {
      id: c.text().primaryKey(),
      kind: c.text<StoredKind>().notNull(),
      keyId: c.text(),
      status: c.text<StoredStatus>().notNull(),
      background: c.bool().notNull(),
      model: c.text(),
      previousId: c.text(),
      threadId: c.text().notNull(),
      createdAtMs: c.int().notNull(),
      aliveUntilMs: c.int(),
      /** Of the content before it was sealed. */
      inputBytes: c.int().notNull(),
      outputBytes: c.int().notNull(),
      /** Sealed. */
      metadata: c.text().notNull(),
    },
    (t) => [
      c.index('responses_created').on(t.kind, t.createdAtMs, t.id),
      c.index('responses_alive').on(t.aliveUntilMs),
    ],
  )
  /** Their content, sealed; apart, because it is large and the rest of a row changes more often. */
  const responseContents = c.table('response_contents', {
    responseId: c
      .text()
      .primaryKey()
      .references(() => responses.id, { onDelete: 'cascade' }),
    input: c.text().notNull(),
    output: c.text().notNull(),
  })
  /** Their streams, several events to a row, sealed. */
  const responseEvents = c.table(
    'response_events',
    {
      responseId: c
        .text()
        .notNull()
        .references(() => responses.id, { onDelete: 'cascade' }),
      firstSequence: c.int().notNull(),
      lastSequence: c.int().notNull(),
      atMs: c.int().notNull(),
      events: c.text().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.responseId, t.firstSequence] }), c.index('response_events_at').on(t.atMs)],
  )
  /** Where the items of kept responses are found again by their ids, which later requests may name. */
  const responseItems = c.table(
    'response_items',
    {
      responseId: c
        .text()
        .notNull()
        .references(() => responses.id, { onDelete: 'cascade' }),
      /** Digest of the response's key and the item's id: clients may choose ids, and those are not stored. */
      item: c.text().notNull(),
      /** That of the response. */
      createdAtMs: c.int().notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.responseId, t.item] }),
      c.index('response_items_item').on(t.item, t.createdAtMs),
    ],
  )
  const affinities = c.table(
    'affinities',
    {
      key: c.text().primaryKey(),
      kind: c.text<AffinityKind>().notNull().default('thread'),
      accountId: c.text().notNull(),
      /** Tokens of the prefix that the account's prompt cache is taken to hold. */
      warmTokens: c.int().notNull().default(0),
      usedAtMs: c.int().notNull().default(0),
      expiresAtMs: c.int().notNull(),
    },
    (t) => [c.index('affinities_expires').on(t.expiresAtMs)],
  )
  const owners = c.table(
    'owners',
    {
      kind: c.text<OwnedKind>().notNull(),
      id: c.text().notNull(),
      accountId: c.text().notNull(),
      /** The client key that made the object. */
      keyId: c.text(),
      expiresAtMs: c.int().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.kind, t.id] }), c.index('owners_expires').on(t.expiresAtMs)],
  )
  /** One row per group. The row `settings` is of releases that kept all of them in one. */
  const settings = c.table('settings', {
    name: c.text().primaryKey(),
    value: c.json<unknown>().notNull(),
    version: c.int().notNull().default(0),
    updatedAtMs: c.int(),
    updatedBy: c.json<GroupState['updatedBy']>(),
  })
  const counters = c.table('counters', { name: c.text().primaryKey(), value: c.int().notNull() })
  const meta = c.table('meta', { name: c.text().primaryKey(), value: c.text().notNull() })
  const usage = { usageSamples, usageHours, redemptions, catalogues }
  const stored = { responses, responseContents, responseEvents, responseItems }
  return {
    accounts,
    credentials,
    ...usage,
    requests,
    ...requestSumTables(c),
    ...priceTables(c),
    ...stored,
    affinities,
    owners,
    settings,
    ...accessTables(c),
    ...auditTables(c),
    ...keyTables(c),
    ...ledgerTables(c),
    ...notificationTables(c),
    ...loginTables(c),
    ...modelSourceTables(c),
    ...egressTables(c),
    counters,
    meta,
  }
}

/** Every table, once for each engine. */
export const tables = { sqlite: define(sqlite), postgres: define(postgres) }
export type Tables = typeof tables.sqlite
