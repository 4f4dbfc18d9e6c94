import type { Account } from '../domain/account.ts'
import { AppError } from '../errors.ts'
import type { Credential, Store } from '../store/store.ts'
import type { Tokens } from './tokens.ts'

/** Whose `auth.json` it is to be. */
export type ExportFormat = 'codex' | 'opencode'

/** The file that `codex login` would have written. */
type CodexFile = {
  auth_mode: 'chatgpt'
  OPENAI_API_KEY: null
  tokens: { id_token: string; access_token: string; refresh_token: string; account_id: string }
  last_refresh: string
}
/** The part of OpenCode's file that is about OpenAI. `expires` in epoch ms; 0: not known. */
type OpenCodeFile = { openai: { type: 'oauth'; refresh: string; access: string; expires: number; accountId: string } }

export type ExportDeps = { store: Store; tokens: Tokens }

/**
 * The login of an account as another program reads it. A login that came without an id token is renewed first where the
 * file needs one. @throws AppError when there is no login, or when it is being renewed at this moment
 */
export async function exportLogin(
  account: Account,
  format: ExportFormat,
  deps: ExportDeps,
): Promise<CodexFile | OpenCodeFile> {
  if (account.health.signIn !== 'ok') throw unfit('it has to be signed in again first')
  const credential = await wholeLogin(account.id, format === 'codex', deps)
  const { accessToken, refreshToken, idToken, expiresAtMs } = credential
  const [access, refresh] = [accessToken.reveal(), refreshToken.reveal()]
  if (format === 'opencode') {
    return {
      openai: { type: 'oauth', refresh, access, expires: expiresAtMs ?? 0, accountId: account.chatgptAccountId },
    }
  }
  if (idToken === null) throw unfit('its login has no id token, which Codex needs; sign it in again here')
  return {
    auth_mode: 'chatgpt',
    OPENAI_API_KEY: null,
    tokens: {
      id_token: idToken.reveal(),
      access_token: access,
      refresh_token: refresh,
      account_id: account.chatgptAccountId,
    },
    last_refresh: new Date(account.refreshedAtMs).toISOString(),
  }
}

async function wholeLogin(id: string, needsIdToken: boolean, { store, tokens }: ExportDeps): Promise<Credential> {
  const credential = await store.accounts.credential(id)
  if (credential === null) throw unfit('there is no login for it; sign it in again first')
  // A refresh token that is on its way is spent in a moment, and the file would be worthless.
  if (credential.refreshStartedAtMs !== null) throw unfit('its login is being renewed; try again in a moment')
  if (!needsIdToken || credential.idToken !== null) return credential
  try {
    await tokens.renewAhead(id, credential.version)
  } catch {
    // Whatever came of that, the account's own state tells it; here only the file counts.
    throw unfit('its login came without an id token, which Codex needs, and could not be renewed now')
  }
  return (await store.accounts.credential(id)) ?? credential
}

function unfit(why: string): AppError {
  return new AppError('account_cannot_serve', { message: `The account cannot be exported: ${why}.` })
}

/** A name that every system takes, from what the account is called. */
export function exportName(name: string, format: ExportFormat): string {
  const safe = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60)
  return `${format}-auth-${safe === '' ? 'account' : safe}.json`
}
