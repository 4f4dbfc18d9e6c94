import type { SourceHealth, SourceModel, SourceProtocols, SourceUse } from '../../domain/model-source.ts'
import type { Dialect } from './dialect.ts'

/** OpenAI-compatible providers, and what they cost. */
export function modelSourceTables(c: Dialect) {
  const modelSources = c.table(
    'model_sources',
    {
      id: c.text().primaryKey(),
      name: c.text().notNull(),
      /** The name in lower case: two sources must not be told apart by that alone. */
      nameKey: c.text().notNull(),
      baseUrl: c.text().notNull(),
      allowPrivateAddress: c.bool().notNull(),
      /** Sealed. */
      apiKey: c.text(),
      isActive: c.bool().notNull(),
      position: c.int().notNull(),
      uses: c.json<SourceUse[]>().notNull(),
      supports: c.json<SourceProtocols>().notNull(),
      models: c.json<SourceModel[]>().notNull(),
      timeoutSeconds: c.int().notNull(),
      maxConcurrency: c.int(),
      usdPerDay: c.real(),
      usdPerMonth: c.real(),
      health: c.json<SourceHealth>(),
      createdAtMs: c.int().notNull(),
      /** Counts reservations; who changes it holds the row, so that two of them see each other. */
      reservations: c.int().notNull().default(0),
    },
    (t) => [c.uniqueIndex('model_sources_name').on(t.nameKey)],
  )
  /** What was spent, by day of UTC. */
  const modelSourceSpending = c.table(
    'model_source_spending',
    {
      sourceId: c
        .text()
        .notNull()
        .references(() => modelSources.id, { onDelete: 'cascade' }),
      dayAtMs: c.int().notNull(),
      microUsd: c.int().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.sourceId, t.dayAtMs] })],
  )
  /** What turns under way may cost; one that is never settled counts as spent. */
  const modelSourceReservations = c.table(
    'model_source_reservations',
    {
      id: c.text().primaryKey(),
      sourceId: c
        .text()
        .notNull()
        .references(() => modelSources.id, { onDelete: 'cascade' }),
      dayAtMs: c.int().notNull(),
      microUsd: c.int().notNull(),
      atMs: c.int().notNull(),
    },
    (t) => [c.index('model_source_reservations_source').on(t.sourceId, t.dayAtMs)],
  )
  return { modelSources, modelSourceSpending, modelSourceReservations }
}
