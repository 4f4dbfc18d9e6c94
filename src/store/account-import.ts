import { and, eq, ne } from 'drizzle-orm'
import { healthy } from '../domain/account.ts'
import { fingerprint, type Vault } from '../lib/secrets.ts'
import { type AccountRow, accountOf, healthColumns, nextVersion, sealTokens } from './account-rows.ts'
import type { Tables } from './schema.ts'
import type { ImportCandidate, ImportResult } from './store.ts'
import type { Db } from './unit.ts'

/** Which stored account a file is about: one that is there, a new one, or nobody can tell. */
type Target = { kind: 'known'; row: AccountRow; seat: string } | { kind: 'new'; seat: string } | { kind: 'ambiguous' }

/** The import inside its unit, which keeps every other import out while it looks and writes. */
export async function importAccount(
  tx: Db,
  t: Tables,
  vault: Vault,
  candidate: ImportCandidate,
  nowMs: number,
  onlyId: string | null,
): Promise<ImportResult> {
  const sameWorkspace = await tx
    .select()
    .from(t.accounts)
    .where(eq(t.accounts.chatgptAccountId, candidate.chatgptAccountId))
  const target = findTarget(sameWorkspace, candidate)
  if (target.kind === 'ambiguous') return { kind: 'conflict', reason: 'ambiguous_seat' }
  if (onlyId !== null && (target.kind !== 'known' || target.row.id !== onlyId)) {
    return { kind: 'conflict', reason: 'different_account' }
  }
  const id = target.kind === 'known' ? target.row.id : accountId(candidate.chatgptAccountId, target.seat)
  const refreshFingerprint = fingerprint(candidate.tokens.refreshToken.reveal())
  const [holder] = await tx
    .select({ accountId: t.credentials.accountId })
    .from(t.credentials)
    .where(and(eq(t.credentials.refreshFingerprint, refreshFingerprint), ne(t.credentials.accountId, id)))
    .limit(1)
  if (holder) return { kind: 'conflict', reason: 'refresh_token_in_use' }
  if (target.kind === 'known') return heal(tx, t, vault, target, candidate, refreshFingerprint, nowMs)

  // The id may be taken by an account that was first known by this e-mail address and has another one now.
  if (sameWorkspace.some((row) => row.id === id)) return { kind: 'conflict', reason: 'ambiguous_seat' }
  const row: AccountRow = {
    id,
    chatgptAccountId: candidate.chatgptAccountId,
    seat: target.seat,
    ...profile(candidate),
    ...healthColumns(healthy),
    ...{ policy: 'normal', priority: 0, tags: [], alias: null, egress: null },
    ...{ windows: [], meters: [], credits: null, limitReached: null, burn: null, statistics: null },
    createdAtMs: nowMs,
    refreshedAtMs: candidate.refreshedAtMs,
    version: 1,
  }
  await tx.insert(t.accounts).values(row)
  await tx.insert(t.credentials).values({ accountId: id, ...sealTokens(vault, id, candidate.tokens), version: 1 })
  return { kind: 'imported', account: accountOf(row) }
}

/** Replaces what the file knows better. A stale copy of the file must not put spent tokens in the place of live ones. */
async function heal(
  tx: Db,
  t: Tables,
  vault: Vault,
  { row, seat }: { row: AccountRow; seat: string },
  candidate: ImportCandidate,
  refreshFingerprint: string,
  nowMs: number,
): Promise<ImportResult> {
  const [credential] = await tx.select().from(t.credentials).where(eq(t.credentials.accountId, row.id))
  const stale =
    row.signIn === 'ok' &&
    row.signInReason === null &&
    candidate.refreshedAtMs < row.refreshedAtMs &&
    credential !== undefined &&
    credential.refreshFingerprint !== refreshFingerprint
  if (!stale) {
    const tokens = sealTokens(vault, row.id, candidate.tokens)
    await tx
      .insert(t.credentials)
      .values({ accountId: row.id, ...tokens, version: 1 })
      .onConflictDoUpdate({
        target: t.credentials.accountId,
        set: { ...tokens, version: nextVersion(t.credentials), refreshStartedAtMs: null },
      })
  }
  const [updated] = await tx
    .update(t.accounts)
    .set({
      seat,
      ...(stale ? merged(row, candidate) : merged(candidate, row)),
      signIn: 'ok',
      signInReason: null,
      failures: 0,
      blocked: accountOf(row).health.blocks.filter(({ by }) => by !== 'errors'),
      fitSinceMs: row.signIn === 'ok' ? row.fitSinceMs : Math.max(row.fitSinceMs, Math.round(nowMs)),
      refreshedAtMs: stale ? row.refreshedAtMs : candidate.refreshedAtMs,
      version: nextVersion(t.accounts),
    })
    .where(eq(t.accounts.id, row.id))
    .returning()
  if (!updated) throw new Error('The account vanished while it was imported.')
  return { kind: 'updated', account: accountOf(updated) }
}

function findTarget(rows: readonly AccountRow[], { seat, email }: ImportCandidate): Target {
  const address = email?.toLowerCase() ?? null
  const seatOfAddress = `email:${address}`
  if (seat !== null) {
    const row =
      rows.find((row) => row.seat === seat) ??
      (address === null ? undefined : rows.find((row) => row.seat === seatOfAddress))
    return row ? { kind: 'known', row, seat } : { kind: 'new', seat }
  }
  if (address === null) throw new TypeError('A file to import must name a seat or an e-mail address.')
  const [row, another] = rows.filter((row) => row.seat === seatOfAddress || row.email?.toLowerCase() === address)
  if (another) return { kind: 'ambiguous' }
  return row ? { kind: 'known', row, seat: row.seat } : { kind: 'new', seat: seatOfAddress }
}

type Profile = Pick<AccountRow, 'email' | 'plan' | 'workspaceId' | 'workspaceLabel'>

function profile({ email, plan, workspaceId, workspaceLabel }: Profile): Profile {
  return { email, plan, workspaceId, workspaceLabel }
}

/** Field by field what the better source knows, else what the other knows. */
function merged(better: Profile, other: Profile): Profile {
  return {
    email: better.email ?? other.email,
    plan: better.plan === 'unknown' ? other.plan : better.plan,
    workspaceId: better.workspaceId ?? other.workspaceId,
    workspaceLabel: better.workspaceLabel ?? other.workspaceLabel,
  }
}

/** The same identity always gets the same id, so an account that comes back finds its logged history. */
function accountId(chatgptAccountId: string, seat: string): string {
  return `acc_${fingerprint(`${chatgptAccountId}\n${seat}`).slice(0, 20)}`
}
