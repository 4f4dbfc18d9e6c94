import type { LoginFault, LoginFlow, LoginResult } from '../../domain/login.ts'
import { type Clock, pause } from '../../lib/clock.ts'
import type { ImportCandidate, Store } from '../../store/store.ts'
import type { LoginTokens } from '../../upstream/login.ts'
import { readAuthFile } from '../auth-file.ts'
import { loginFault } from './faults.ts'

export type AddLoginDeps = { store: Store; clock: Clock; onError: (error: unknown) => void }

const storeTries = 5
const never = new AbortController().signal

/**
 * Makes an account of new tokens, by the way that an imported file takes. They are nowhere but here, so the store is
 * asked several times.
 */
export async function addLogin(
  tokens: LoginTokens,
  { accountId }: Pick<LoginFlow, 'accountId'>,
  { store, clock, onError }: AddLoginDeps,
): Promise<{ result: LoginResult } | { fault: LoginFault }> {
  const candidate = candidateOf(tokens, clock.now())
  if (candidate === null) return { fault: loginFault('unusable_tokens') }
  for (let attempt = 1; ; attempt++) {
    try {
      const added = await store.accounts.import(candidate, clock.now(), accountId)
      if (added.kind !== 'conflict') {
        const { id, email, plan } = added.account
        return { result: { accountId: id, email, plan, outcome: added.kind } }
      }
      if (added.reason !== 'different_account') return { fault: loginFault(added.reason) }
      const isThere = (await store.accounts.list()).some(({ id }) => id === accountId)
      return { fault: loginFault(isThere ? 'different_account' : 'account_gone') }
    } catch (error) {
      onError(error)
      if (attempt === storeTries) return { fault: loginFault('not_stored') }
      await pause(clock, 100 * 2 ** attempt, never)
    }
  }
}

function candidateOf({ accessToken, refreshToken, idToken }: LoginTokens, nowMs: number): ImportCandidate | null {
  const tokens = {
    access_token: accessToken.reveal(),
    refresh_token: refreshToken.reveal(),
    id_token: idToken.reveal(),
  }
  const [entry] = readAuthFile(JSON.stringify({ tokens }), nowMs)
  return entry?.ok ? entry.candidate : null
}
