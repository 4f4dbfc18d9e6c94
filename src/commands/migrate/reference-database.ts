import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type Fernet, readFernet } from './fernet.ts'

/** One row of the Python system's database, as it stands there. */
export type Row = Record<string, unknown>

/** The data directory of the Python system, opened for reading only. */
export type ReferenceDatabase = {
  fernet: Fernet
  /** All rows of a table, in the order of a column; none when this release of the system has no such table. */
  rows(table: string, orderBy: string): Row[]
  /** The same, a bounded number at a time: for what may be large. */
  batches(table: string, key: string, size: number): Iterable<Row[]>
  count(table: string): number
  close(): void
}

/** The directory cannot be read. The message is for the person who named it. */
class NotReadable extends Error {
  /** A foreseen failure: its message is enough. */
  readonly code = 'NOT_READABLE'
}

/** @throws NotReadable */
export async function openReference(folder: string): Promise<ReferenceDatabase> {
  const path = join(folder, 'store.db')
  const keyPath = join(folder, 'encryption.key')
  if (!existsSync(path)) {
    throw new NotReadable(
      `There is no store.db in ${folder}; name the data directory of the Python codex-lb (usually ~/.codex-lb).`,
    )
  }
  const keyText = await readFile(keyPath, 'utf8').catch((error: unknown) => {
    throw new NotReadable(`The key file ${keyPath} cannot be read; without it the tokens stay closed.`, {
      cause: error,
    })
  })
  const fernet = keyOf(keyText, keyPath)
  const raw = open(path)
  const has = (table: string) =>
    raw.prepare("select 1 from sqlite_master where type = 'table' and name = ?").get(table) !== undefined
  return {
    fernet,
    // Table and column names are our own words; nothing of the database gets into a statement.
    rows: (table, orderBy) =>
      has(table) ? (raw.prepare(`select * from ${table} order by ${orderBy}`).all() as Row[]) : [],
    *batches(table, key, size) {
      if (!has(table)) return
      const next = raw.prepare(`select * from ${table} where ${key} > ? order by ${key} limit ?`)
      for (let after: unknown = -1; ; ) {
        const found = next.all(after, size) as Row[]
        if (found.length === 0) return
        yield found
        after = found.at(-1)?.[key]
      }
    },
    count: (table) =>
      has(table) ? Number((raw.prepare(`select count(*) as n from ${table}`).get() as { n: number }).n) : 0,
    close: () => raw.close(),
  }
}

function keyOf(text: string, path: string): Fernet {
  try {
    return readFernet(text)
  } catch (error) {
    throw new NotReadable(`The key file ${path} is damaged. ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    })
  }
}

function open(path: string): Database.Database {
  try {
    const raw = new Database(path, { readonly: true, fileMustExist: true })
    raw.prepare('select count(*) from accounts').get()
    return raw
  } catch (error) {
    const why = error instanceof Error ? error.message : ''
    throw new NotReadable(`${path} is no database of the Python codex-lb, or cannot be read: ${why}.`, { cause: error })
  }
}
