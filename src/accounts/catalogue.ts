import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { AccountCalls } from './account-calls.ts'
import type { Pool } from './pool.ts'

/** One entry as the upstream sent it: a client discards the whole list when a field is missing, so none is touched. */
type CatalogueModel = { slug: string } & Record<string, unknown>

/** The models that the pool's accounts offer together. */
export type Catalogue = {
  /** For a client of this version: an old version is not told of newer models. Empty: no account could be asked. */
  models(clientVersion?: string): Promise<CatalogueModel[]>
}

export type CatalogueDeps = {
  pool: Pool
  calls: AccountCalls
  clock: Clock
  onError: (accountId: string, error: unknown) => void
}

/** Asked for where a client does not say its version (protocol reference, §8). */
const defaultClientVersion = '0.169.0'
const versionForm = /^\d{1,4}\.\d{1,4}\.\d{1,4}$/
const freshMs = 5 * minuteMs
const deadlineMs = 15_000
const atOnce = 4
const shape = z.object({ models: z.array(z.looseObject({ slug: z.string().min(1) })) })

type Known = { atMs: number; models: CatalogueModel[] }

export function createCatalogue({ pool, calls, clock, onError }: CatalogueDeps): Catalogue {
  const known = new LRUCache<string, Known>({ max: 16 })
  const running = new Map<string, Promise<CatalogueModel[]>>()

  const ofAccount = async (accountId: string, version: string): Promise<CatalogueModel[]> => {
    try {
      const { status, json } = await calls.get(accountId, `/codex/models?client_version=${version}`, deadlineMs)
      const parsed = shape.safeParse(json)
      if (status !== 200 || !parsed.success) return []
      pool.setModels(accountId, new Set(parsed.data.models.map(({ slug }) => slug)))
      return parsed.data.models
    } catch (error) {
      onError(accountId, error)
      return []
    }
  }
  const fetchAll = async (version: string): Promise<CatalogueModel[]> => {
    const asked = pool.accounts().filter(({ health }) => health.signIn === 'ok' && !health.paused)
    const merged = new Map<string, CatalogueModel>()
    for (let from = 0; from < asked.length; from += atOnce) {
      const lists = await Promise.all(asked.slice(from, from + atOnce).map(({ id }) => ofAccount(id, version)))
      for (const model of lists.flat()) if (!merged.has(model.slug)) merged.set(model.slug, model)
    }
    const models = [...merged.values()].toSorted((a, b) => priorityOf(a) - priorityOf(b))
    // A round in which nobody answered must not take away what is known.
    if (models.length === 0) return known.get(version)?.models ?? []
    known.set(version, { atMs: clock.now(), models })
    return models
  }
  return {
    async models(clientVersion) {
      const version =
        clientVersion !== undefined && versionForm.test(clientVersion) ? clientVersion : defaultClientVersion
      const before = known.get(version)
      if (before && clock.now() - before.atMs < freshMs) return before.models
      const current = running.get(version) ?? fetchAll(version).finally(() => running.delete(version))
      running.set(version, current)
      return before?.models ?? current
    },
  }
}

function priorityOf({ priority }: CatalogueModel): number {
  return typeof priority === 'number' ? priority : Number.MAX_SAFE_INTEGER
}
