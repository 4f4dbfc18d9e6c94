import { closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'

// Node has no locks on files. SQLite has, and the system lets go of them however a process ends: so the mark that a
// database is in use is the lock on a small file beside it.

const markOf = (path: string) => `${path}.lock`

/** Marks the database as in use until the returned function is called, or the process ends. Any number may do so. */
export function holdInUse(path: string): () => void {
  const mark = openMark(path)
  mark.exec('begin')
  mark.prepare('select count(*) from sqlite_master').get()
  return () => mark.close()
}

/** Keeps everybody else out until the returned function is called. Null: somebody uses the database. */
export function claimAlone(path: string): (() => void) | null {
  const mark = openMark(path)
  try {
    mark.exec('begin exclusive')
    return () => mark.close()
  } catch (error) {
    mark.close()
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')) return null
    throw error
  }
}

function openMark(path: string): Database.Database {
  closeSync(openSync(markOf(path), 'a', 0o600))
  return new Database(markOf(path), { timeout: 0 })
}
