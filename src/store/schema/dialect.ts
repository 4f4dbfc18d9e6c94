import * as p from 'drizzle-orm/pg-core'
import * as s from 'drizzle-orm/sqlite-core'

export const sqlite = {
  table: s.sqliteTable,
  index: s.index,
  uniqueIndex: s.uniqueIndex,
  primaryKey: s.primaryKey,
  text: <T extends string = string>() => s.text().$type<T>(),
  int: () => s.integer(),
  real: () => s.real(),
  bool: () => s.integer({ mode: 'boolean' }),
  json: <T>() => s.text({ mode: 'json' }).$type<T>(),
  bytes: () => s.blob({ mode: 'buffer' }),
}
/** What a table is written with, once for both engines. */
export type Dialect = typeof sqlite

export const postgres = {
  table: p.pgTable,
  index: p.index,
  uniqueIndex: p.uniqueIndex,
  primaryKey: p.primaryKey,
  text: () => p.text(),
  int: () => p.bigint({ mode: 'number' }),
  real: () => p.doublePrecision(),
  bool: () => p.boolean(),
  // Not jsonb: nothing searches in these, and jsonb refuses an escaped NUL, which a client's text may hold.
  json: () => p.json(),
  bytes: p.customType<{ data: Uint8Array }>({ dataType: () => 'bytea' }),
  // Queries are checked against SQLite's types; the store suite runs on both engines and keeps this cast honest.
} as unknown as Dialect
