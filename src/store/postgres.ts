import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { Clock } from '../lib/clock.ts'
import { migratePostgres } from './migrate.ts'
import { postgresUnit, type StoreLog } from './unit.ts'

const connectTimeoutMs = 5_000
const queryTimeoutMs = 30_000

/** Runs `work` on a connection of its own, without a limit on a query's time: a migration may be long. */
export async function withPostgres<R>(url: string, work: (client: pg.Client) => Promise<R>): Promise<R> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs })
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Brings the database up to this release and opens a pool of connections to it. */
export async function openPostgres(url: string, clock: Clock, log: StoreLog) {
  await withPostgres(url, (client) => migratePostgres(client, clock.now()))
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
  })
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on('error', (error) => log.warn({ reason: error.message }, 'lost a database connection'))
  const unit = postgresUnit(drizzle({ client: pool, casing: 'snake_case' }))
  const close = async () => {
    if (!pool.ending) await pool.end()
  }
  return { unit, close }
}
