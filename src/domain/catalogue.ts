import { isNewerVersion } from './client-version.ts'

/** One entry as the upstream sent it: a client discards the whole list when a field is missing, so none is touched. */
export type CatalogueModel = { slug: string } & Record<string, unknown>

/** One account without a fast tier must not hide it from the others. */
const tierLists = ['service_tiers', 'additional_speed_tiers'] as const

/**
 * One list of several, in the order of the models' priority. Of entries with one slug the first wins, untouched but for
 * its tiers, which are those of all.
 */
export function uniteModels(listsBestFirst: Iterable<readonly CatalogueModel[]>): CatalogueModel[] {
  const united = new Map<string, CatalogueModel>()
  for (const list of listsBestFirst) {
    for (const model of list) {
      const winner = united.get(model.slug)
      united.set(model.slug, winner === undefined ? model : withTiersOf(winner, model))
    }
  }
  return [...united.values()].toSorted(byPriority)
}

/** What a client of this version may be told of; the same list when nothing is held back. */
export function modelsForClient(models: readonly CatalogueModel[], clientVersion: string): readonly CatalogueModel[] {
  const told = models.filter(({ minimal_client_version }) => !isNewerVersion(minimal_client_version, clientVersion))
  return told.length === models.length ? models : told
}

function withTiersOf(winner: CatalogueModel, other: CatalogueModel): CatalogueModel {
  let model = winner
  for (const name of tierLists) {
    const tiers = unitedTiers(winner[name], other[name])
    if (tiers !== winner[name]) model = { ...model, [name]: tiers }
  }
  return model
}

function unitedTiers(own: unknown, others: unknown): unknown {
  if (!Array.isArray(others)) return own
  const kept: unknown[] = Array.isArray(own) ? own : []
  const names = new Set(kept.map(tierName))
  const added = others.filter((tier) => !names.has(tierName(tier)))
  return added.length === 0 ? own : [...kept, ...added]
}

/** Tiers are objects with an id in one of the lists, and plain names in the other. */
function tierName(tier: unknown): unknown {
  return typeof tier === 'object' && tier !== null && 'id' in tier ? tier.id : tier
}

/** With a second order by name: the same models must give the same list, whoever answered first. */
function byPriority(a: CatalogueModel, b: CatalogueModel): number {
  return priorityOf(a) - priorityOf(b) || (a.slug < b.slug ? -1 : 1)
}

function priorityOf({ priority }: CatalogueModel): number {
  return typeof priority === 'number' ? priority : Number.MAX_SAFE_INTEGER
}
