import { readAuthFile } from '../../accounts/auth-file.ts'
import type { Health, Preferences } from '../../domain/account.ts'
import { routingPolicies } from '../../domain/account.ts'
import type { Store } from '../../store/store.ts'
import type { ReferenceDatabase, Row } from './reference-database.ts'
import { text, time } from './values.ts'

/** What became of the accounts: ours by the ids that they had, and a sentence for each that stayed behind. */
export type MigratedAccounts = { ids: Map<string, string>; taken: number; refused: string[] }

/** Takes over every account whose tokens can be opened. Those that are here already get the tokens, if these are newer. */
export async function migrateAccounts(
  from: ReferenceDatabase,
  store: Pick<Store, 'accounts'>,
  nowMs: number,
): Promise<MigratedAccounts> {
  const done: MigratedAccounts = { ids: new Map(), taken: 0, refused: [] }
  for (const row of from.rows('accounts', 'created_at')) {
    const id = String(row.id)
    const name = text(row, 'email') ?? id
    if (row.delete_requested_at != null) continue
    const tokens = tokensOf(row, from)
    if (tokens === null) {
      done.refused.push(`${name}: its tokens were encrypted with another key, or are gone`)
      continue
    }
    const [entry] = readAuthFile(JSON.stringify(tokens), nowMs)
    if (entry === undefined || !entry.ok) {
      done.refused.push(`${name}: ${entry?.message ?? 'there are no tokens'}`)
      continue
    }
    const result = await store.accounts.import(entry.candidate, nowMs)
    if (result.kind === 'conflict') {
      done.refused.push(`${name}: it is the same login as another account here (${result.reason})`)
      continue
    }
    done.ids.set(id, result.account.id)
    done.taken++
    if (result.kind === 'updated') continue
    await store.accounts.saveHealth(result.account.id, { ...result.account.health, ...standingOf(row) })
    await store.accounts.savePreferences(result.account.id, preferencesOf(row))
  }
  return done
}

/** An auth.json as the Codex CLI writes it; null when a token stays closed. */
function tokensOf(row: Row, { fernet }: ReferenceDatabase): object | null {
  const open = (column: string) => {
    const sealed = text(row, column)
    return sealed === null ? null : (fernet.open(sealed)?.reveal() ?? null)
  }
  const [id, access, refresh] = [
    open('id_token_encrypted'),
    open('access_token_encrypted'),
    open('refresh_token_encrypted'),
  ]
  // A deleted account has empty tokens.
  if (!id || !access || !refresh) return null
  const refreshedAtMs = time(row, 'last_refresh')
  return {
    tokens: { id_token: id, access_token: access, refresh_token: refresh, account_id: text(row, 'chatgpt_account_id') },
    ...(refreshedAtMs === null ? {} : { last_refresh: new Date(refreshedAtMs).toISOString() }),
  }
}

/** What a person or the upstream has decided stays; limits are read anew. */
function standingOf(row: Row): Partial<Health> {
  const status = text(row, 'status')?.toLowerCase()
  if (status === 'paused') return { paused: true }
  if (status !== 'reauth_required' && status !== 'deactivated') return {}
  return { signIn: status, signInReason: text(row, 'deactivation_reason') }
}

function preferencesOf(row: Row): Partial<Preferences> {
  const policy = routingPolicies.find((one) => one === text(row, 'routing_policy'))
  return policy === undefined ? {} : { policy }
}
