import { budgetEndMs, isPattern, type SourceModel, type SourceUse, sourceModelFor } from '../domain/model-source.ts'
import { hourMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { ModelSource } from '../store/model-source-store.ts'
import type { Store } from '../store/store.ts'
import { afterOutcome, createHealthSaver, restEndOf, type SourceOutcome } from './health.ts'

/** A source that offers a model, and what it says of it. */
export type Candidate = { source: ModelSource; model: SourceModel }

/** One call to a source, counted in. */
export type SourceLease = {
  /** It is over. `microUsd`: what it cost; null: that is not known, and all that was reserved counts. Only the first call counts. */
  release(microUsd: number | null): void
}

/** Why a source is not even asked. `untilMs`: when it may be again, where that is known. */
export type SourceRefusal = {
  code: 'source_busy' | 'source_resting' | 'source_budget_spent'
  message: string
  untilMs: number | null
}

/** A model that only sources have, for the lists of models. */
export type ListedModel = { model: string; sourceName: string; contextWindow: number | null; createdAtMs: number }

type Need = { model: string; use: SourceUse; protocol: 'turn' | 'embeddings' }

/** The model sources: which there are, how they do, and what they may still cost. Reads memory; budgets ask the store. */
export type ModelSources = {
  /** False: there is nothing here that could serve anybody. */
  any(): boolean
  all(): readonly ModelSource[]
  get(id: string): ModelSource | null
  /** Who may serve, in the operator's order. */
  offering(need: Need): Candidate[]
  /** True where one names the model itself, for those that the pool lacks: no account need be asked first. */
  names(model: string): boolean
  /** The models that sources add to the pool's; the same object as long as nothing changes. */
  listed(): readonly ListedModel[]
  /** Counts a call in that may cost so much, in millionths of a dollar. */
  take(candidate: Candidate, microUsd: number): Promise<SourceLease | SourceRefusal>
  report(id: string, outcome: SourceOutcome): void
  inFlight(id: string): number
  load(): Promise<void>
  /** Load only when somebody else changed the stored sources. */
  refresh(): Promise<void>
  /** Counts what nobody will settle any more, and forgets old spending. */
  tend(): Promise<void>
  flush(): Promise<void>
}

export type ModelSourcesDeps = { store: Pick<Store, 'modelSources'>; clock: Clock; onError: (error: unknown) => void }

/** No turn is longer than two hours. */
const lostMs = 3 * hourMs
/** So long what was spent is kept: the month is what counts. */
const keptMs = 400 * 24 * hourMs
const lostAtOnce = 100

export function createModelSources({ store, clock, onError }: ModelSourcesDeps): ModelSources {
  let sources: readonly ModelSource[] = []
  let listed: readonly ListedModel[] = []
  let version = -1
  const inFlight = new Map<string, number>()
  const settling = new Set<Promise<unknown>>()
  const saver = createHealthSaver(clock, (source) =>
    store.modelSources.saveHealth(source.id, source.health).catch(onError),
  )

  const load = async () => {
    // The number first: what changes meanwhile is then read again.
    const next = await store.modelSources.version()
    const stored = await store.modelSources.list()
    const known = new Map(sources.map(({ id, health }) => [id, health]))
    // Of the health, memory knows more than the store.
    sources = stored.map((source) => ({ ...source, health: known.get(source.id) ?? source.health }))
    for (const id of known.keys()) if (!sources.some((source) => source.id === id)) saver.forget(id)
    listed = listedOf(sources)
    version = next
  }
  const count = (id: string, by: number) => {
    const now = (inFlight.get(id) ?? 0) + by
    if (now > 0) inFlight.set(id, now)
    else inFlight.delete(id)
  }
  const settle = (reservationId: string | null, microUsd: number | null) => {
    if (reservationId === null) return
    const work = store.modelSources.settle(reservationId, microUsd).catch(onError)
    settling.add(work)
    void work.finally(() => settling.delete(work))
  }
  const refusalOf = async ({ source }: Candidate, reservationId: string | null, microUsd: number) => {
    const nowMs = clock.now()
    const restEndMs = restEndOf(source.health, nowMs)
    if (restEndMs !== null)
      return {
        code: 'source_resting' as const,
        message: `${source.name} has failed ${source.health.failures} times in a row and rests for a moment.`,
        untilMs: restEndMs,
      }
    if (source.maxConcurrency !== null && (inFlight.get(source.id) ?? 0) > source.maxConcurrency)
      return {
        code: 'source_busy' as const,
        message: `${source.name} has as many requests as it may have at once (${source.maxConcurrency}).`,
        untilMs: null,
      }
    if (reservationId === null) return null
    const held = await store.modelSources.reserve({
      id: reservationId,
      sourceId: source.id,
      microUsd,
      atMs: nowMs,
    })
    if (held === 'reserved') return null
    const over = held === 'gone' ? null : held
    return {
      code: 'source_budget_spent' as const,
      message:
        over === null
          ? `${source.name} is not there any more.`
          : `The budget of ${source.name} for the ${over} has no room for this request.`,
      untilMs: over === null ? null : budgetEndMs(over, nowMs),
    }
  }

  return {
    any: () => sources.length > 0,
    all: () => sources,
    get: (id) => sources.find((source) => source.id === id) ?? null,
    offering({ model, use, protocol }) {
      return sources.flatMap((source) => {
        const { isActive, supports } = source
        const speaks = protocol === 'embeddings' ? supports.embeddings : supports.responses || supports.chat
        if (!isActive || !speaks || !source.use.includes(use)) return []
        const entry = sourceModelFor(source.models, model)
        return entry === null ? [] : [{ source, model: entry }]
      })
    },
    names: (model) => listed.some((one) => one.model === model),
    listed: () => listed,
    async take(candidate, microUsd) {
      const { source, model } = candidate
      // Counted in first: two that come at once must see each other.
      count(source.id, 1)
      const isFree = model.inputUsdPerMillion === 0 && model.outputUsdPerMillion === 0
      const reservationId = isFree ? null : randomId('srv_')
      try {
        const refusal = await refusalOf(candidate, reservationId, microUsd)
        if (refusal !== null) {
          count(source.id, -1)
          return refusal
        }
      } catch (error) {
        count(source.id, -1)
        throw error
      }
      let isOver = false
      return {
        release(cost) {
          if (isOver) return
          isOver = true
          count(source.id, -1)
          settle(reservationId, cost)
        },
      }
    },
    report(id, outcome) {
      const nowMs = clock.now()
      sources = sources.map((source) => {
        if (source.id !== id) return source
        const next = { ...source, health: afterOutcome(source.health, outcome, nowMs) }
        saver.changed(next)
        return next
      })
    },
    inFlight: (id) => inFlight.get(id) ?? 0,
    load,
    async refresh() {
      if ((await store.modelSources.version()) !== version) await load()
    },
    async tend() {
      const nowMs = clock.now()
      await store.modelSources.settleLost(nowMs - lostMs, lostAtOnce)
      await store.modelSources.prune(nowMs - keptMs)
    },
    async flush() {
      await Promise.all(settling)
      await saver.flush()
    },
  }
}

/** What a client can ask for by name. Of several sources the first one gives its name. */
function listedOf(sources: readonly ModelSource[]): ListedModel[] {
  const models = new Map<string, ListedModel>()
  for (const { isActive, use, supports, models: own, name, createdAtMs } of sources) {
    const serves = supports.responses || supports.chat || supports.embeddings
    if (!isActive || !serves || !use.includes('missing_models')) continue
    for (const entry of own) {
      if (isPattern(entry) || models.has(entry.model)) continue
      const { model, contextWindow } = entry
      models.set(model, { model, sourceName: name, contextWindow, createdAtMs })
    }
  }
  return [...models.values()]
}
