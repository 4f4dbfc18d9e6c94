import type { StoredAccount } from '../domain/account.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { readAuthFile } from './auth-file.ts'

export type ImportFile = { name: string; bytes: Buffer }

/** What became of one account in a file. `name` is the file's; `path` the field at fault, empty for the whole file. */
export type ImportOutcome = { name: string } & (
  | { kind: 'imported' | 'updated'; account: StoredAccount }
  | { kind: 'rejected'; code: 'invalid_auth_json' | 'duplicate_identity_conflict'; path: string; message: string }
)

const conflicts = {
  ambiguous_seat: 'the file names no user, and more than one stored account fits; sign in again and use the new file',
  different_account: 'it is not the account that it was to be',
  refresh_token_in_use: 'its refresh token already belongs to another stored account; delete that one first',
}

/** Import accounts from credential files: each stands for itself, outcomes come in the order of the files. */
export async function importFiles(store: Store, clock: Clock, files: readonly ImportFile[]): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  for (const { name, bytes } of files) {
    for (const entry of readAuthFile(bytes, clock.now())) {
      if (!entry.ok) {
        outcomes.push({ name, kind: 'rejected', code: 'invalid_auth_json', path: entry.path, message: entry.message })
        continue
      }
      const result = await store.accounts.import(entry.candidate, clock.now())
      if (result.kind !== 'conflict') outcomes.push({ name, kind: result.kind, account: result.account })
      else {
        const message = conflicts[result.reason]
        outcomes.push({ name, kind: 'rejected', code: 'duplicate_identity_conflict', path: '', message })
      }
    }
  }
  return outcomes
}

const mostNamed = 100

/** What an import did, as the audit log keeps it: how many of each, and which accounts, as far as there is room. */
export function importedOf(outcomes: readonly ImportOutcome[]) {
  const accounts = outcomes.flatMap((outcome) => (outcome.kind === 'rejected' ? [] : [outcome.account.id]))
  const count = (kind: ImportOutcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length
  return {
    ...{ imported: count('imported'), updated: count('updated'), rejected: count('rejected') },
    accounts: [...new Set(accounts)].slice(0, mostNamed),
  }
}
