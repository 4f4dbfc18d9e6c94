import type { SourceDefinition, SourceHealth, SourceSpending } from '../domain/model-source.ts'
import type { Secret } from '../lib/secrets.ts'

/** A model source as it is stored, with its key. */
export type ModelSource = SourceDefinition & {
  id: string
  apiKey: Secret | null
  /** Sources are asked in this order. */
  position: number
  createdAtMs: number
  health: SourceHealth
}

/** What a turn at a model source may cost, in millionths of a dollar. */
export type SourceReservation = { id: string; sourceId: string; microUsd: number; atMs: number }

/** OpenAI-compatible providers, and what they have cost. */
export type ModelSourceStore = {
  /** In the order in which they are asked. */
  list(): Promise<ModelSource[]>
  /** Changes whenever a source was added, changed or removed by anybody. */
  version(): Promise<number>
  /** Null: there is one of this name. */
  add(id: string, definition: SourceDefinition, apiKey: Secret | null, nowMs: number): Promise<ModelSource | null>
  /** Without `apiKey` the stored one stays. Null: no such source. */
  change(id: string, definition: SourceDefinition, apiKey?: Secret | null): Promise<ModelSource | 'name_taken' | null>
  /** False: these are not all of the sources, each once. */
  order(ids: readonly string[]): Promise<boolean>
  /** With what it has cost; logged requests stay. False: no such source. */
  remove(id: string): Promise<boolean>
  saveHealth(id: string, health: SourceHealth): Promise<void>
  /** In the day and the month of a moment. */
  spent(id: string, nowMs: number): Promise<SourceSpending>
  /** Counts what a turn may cost, if the budget has room for all of it; else which part of the budget has not. */
  reserve(reservation: SourceReservation): Promise<'reserved' | 'day' | 'month' | 'gone'>
  /** Puts the real cost in place of a reservation; null: its own amount. False: it was settled before. */
  settle(id: string, microUsd: number | null): Promise<boolean>
  /** Counts at most `limit` reservations from before a time as spent: nobody will settle them any more. */
  settleLost(beforeMs: number, limit: number): Promise<number>
  /** Forgets what was spent before a time. */
  prune(beforeMs: number): Promise<number>
}
