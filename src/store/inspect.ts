import { existsSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { keyIdName } from './key-check.ts'
import { readMigrations } from './migrate.ts'
import { withPostgres } from './postgres.ts'

/** What can be said of a database without changing it. */
export type DatabaseState =
  | { kind: 'missing' }
  | { kind: 'unreadable'; why: string }
  /** It has tables, but none of ours. */
  | { kind: 'foreign' }
  | {
      kind: 'open'
      /** Null on PostgreSQL. */
      bytes: number | null
      /** What its own check found; null: nothing, or PostgreSQL, which checks itself. */
      damage: string | null
      /** Migrations that are still to be applied. */
      pending: number
      /** Migrations of a newer release. */
      newer: string[]
      /** The id of the key that its secrets are sealed with. */
      keyId: string | null
    }

/** Looks at a database that a server may be using. May take a while on a large SQLite file: not for a server's own thread. */
export async function inspectDatabase(url: string): Promise<DatabaseState> {
  if (!url.startsWith('sqlite:')) return inspectPostgres(url)
  const path = url.slice('sqlite:'.length)
  if (!existsSync(path)) return { kind: 'missing' }
  try {
    const raw = new Database(path, { readonly: true })
    try {
      const tables = raw.prepare("select name from sqlite_master where type = 'table'").pluck().all()
      if (tables.length === 0) return { kind: 'missing' }
      if (!tables.includes('schema_migrations')) return { kind: 'foreign' }
      const applied = raw.prepare('select tag from schema_migrations').pluck().all() as string[]
      const keyId = raw.prepare('select value from meta where name = ?').pluck().get(keyIdName)
      const check = String(raw.pragma('quick_check(3)', { simple: true }))
      return {
        ...{ kind: 'open', bytes: statSync(path).size, damage: check === 'ok' ? null : check },
        ...migrationsOf(applied, 'sqlite'),
        keyId: typeof keyId === 'string' ? keyId : null,
      }
    } finally {
      raw.close()
    }
  } catch (error) {
    return { kind: 'unreadable', why: error instanceof Error ? error.message : String(error) }
  }
}

async function inspectPostgres(url: string): Promise<DatabaseState> {
  try {
    return await withPostgres(url, async (client): Promise<DatabaseState> => {
      const known = await client.query("select 1 where to_regclass('schema_migrations') is not null")
      if (known.rows.length === 0) return { kind: 'missing' }
      const applied = (await client.query('select tag from schema_migrations')).rows.map((row) => String(row.tag))
      const [key] = (await client.query(`select value from meta where name = '${keyIdName}'`)).rows
      return {
        ...{ kind: 'open', bytes: null, damage: null },
        ...migrationsOf(applied, 'postgres'),
        keyId: key === undefined ? null : String(key.value),
      }
    })
  } catch (error) {
    // The driver's message names the host and the user at most.
    return { kind: 'unreadable', why: error instanceof Error ? error.message : String(error) }
  }
}

function migrationsOf(
  applied: readonly string[],
  dialect: 'sqlite' | 'postgres',
): { pending: number; newer: string[] } {
  const known = readMigrations(dialect).map(({ tag }) => tag)
  const isApplied = new Set(applied)
  return {
    pending: known.filter((tag) => !isApplied.has(tag)).length,
    newer: applied.filter((tag) => !known.includes(tag)),
  }
}
