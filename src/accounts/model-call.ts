import { createHash } from 'node:crypto'
import type { CatalogueModel } from '../domain/catalogue.ts'
import type { AccountCalls } from './account-calls.ts'

/** `unchanged`: the list is still the one with the ETag that was sent along. `nothing`: no list came. */
export type ModelAnswer =
  | { kind: 'list'; etag: string | null; digest: string; models: CatalogueModel[] }
  | { kind: 'unchanged' }
  | { kind: 'nothing' }

const deadlineMs = 15_000
const etagForm = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/

/** Asks the upstream which models an account has. @throws TokenError, TransportError */
export async function askForModels(
  calls: AccountCalls,
  accountId: string,
  clientVersion: string,
  etag: string | null,
): Promise<ModelAnswer> {
  const path = `/codex/models?client_version=${clientVersion}`
  const answer = await calls.get(accountId, path, deadlineMs, etag)
  if (answer.status === 304 && etag !== null) return { kind: 'unchanged' }
  const models = answer.status === 200 ? modelsOf(answer.json) : []
  // An account without any model would be no account: an empty list says that something went wrong.
  if (models.length === 0) return { kind: 'nothing' }
  const digest = createHash('sha256').update(answer.text).digest('hex')
  return { kind: 'list', etag: usableEtag(answer.etag), digest, models }
}

/** One that could not be sent back would spoil every later question. */
function usableEtag(etag: string | null): string | null {
  return etag !== null && etagForm.test(etag) ? etag : null
}

/** The entries that can be told apart; each stays the object that it is. */
function modelsOf(json: unknown): CatalogueModel[] {
  if (typeof json !== 'object' || json === null || !('models' in json) || !Array.isArray(json.models)) return []
  return json.models.filter(isModel)
}

function isModel(entry: unknown): entry is CatalogueModel {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'slug' in entry &&
    typeof entry.slug === 'string' &&
    entry.slug !== ''
  )
}
