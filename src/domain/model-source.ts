import type { TokenUsage } from './request.ts'

/** When a source may serve a turn: nobody of the pool can, or the pool does not have the model. */
export const sourceUses = ['last_resort', 'missing_models'] as const
export type SourceUse = (typeof sourceUses)[number]

/** A model that a source offers. `model` is the name that clients ask for; a `*` at its end stands for anything. */
export type SourceModel = {
  model: string
  /** What the source calls it; null: the same. */
  upstreamModel: string | null
  inputUsdPerMillion: number
  /** Null: cached input costs what other input does. */
  cachedUsdPerMillion: number | null
  outputUsdPerMillion: number
  /** Tokens; null: not known. */
  contextWindow: number | null
}

/** Days and months are those of UTC. Null: no bound. */
type SourceBudget = { usdPerDay: number | null; usdPerMonth: number | null }

/** Which of the protocols a source speaks. Turns need one of the first two. */
export type SourceProtocols = { responses: boolean; chat: boolean; embeddings: boolean }

/** What an operator says about an OpenAI-compatible provider, but for its key. */
export type SourceDefinition = {
  name: string
  /** Up to and with its version, such as `https://api.example.com/v1`; no slash at the end. */
  baseUrl: string
  /** Whether its address may be on this machine or in this network. */
  allowPrivateAddress: boolean
  isActive: boolean
  use: SourceUse[]
  supports: SourceProtocols
  models: SourceModel[]
  /** How long an answer may take to begin. */
  timeoutSeconds: number
  maxConcurrency: number | null
  budget: SourceBudget
}

/** How the last calls went. Kept over a restart. */
export type SourceHealth = {
  lastOkAtMs: number | null
  lastFailureAtMs: number | null
  lastFailure: { code: string; message: string } | null
  /** Failures since the last call that went well. */
  failures: number
}

export const unknownHealth: SourceHealth = { lastOkAtMs: null, lastFailureAtMs: null, lastFailure: null, failures: 0 }

/** What a source has cost, with what is reserved for turns under way. */
export type SourceSpending = { dayMicroUsd: number; monthMicroUsd: number }

/** The entry that stands for a model: its own, else the longest pattern that fits. */
export function sourceModelFor(models: readonly SourceModel[], model: string): SourceModel | null {
  const own = models.find((one) => one.model === model)
  if (own) return own
  const fitting = models.filter((one) => isPattern(one) && model.startsWith(one.model.slice(0, -1)))
  return fitting.reduce<SourceModel | null>(
    (best, one) => (best === null || one.model.length > best.model.length ? one : best),
    null,
  )
}

export function isPattern({ model }: SourceModel): boolean {
  return model.endsWith('*')
}

/** In millionths of a dollar. */
export function sourceCostMicroUsd(model: SourceModel, usage: Pick<TokenUsage, 'input' | 'cached' | 'output'>): number {
  const { inputUsdPerMillion, cachedUsdPerMillion, outputUsdPerMillion } = model
  const cached = Math.min(usage.cached, usage.input)
  // Dollars per million tokens times tokens is millionths of a dollar.
  return Math.round(
    (usage.input - cached) * inputUsdPerMillion +
      cached * (cachedUsdPerMillion ?? inputUsdPerMillion) +
      usage.output * outputUsdPerMillion,
  )
}

/** The start of the day and of the month, in UTC. */
export function budgetPeriods(atMs: number): { dayAtMs: number; monthAtMs: number } {
  const day = new Date(atMs)
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()]
  return { dayAtMs: Date.UTC(year, month, day.getUTCDate()), monthAtMs: Date.UTC(year, month, 1) }
}

/** When the budget that is used up begins anew. */
export function budgetEndMs(over: 'day' | 'month', atMs: number): number {
  const day = new Date(atMs)
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()]
  return over === 'day' ? Date.UTC(year, month, day.getUTCDate() + 1) : Date.UTC(year, month + 1, 1)
}
