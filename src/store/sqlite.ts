import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import type { Clock } from '../lib/clock.ts'
import { holdInUse } from './in-use.ts'
import { applyMigrations, DatabaseRefusedError, pendingMigrations, readMigrations, type Session } from './migrate.ts'
import { type StoreLog, sqliteUnit, type Unit } from './unit.ts'

const setupTimeoutMs = 5_000

/** Opens or makes the file, readable by its owner only, and brings its tables up to this release. */
export async function openSqlite(path: string, dataDir: string, clock: Clock, log: StoreLog) {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const letGo = holdInUse(path)
  const raw = new Database(path, { timeout: setupTimeoutMs })
  try {
    // It has to be said before there is a table; an older file is left as it is.
    if (statSync(path).size === 0) raw.pragma('auto_vacuum = incremental')
    raw.pragma('journal_mode = wal')
    raw.pragma('synchronous = normal')
    // From here on units wait for the lock themselves, without blocking the event loop.
    raw.pragma('busy_timeout = 0')
    const { unit, idle } = sqliteUnit(raw, drizzle({ client: raw, casing: 'snake_case' }), clock, log)
    await migrate(raw, unit, join(dataDir, 'backups'), clock, log)
    const close = async () => {
      await idle()
      raw.close()
      letGo()
    }
    const freePages = (pages: number) => void raw.exec(`pragma incremental_vacuum(${pages})`)
    return { unit, close, freePages }
  } catch (error) {
    raw.close()
    letGo()
    throw error
  }
}

async function migrate(raw: Database.Database, unit: Unit, backups: string, clock: Clock, log: StoreLog) {
  const session: Session = {
    async query(statement) {
      const prepared = raw.prepare(statement)
      if (prepared.reader) return { rows: prepared.all() }
      prepared.run()
      return { rows: [] }
    },
  }
  const known = readMigrations('sqlite')
  const present = raw.prepare("select name from sqlite_master where type = 'table'").pluck().all()
  if (present.length > 0) {
    if (!present.includes('schema_migrations')) {
      throw new DatabaseRefusedError(
        `${raw.name} is a database of another program: it has tables, but none of codex-lb's. Set CODEX_LB_DATABASE_URL to another file.`,
      )
    }
    const last = (await pendingMigrations(session, known)).at(-1)
    if (last) copyBefore(raw, backups, last.tag, clock.now(), log)
  }
  // SQLite changes a table by making it anew, and dropping the old one would delete the rows that refer to it.
  raw.pragma('foreign_keys = off')
  await unit(
    'migrate',
    async () => {
      await applyMigrations(session, known, clock.now())
      const broken = await session.query('pragma foreign_key_check')
      if (broken.rows.length > 0) throw new DatabaseRefusedError('A migration left rows that refer to nothing.')
    },
    'durable',
  )
  raw.pragma('foreign_keys = on')
}

/** A consistent copy of the whole database, complete under its name or absent. */
function copyBefore(raw: Database.Database, folder: string, tag: string, nowMs: number, log: StoreLog): void {
  const [day, time] = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T')
  const copy = join(folder, `codex-lb-${day}-${time}-before-${tag}.db`)
  const partial = `${copy}.${process.pid}.partial`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // VACUUM INTO accepts an empty file, and so the copy is never readable by others, not even for a moment.
  closeSync(openSync(partial, 'w', 0o600))
  raw.prepare('vacuum into ?').run(partial)
  renameSync(partial, copy)
  log.warn({ copy }, 'copied the database before a migration')
}
