import type { AffinityRow } from '../../src/store/store.ts'

/** A soft key as it is stored, warm with 1,000 tokens. */
export function affinityRow(key: string, given: Partial<AffinityRow> = {}): AffinityRow {
  return { key, kind: 'thread', accountId: 'acc_1', warmTokens: 1_000, usedAtMs: 10, expiresAtMs: 100, ...given }
}
