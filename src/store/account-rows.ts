import { type SQL, sql } from 'drizzle-orm'
import type { Block, Health, StoredAccount } from '../domain/account.ts'
import { defaultEgress } from '../domain/egress.ts'
import { fingerprint, type Vault } from '../lib/secrets.ts'
import type { Tables } from './schema.ts'
import type { NewTokens } from './store.ts'

export type AccountRow = Tables['accounts']['$inferSelect']
type CredentialRow = Tables['credentials']['$inferSelect']

export function accountOf(row: AccountRow): StoredAccount {
  const { paused, signIn, signInReason, blocked, failures, concurrency, fitSinceMs, windows, egress, ...account } = row
  const blocks = blocked === null ? [] : (Array.isArray(blocked) ? blocked : [blocked]).map(wholeBlock)
  return {
    ...account,
    egress: egress ?? defaultEgress,
    windows: windows.map((window) => ({ ...window, staleSinceMs: window.staleSinceMs ?? null })),
    health: { paused, signIn, signInReason, blocks, failures, concurrency, fitSinceMs },
  }
}

/** Fills in what releases before did not write. */
function wholeBlock(block: Block): Block {
  return { ...block, meter: block.meter ?? null, strikes: block.strikes ?? 1 }
}

/** Only what the type names: a caller's object may carry more. */
export function healthColumns({ blocks, ...health }: Health) {
  const { paused, signIn, signInReason, failures, concurrency, fitSinceMs } = health
  return {
    paused,
    signIn,
    signInReason,
    failures,
    concurrency,
    fitSinceMs: Math.round(fitSinceMs),
    blocked: [...blocks],
  }
}

/** One more than what is stored at the moment of writing. */
export function nextVersion(table: Tables['accounts'] | Tables['credentials']): SQL {
  return sql`${table.version} + 1`
}

/** Each token is bound to its account and its kind, so no sealed value can stand in for another. */
export function sealTokens(vault: Vault, accountId: string, tokens: NewTokens) {
  return {
    accessToken: vault.seal(tokens.accessToken, `${accountId}:access`),
    refreshToken: vault.seal(tokens.refreshToken, `${accountId}:refresh`),
    idToken: tokens.idToken === null ? null : vault.seal(tokens.idToken, `${accountId}:id`),
    refreshFingerprint: fingerprint(tokens.refreshToken.reveal()),
    expiresAtMs: tokens.expiresAtMs === null ? null : Math.round(tokens.expiresAtMs),
  }
}

/** Throws UnsealError when a stored value was changed or moved. */
export function openTokens(vault: Vault, row: CredentialRow): NewTokens {
  return {
    accessToken: vault.open(row.accessToken, `${row.accountId}:access`),
    refreshToken: vault.open(row.refreshToken, `${row.accountId}:refresh`),
    idToken: row.idToken === null ? null : vault.open(row.idToken, `${row.accountId}:id`),
    expiresAtMs: row.expiresAtMs,
  }
}
