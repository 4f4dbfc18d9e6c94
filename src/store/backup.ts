import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import type { Secret } from '../lib/secrets.ts'
import { claimAlone } from './in-use.ts'
import { keyIdName } from './key-check.ts'
import { readMigrations } from './migrate.ts'

/** What a backup says of itself. `key` is the text of the key file, where it was asked for. */
export type BackupInfo = { version: string; madeAtMs: number; key: Secret | null }

/** A backup cannot be made or put back. The message is for the person who asked. */
export class BackupError extends Error {
  /** A foreseen failure: its message is enough. */
  readonly code = 'BACKUP_REFUSED'
}

/** The file behind a database URL. @throws BackupError for PostgreSQL, which has tools of its own */
export function databaseFile(url: string): string {
  if (url.startsWith('sqlite:')) return url.slice('sqlite:'.length)
  throw new BackupError(
    'The database is PostgreSQL: use pg_dump and pg_restore, and keep a copy of the key file beside the dump.',
  )
}

const table = 'backup_info'

/**
 * Writes a copy of the whole database as it is at one moment, while servers go on using it. The copy is an SQLite file
 * of its own, readable by its owner only, and complete under its name or absent.
 */
export function writeBackup(databasePath: string, target: string, info: BackupInfo): void {
  if (!existsSync(databasePath)) throw new BackupError(`There is no database at ${databasePath}.`)
  const path = resolve(target)
  if (existsSync(path)) throw new BackupError(`${path} exists already; give another name.`)
  const partial = `${path}.${process.pid}.partial`
  try {
    // An empty file is accepted, and so the copy is never readable by others, not even for a moment.
    closeSync(openSync(partial, 'wx', 0o600))
    const from = new Database(databasePath, { readonly: true })
    try {
      from.prepare('vacuum into ?').run(partial)
    } finally {
      from.close()
    }
    const copy = new Database(partial)
    try {
      copy.pragma('journal_mode = delete')
      copy.exec(`create table ${table} (name text primary key not null, value text not null)`)
      const add = copy.prepare(`insert into ${table} values (?, ?)`)
      add.run('format', '1')
      add.run('version', info.version)
      add.run('made_at_ms', String(info.madeAtMs))
      if (info.key !== null) add.run('key', info.key.reveal())
    } finally {
      copy.close()
    }
    sync(partial)
    // Unlike a rename, a link never takes the place of a file that came meanwhile.
    linkSync(partial, path)
    sync(dirname(path))
  } catch (error) {
    throw error instanceof BackupError
      ? error
      : new BackupError(`The backup failed: ${reasonOf(error)}.`, { cause: error })
  } finally {
    rmSync(partial, { force: true })
  }
}

export type FoundBackup = { madeAtMs: number; version: string; keyText: string | null; keyId: string | null }

/** Looks into a backup and makes sure that it is whole and of a release that is known. @throws BackupError */
export function readBackup(path: string): FoundBackup {
  if (!existsSync(path)) throw new BackupError(`There is no file ${path}.`)
  const copy = open(path)
  try {
    const values = new Map(copy.prepare(`select name, value from ${table}`).raw().all() as [string, string][])
    if (copy.pragma('integrity_check', { simple: true }) !== 'ok') throw new BackupError(`${path} is damaged.`)
    const known = new Set(readMigrations('sqlite').map(({ tag }) => tag))
    const newer = (copy.prepare('select tag from schema_migrations').pluck().all() as string[]).filter(
      (tag) => !known.has(tag),
    )
    if (newer.length > 0) {
      throw new BackupError(`${path} was made by a newer release (${values.get('version')}); use that one.`)
    }
    const keyId = copy.prepare('select value from meta where name = ?').pluck().get(keyIdName)
    return {
      madeAtMs: Number(values.get('made_at_ms')),
      version: values.get('version') ?? 'unknown',
      keyText: values.get('key') ?? null,
      keyId: typeof keyId === 'string' ? keyId : null,
    }
  } catch (error) {
    if (error instanceof BackupError) throw error
    throw new BackupError(`${path} is no backup of codex-lb: ${reasonOf(error)}.`, { cause: error })
  } finally {
    copy.close()
  }
}

/**
 * Puts a backup in the place of the database. The database that was there is kept; the returned path is its new one,
 * null when there was none. @throws BackupError while a server uses the database
 */
export function putBack(backup: string, databasePath: string, keptFolder: string, stamp: string): string | null {
  mkdirSync(dirname(databasePath), { recursive: true, mode: 0o700 })
  const release = claimAlone(databasePath)
  if (release === null) {
    throw new BackupError('A server or another command uses this database; stop it first.')
  }
  const partial = `${databasePath}.${process.pid}.partial`
  try {
    closeSync(openSync(partial, 'wx', 0o600))
    const from = open(backup)
    try {
      from.prepare('vacuum into ?').run(partial)
    } finally {
      from.close()
    }
    const copy = new Database(partial)
    // What is dropped stays in free pages otherwise, and the key may be in there.
    copy.pragma('secure_delete = on')
    copy.exec(`drop table ${table}; vacuum`)
    copy.close()
    sync(partial)
    const kept = keep(databasePath, keptFolder, stamp)
    // What the old file's log still holds belongs to the old file.
    for (const rest of ['-wal', '-shm']) rmSync(databasePath + rest, { force: true })
    renameSync(partial, databasePath)
    sync(dirname(databasePath))
    return kept
  } finally {
    rmSync(partial, { force: true })
    release()
  }
}

/** A copy with what stands in the log of the file, so that it is whole by itself. */
function keep(databasePath: string, folder: string, stamp: string): string | null {
  if (!existsSync(databasePath)) return null
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const kept = join(folder, `codex-lb-${stamp}-before-restore.db`)
  closeSync(openSync(kept, 'w', 0o600))
  const old = new Database(databasePath)
  try {
    old.prepare('vacuum into ?').run(kept)
  } catch (error) {
    // Whoever restores may do so because the file is damaged: then it is kept as it is.
    rmSync(kept, { force: true })
    old.close()
    linkSync(databasePath, kept)
    if (!(error instanceof Error)) throw error
  } finally {
    if (old.open) old.close()
  }
  return kept
}

function open(path: string): Database.Database {
  try {
    return new Database(path, { readonly: true, fileMustExist: true })
  } catch (error) {
    throw new BackupError(`${path} cannot be read: ${reasonOf(error)}.`, { cause: error })
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
