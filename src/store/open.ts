import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Vault } from '../lib/secrets.ts'
import { createStore } from './create.ts'
import { keyIdName } from './key-check.ts'
import { DatabaseRefusedError } from './migrate.ts'
import { openPostgres, withPostgres } from './postgres.ts'
import { tables } from './schema.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'
import type { StoreLog } from './unit.ts'

type OpenOptions = {
  /** `sqlite:PATH`, or `postgres://…`. */
  url: string
  /** Copies of the database are put into its folder `backups`. */
  dataDir: string
  vault: Vault
  clock?: Clock
  log?: StoreLog
}

const silent: StoreLog = { warn: () => {} }

/**
 * Opens the database, makes or migrates its tables, and checks that it belongs to this key. The folder must exist.
 * @throws DatabaseRefusedError @throws KeyMismatchError
 */
export async function openStore({
  url,
  dataDir,
  vault,
  clock = systemClock,
  log = silent,
}: OpenOptions): Promise<Store> {
  const path = sqlitePath(url)
  const { unit, close, ...engine } =
    path === null ? await openPostgres(url, clock, log) : await openSqlite(path, dataDir, clock, log)
  try {
    return await createStore({ tables: path === null ? tables.postgres : tables.sqlite, unit, vault, close, ...engine })
  } catch (error) {
    await close()
    throw error
  }
}

/** True when a database is there and holds secrets of some key: then a missing key file must not be made anew. */
export async function databaseIsKeyed(url: string): Promise<boolean> {
  const path = sqlitePath(url)
  const keyId = `select value from meta where name = '${keyIdName}'`
  if (path === null) {
    return withPostgres(url, async (client) => {
      const meta = await client.query("select 1 where to_regclass('meta') is not null")
      return meta.rows.length > 0 && (await client.query(keyId)).rows.length > 0
    })
  }
  if (!existsSync(path)) return false
  const raw = new Database(path, { readonly: true })
  try {
    const meta = raw.prepare("select 1 from sqlite_master where type = 'table' and name = 'meta'").get()
    return meta !== undefined && raw.prepare(keyId).get() !== undefined
  } finally {
    raw.close()
  }
}

/** The file behind the URL, or null for PostgreSQL. */
function sqlitePath(url: string): string | null {
  if (/^postgres(ql)?:\/\//.test(url)) return null
  if (url.startsWith('sqlite:') && url.length > 'sqlite:'.length) return url.slice('sqlite:'.length)
  throw new DatabaseRefusedError('The database URL must be sqlite:PATH or postgres://… (CODEX_LB_DATABASE_URL).')
}
