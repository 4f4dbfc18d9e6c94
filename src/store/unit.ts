import { setTimeout as wait } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { DrizzleQueryError } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { Clock } from '../lib/clock.ts'

/** What queries run on. Typed as SQLite's; await the query builder itself and both engines understand it. */
export type Db = BetterSQLite3Database

/**
 * Runs `work` as one atomic piece: whole, or not at all when it throws. Inside, await only the database.
 * `durable` work is on the disk, not only in the system's buffers, when the promise resolves.
 */
export type Unit = <R>(name: string, work: (tx: Db) => Promise<R>, durability?: 'durable') => Promise<R>

/** The little of a logger that the store needs. */
export type StoreLog = { warn(fields: object, message: string): void }

const slowUnitMs = 50
const lockRetryMs = 5
const lockWaitMs = 5_000

/**
 * SQLite has one connection, so units take turns; BEGIN IMMEDIATE makes each one atomic even across awaits.
 * `idle` resolves when all units that were asked for so far are over.
 */
export function sqliteUnit(raw: Database.Database, db: Db, clock: Clock, log: StoreLog) {
  let last: Promise<unknown> = Promise.resolve()
  const unit: Unit = (name, work, durability) => {
    const turn = last.then(async () => {
      if (durability) raw.pragma('synchronous = full')
      try {
        await begin(raw)
        const startedAtMs = clock.now()
        const result = await work(db)
        raw.exec('commit')
        const tookMs = clock.now() - startedAtMs
        if (tookMs > slowUnitMs) log.warn({ unit: name, tookMs }, 'slow store unit')
        return result
      } finally {
        if (raw.inTransaction) raw.exec('rollback')
        if (durability && raw.open) raw.pragma('synchronous = normal')
      }
    })
    last = turn.catch(() => {}) // The caller of this unit gets the error; the next unit has nothing to do with it.
    return turn
  }
  return { unit, idle: () => last }
}

/**
 * Waits for the write lock without blocking the event loop. SQLite's own waiting (busy_timeout) would, and so could
 * never end when the holder is another store of this very process.
 */
async function begin(raw: Database.Database): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += lockRetryMs) {
    try {
      raw.exec('begin immediate')
      return
    } catch (error) {
      if (!isBusy(error) || waitedMs >= lockWaitMs) throw error
    }
    await wait(lockRetryMs)
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')
}

/** A PostgreSQL driver of drizzle, as far as a unit needs it. */
type Transactor = { transaction<R>(work: (tx: unknown) => Promise<R>): Promise<R> }

/** On PostgreSQL a unit is the driver's transaction, which is durable anyway. */
export function postgresUnit(driver: Transactor): Unit {
  return async (_name, work) => {
    try {
      // The store suite, which runs on both engines, vouches that the queries mean the same on both.
      return await driver.transaction((tx) => work(tx as Db))
    } catch (error) {
      // The wrapper's message lists every bound value, and those must not reach a log.
      throw error instanceof DrizzleQueryError ? (error.cause ?? error) : error
    }
  }
}
