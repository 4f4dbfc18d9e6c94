import { LRUCache } from 'lru-cache'
import type { AffinityKey } from '../domain/affinity.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { fingerprint } from '../lib/secrets.ts'
import type { AffinityRow } from '../store/store.ts'

/** Where a thread lives. */
export type Home = {
  accountId: string
  /** Tokens of it that the account's prompt cache is taken to hold. */
  warmTokens: number
  /** A person put it there, and no answer has begun there since. */
  byHand: boolean
}

/** What memory knows of soft keys. Rows are never changed in place. */
export type SoftKeys = {
  home(keys: readonly AffinityKey[]): Home | null
  bind(keys: readonly AffinityKey[], accountId: string): void
  warmed(keys: readonly AffinityKey[], accountId: string, tokens: number): void
  row(key: string): AffinityRow | null
  /** The later a row comes, the longer it is kept. */
  restore(rows: readonly AffinityRow[]): void
  /** Gives rows that are alive and elsewhere to an account whose cache holds nothing of them; returns their keys. */
  rehome(fits: (row: AffinityRow) => boolean, accountId: string): string[]
  /** Returns the keys that were known. */
  forget(fits: (row: AffinityRow) => boolean): string[]
}

export type SoftKeysDeps = {
  clock: Clock
  ttlMs: () => number
  maxHeld: number
  /** A key has another account (`moved`), or was only used once more. */
  onChange: (key: string, what: 'moved' | 'used') => void
}

/** The upstream keeps a prompt for some minutes after its last use; what is older is taken to be gone. */
const cacheLifeMs = 10 * minuteMs
/** Threads of one tree share instructions and tools, not the conversation: no more than this is warm for a new one. */
const sharedPrefixTokens = 8_000
/** Stands in place of warm tokens until an answer begins: kept with the row, a person's word outlives a restart. */
const movedByHand = -1

export function createSoftKeys({ clock, ttlMs, maxHeld, onChange }: SoftKeysDeps): SoftKeys {
  const held = new LRUCache<string, AffinityRow>({ max: maxHeld })

  /** A shorter life that was set meanwhile counts at once. */
  const isAlive = (row: AffinityRow) => Math.min(row.expiresAtMs, row.usedAtMs + ttlMs()) > clock.now()
  const alive = (row: AffinityRow | undefined) => (row !== undefined && isAlive(row) ? row : null)
  /** A list, so that what is done with the rows may change the cache. */
  const rowsThat = (fits: (row: AffinityRow) => boolean) => [...held.values()].filter(fits)
  const used = (row: AffinityRow): AffinityRow => {
    const nowMs = clock.now()
    return { ...row, usedAtMs: nowMs, expiresAtMs: nowMs + ttlMs() }
  }

  return {
    home(keys) {
      for (const [place, key] of keys.entries()) {
        const row = alive(held.get(digestOf(key)))
        if (row === null) continue
        const warmTokens = Math.min(warmTokensNow(row, clock.now()), place === 0 ? Infinity : sharedPrefixTokens)
        return { accountId: row.accountId, warmTokens, byHand: row.warmTokens === movedByHand }
      }
      return null
    },
    bind(keys, accountId) {
      if (ttlMs() === 0) return
      for (const one of keys) {
        const key = digestOf(one)
        const before = alive(held.get(key))
        const stays = before !== null && before.accountId === accountId
        const warmTokens = stays ? Math.max(0, before.warmTokens) : 0
        held.set(key, used({ key, kind: one.kind, accountId, warmTokens, usedAtMs: 0, expiresAtMs: 0 }))
        onChange(key, stays ? 'used' : 'moved')
      }
    },
    warmed(keys, accountId, tokens) {
      if (ttlMs() === 0) return
      for (const one of keys) {
        const key = digestOf(one)
        const before = held.get(key)
        // An answer may take longer than its key lives.
        if (before?.accountId !== accountId) continue
        held.set(key, used({ ...before, warmTokens: Math.max(0, Math.round(tokens)) }))
        onChange(key, 'used')
      }
    },
    row: (key) => held.peek(key) ?? null,
    restore(rows) {
      for (const row of rows) {
        // Earlier releases did not note the use.
        const usedAtMs = row.usedAtMs === 0 ? row.expiresAtMs - ttlMs() : row.usedAtMs
        held.set(row.key, { ...row, usedAtMs })
      }
    },
    rehome(fits, accountId) {
      const rows = rowsThat((row) => row.accountId !== accountId && isAlive(row) && fits(row))
      for (const row of rows) held.set(row.key, movedTo(row, accountId))
      return rows.map(({ key }) => key)
    },
    forget(fits) {
      const keys = rowsThat(fits).map(({ key }) => key)
      for (const key of keys) held.delete(key)
      return keys
    },
  }
}

/** The row as a person's move leaves it. */
export function movedTo(row: AffinityRow, accountId: string): AffinityRow {
  return { ...row, accountId, warmTokens: movedByHand }
}

/** What the account's prompt cache still holds, by all that is known. */
export function warmTokensNow({ warmTokens, usedAtMs }: AffinityRow, nowMs: number): number {
  return nowMs - usedAtMs < cacheLifeMs ? Math.max(0, warmTokens) : 0
}

export function digestOf({ kind, id, keyId }: AffinityKey): string {
  return shortId(keyId === undefined ? `${kind}:${id}` : `${keyId} ${kind}:${id}`)
}

/** Clients' ids may be long, and private; what is kept is a digest of fixed length. */
export function shortId(id: string): string {
  return fingerprint(id).slice(0, 32)
}
