import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** One generated change of the schema; `tag` is its file's name. */
type Migration = { tag: string; statements: string[] }

/** Thrown when a database must not be used as it is. The message is for the person who starts the program. */
export class DatabaseRefusedError extends Error {
  /** The program ends with this code: a person has to mend the configuration. */
  readonly exitCode = 78
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DatabaseRefusedError'
  }
}

/** A connection that runs one statement; the drivers' own clients are of this shape. */
export type Session = { query(statement: string): Promise<{ rows: unknown[] }> }

const Journal = z.object({ entries: z.array(z.object({ tag: z.string().regex(/^[\w-]+$/) })) })
const AppliedRows = z.array(z.object({ tag: z.string() }))
const migrationsFolder = join(import.meta.dirname, '../../migrations')
// Any number will do, as long as every release takes the same.
const advisoryLock = 7_365_112_004

/** The migrations that belong to this release, in order. */
export function readMigrations(dialect: 'sqlite' | 'postgres'): Migration[] {
  const folder = join(migrationsFolder, dialect)
  const journal = Journal.parse(JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8')))
  return journal.entries.map(({ tag }) => ({
    tag,
    statements: readFileSync(join(folder, `${tag}.sql`), 'utf8').split('--> statement-breakpoint'),
  }))
}

/** What is still to be applied. Throws DatabaseRefusedError when a newer release has been here. */
export async function pendingMigrations(session: Session, known: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await session.query('select tag from schema_migrations')
  const applied = new Set(AppliedRows.parse(rows).map((row) => row.tag))
  const unknown = [...applied].filter((tag) => !known.some((migration) => migration.tag === tag))
  if (unknown.length > 0) {
    throw new DatabaseRefusedError(
      `The database was written by a newer release of codex-lb: it has the migration ${unknown.join(', ')}, which this release does not know. Start that release again, or put back the copy of the database that was taken before it.`,
    )
  }
  return known.filter((migration) => !applied.has(migration.tag))
}

/** Applies what is pending. The caller holds a transaction and the lock that keeps other processes out. */
export async function applyMigrations(session: Session, known: readonly Migration[], nowMs: number): Promise<void> {
  await session.query(
    'create table if not exists schema_migrations (tag text primary key not null, applied_at_ms bigint not null)',
  )
  for (const { tag, statements } of await pendingMigrations(session, known)) {
    for (const statement of statements) await session.query(statement)
    await session.query(`insert into schema_migrations (tag, applied_at_ms) values ('${tag}', ${nowMs})`)
  }
}

/** Brings a PostgreSQL database up to this release; replicas that start together take turns. */
export async function migratePostgres(session: Session, nowMs: number): Promise<void> {
  await session.query('begin')
  try {
    await session.query(`select pg_advisory_xact_lock(${advisoryLock})`)
    await applyMigrations(session, readMigrations('postgres'), nowMs)
    await session.query('commit')
  } catch (error) {
    await session.query('rollback')
    throw error
  }
}
