import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type CatalogueModel, modelsForClient, uniteModels } from '../domain/catalogue.ts'
import { isClientVersion } from '../domain/client-version.ts'

/** A list of models for a client; the same object as long as nothing has changed. */
export type ModelListing = {
  models: readonly CatalogueModel[]
  /** A strong ETag of the list, which says nothing of the accounts that it came from. */
  etag: string
}

const versionsKept = 32

/** Makes the list for a client of some version out of the plans' lists, best first; where there is none, of the fallback. */
export function createListings(fallback: readonly CatalogueModel[]) {
  let from: readonly (readonly CatalogueModel[])[] = []
  let whole = listing(fallback)
  const byVersion = new LRUCache<string, ModelListing>({ max: versionsKept })

  return (lists: readonly (readonly CatalogueModel[])[], clientVersion?: string): ModelListing => {
    if (from.length !== lists.length || lists.some((list, i) => list !== from[i])) {
      from = lists
      whole = listing(lists.length === 0 ? fallback : uniteModels(lists))
      byVersion.clear()
    }
    if (!isClientVersion(clientVersion)) return whole
    const known = byVersion.get(clientVersion)
    if (known) return known
    const models = modelsForClient(whole.models, clientVersion)
    const made = models === whole.models ? whole : listing(models)
    byVersion.set(clientVersion, made)
    return made
  }
}

function listing(models: readonly CatalogueModel[]): ModelListing {
  const digest = createHash('sha256').update(JSON.stringify(models)).digest('hex')
  return { models, etag: `"${digest.slice(0, 32)}"` }
}
