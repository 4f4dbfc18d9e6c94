import type { Effort, ServiceTier } from '../../domain/api-key.ts'
import type { KeyLimit } from '../../domain/limits.ts'
import type { Dialect } from './dialect.ts'

/** Whom the pool lets in, and what each has taken. */
export function keyTables(c: Dialect) {
  const apiKeys = c.table(
    'api_keys',
    {
      id: c.text().primaryKey(),
      name: c.text().notNull(),
      notes: c.text(),
      /** Hex SHA-256: the secret itself is not kept. */
      secretHash: c.text().notNull(),
      prefix: c.text().notNull(),
      allowedModels: c.json<readonly string[]>(),
      enforcedModel: c.text(),
      enforcedEffort: c.text<Effort>(),
      allowedEfforts: c.json<readonly Effort[]>(),
      enforcedServiceTier: c.text<ServiceTier>(),
      accountIds: c.json<readonly string[]>(),
      tags: c.json<readonly string[]>(),
      allowedAddresses: c.json<readonly string[]>(),
      limits: c.json<readonly KeyLimit[]>().notNull(),
      poolSharePercent: c.int(),
      expiresAtMs: c.int(),
      isActive: c.bool().notNull(),
      createdAtMs: c.int().notNull(),
      lastUsedAtMs: c.int(),
      revision: c.int().notNull(),
    },
    (t) => [c.uniqueIndex('api_keys_secret').on(t.secretHash)],
  )
  /** Sums of the logged requests, which outlive the log. */
  const apiKeyDays = c.table(
    'api_key_days',
    {
      keyId: c.text().notNull(),
      /** The day's start, in UTC. */
      atMs: c.int().notNull(),
      requests: c.int().notNull(),
      inputTokens: c.int().notNull(),
      cachedTokens: c.int().notNull(),
      outputTokens: c.int().notNull(),
      costMicroUsd: c.int().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.keyId, t.atMs] })],
  )
  return { apiKeys, apiKeyDays }
}
