import { asc, type SQL, sql } from 'drizzle-orm'
import type { AnySQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Db } from './unit.ts'

type Old = {
  /** The columns that tell its rows apart. */
  key: readonly AnySQLiteColumn[]
  which: SQL | undefined
  /** The column that says how old a row is. */
  by: AnySQLiteColumn
  /** Rows at most. */
  limit: number
}

/** Removes rows that fit, the oldest first; resolves to how many these were. Within a unit. */
export async function removeOldest(tx: Db, table: SQLiteTable, { key, which, by, limit }: Old): Promise<number> {
  const columns = Object.fromEntries(key.map((column) => [column.name, column]))
  const old = tx.select(columns).from(table).where(which).orderBy(asc(by)).limit(limit)
  const gone = await tx
    .delete(table)
    .where(sql`(${sql.join([...key], sql`, `)}) in ${old}`)
    .returning({ by })
  return gone.length
}
