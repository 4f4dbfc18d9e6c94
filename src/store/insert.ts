import { getTableColumns, sql } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Db } from './unit.ts'

type Table = Tables[keyof Tables]
type Values = Record<string, unknown>
type Statement = { execute(values: Values): PromiseLike<unknown> }

/**
 * Inserts rows one at a time with one prepared statement: to put an insert of many rows into words takes far longer
 * than to carry it out. `prepare` gets a row of placeholders. Returns what the statement did for each row.
 */
export function createInsert<T extends Table>(
  table: T,
  prepare: (tx: Db, row: T['$inferInsert']) => Statement,
): (tx: Db, rows: Iterable<T['$inferSelect']>) => Promise<unknown[]> {
  const columns = Object.entries(getTableColumns(table))
  // Placeholders may stand for every value; the types of a row do not say so.
  const places = Object.fromEntries(
    columns.map(([name]) => [name, sql`${sql.placeholder(name)}`]),
  ) as unknown as T['$inferInsert']
  // SQLite has one connection and so one statement; on PostgreSQL each transaction makes its own.
  const prepared = new WeakMap<Db, Statement>()
  const encoded = (row: Values): Values => {
    const values: Values = {}
    for (const [name, column] of columns) {
      values[name] = row[name] === null ? null : column.mapToDriverValue(row[name])
    }
    return values
  }
  return async (tx, rows) => {
    const statement = prepared.get(tx) ?? prepare(tx, places)
    prepared.set(tx, statement)
    const results: unknown[] = []
    for (const row of rows) results.push(await statement.execute(encoded(row)))
    return results
  }
}
