import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Amounts, appliesTo, type LimitRefusal, refusalBy, type Standing } from '../domain/limit-counts.ts'
import { bucketAt, type KeyLimit, shapeOf, stretchesOf } from '../domain/limits.ts'
import { dayMs } from '../domain/quota.ts'
import type { LimitCount, Reservation, Settlement } from '../domain/reservation.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { Store } from '../store/store.ts'
import { createLimitBook } from './limit-book.ts'

/** A request that a key with limits wants to make. `id`: of the record that it will have. */
export type LedgerAsk = {
  id: string
  keyId: string
  limits: readonly KeyLimit[]
  model: string | null
  /** What the request may use, as far as that is known before it begins. */
  declared: Amounts
}

/** `written` resolves when a crash cannot lose the reservation any more: before that nothing may be used. */
export type Held = { id: string; declared: Amounts; written: Promise<void> }

/** `held` null: none of the limits counts such a request. */
export type Reserved = { held: Held | null; refusal: null } | { held: null; refusal: LimitRefusal }

/**
 * Counts what keys use of their limits. Each request is reserved before it begins, and then settled or released exactly
 * once; the first call for a reservation counts, every later one does nothing. A request counts in the window in which
 * it began.
 */
export type Ledger = {
  /** Takes over what is stored, and settles what a life before this one has left. */
  load(): Promise<void>
  /**
   * Memory answers; the store is asked only for a limit that was not counted before.
   * @throws AppError `overloaded` when that cannot be done
   */
  reserve(ask: LedgerAsk): Promise<Reserved>
  /** The request is over, and has used this. False: it was over already. */
  settle(held: Held, used: Amounts): boolean
  /** The request came to nothing. False: it was over already. */
  release(held: Held): boolean
  /** How each of the key's limits stands now. */
  standing(keyId: string, limits: readonly KeyLimit[]): Promise<Standing[]>
  /** The key is gone. */
  forget(keyId: string): Promise<void>
  /** Takes over what other servers on the same database have counted. To be called every few seconds. */
  refresh(): Promise<void>
  /** Lets go of what does not count any more. */
  prune(): Promise<void>
  /** Resolves when everything is stored. */
  flush(): Promise<void>
  /** Stores everything; others need not wait for us. */
  close(): Promise<void>
}

export type LedgerDeps = {
  store: Store['ledger']
  /** Puts finished requests into the log, which a new limit is counted from. */
  flushLog: () => Promise<void>
  clock: Clock
  onError: (error: unknown) => void
}

/** A server that has given no sign of life for so long is dead, and what it had under way is settled by others. */
const leaseMs = 30_000
const renewMs = 10_000
/** A request waits no longer for its reservation to be stored: with a database that is away, memory has to do. */
const patienceMs = 1_000
const settleEveryMs = 50
const maxUnwritten = 20_000
const pruneRows = 1_000

export function createLedger({ store, flushLog, clock, onError }: LedgerDeps): Ledger {
  const holder = randomId('life_')
  const book = createLimitBook()
  const open = new Map<string, Reservation>()
  /** Under way on other servers, as far as that was read. */
  let foreign: readonly Reservation[] = []
  /** Over, but not stored as such. */
  const unwritten = new Map<string, { reservation: Reservation; used: Amounts | null }>()
  let aliveUntilMs = 0

  /** What reads counts from the store takes turns with what writes them: each count is either there or here. */
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }

  const openings = createWriteBehind<Reservation>({
    ...{ clock, onError, everyMs: settleEveryMs, limit: maxUnwritten },
    write: (reservations) => store.reserve(reservations),
  })
  const endings = createWriteBehind<Settlement>({
    ...{ clock, onError, everyMs: settleEveryMs, limit: maxUnwritten },
    // The reservation itself must be there first, or nothing would be counted.
    write: (settlements) =>
      inTurn(async () => {
        await openings.flush()
        await store.settle(settlements)
        for (const { id } of settlements) unwritten.delete(id)
      }),
  })

  const count = ({ places }: Pick<Reservation, 'places'>, part: 'used' | 'reserved', amounts: Amounts, sign = 1) => {
    for (const place of places) book.add(place, part, sign * amounts[place.kind])
  }
  /** Of one limit, or of all. */
  const countOpen = (limitId: string | null) => {
    for (const { places, declared } of [...foreign, ...open.values()]) {
      const counted = limitId === null ? places : places.filter((place) => place.limitId === limitId)
      count({ places: counted }, 'reserved', declared)
    }
  }

  const keepAlive = async () => {
    const nowMs = clock.now()
    if (!store.isShared || aliveUntilMs - nowMs > leaseMs - renewMs) return
    await store.keepAlive(holder, nowMs, nowMs + leaseMs)
    aliveUntilMs = nowMs + leaseMs
  }
  const takeOver = async () => {
    await keepAlive()
    while ((await store.recover(holder, clock.now())) > 0) await nextTurn()
    const nowMs = clock.now()
    const stored = await store.load(nowMs)
    book.replace(stored.counts, nowMs)
    foreign = stored.open.filter((one) => one.holder !== holder)
    countOpen(null)
    // What the store cannot know yet.
    for (const { reservation, used } of unwritten.values()) if (used !== null) count(reservation, 'used', used)
  }

  /** Each limit once, whoever asks for it. */
  const beginning = new Map<string, Promise<void>>()
  const begin = (keyId: string, limit: KeyLimit): Promise<void> => {
    const name = `${limit.id} ${shapeOf(limit)}`
    const begun =
      beginning.get(name) ??
      inTurn(() => beginNow(keyId, limit)).finally(() => {
        beginning.delete(name)
      })
    beginning.set(name, begun)
    return begun
  }
  const beginNow = async (keyId: string, limit: KeyLimit) => {
    if (book.has(limit)) return
    await keepAlive()
    await flushLog()
    const nowMs = clock.now()
    const place = { limitId: limit.id, shape: shapeOf(limit), keyId }
    const counts = new Map<number, LimitCount>()
    for (const { bucket, sinceMs, untilMs } of stretchesOf(limit, nowMs)) {
      const logged = await store.logged({ ...place, model: limit.model, sinceMs, untilMs })
      const before = counts.get(bucket.startMs)?.used ?? 0
      counts.set(bucket.startMs, { ...place, ...bucket, used: before + logged[limit.kind] })
    }
    book.open(place, await store.begin(place, [...counts.values()], nowMs), nowMs)
    countOpen(limit.id)
  }
  const beginAll = async (keyId: string, limits: readonly KeyLimit[]) => {
    try {
      for (const limit of limits) if (!book.has(limit)) await begin(keyId, limit)
    } catch (error) {
      onError(error)
      const message = 'What this key has used cannot be read from the database; try again in 5 s.'
      throw new AppError('overloaded', { message, retryAfterSeconds: 5 }, { cause: error })
    }
  }

  const end = ({ id }: Held, used: Amounts | null): boolean => {
    const reservation = open.get(id)
    if (reservation === undefined) return false
    open.delete(id)
    count(reservation, 'reserved', reservation.declared, -1)
    if (used !== null) count(reservation, 'used', used)
    unwritten.set(id, { reservation, used })
    const [oldest] = unwritten.keys()
    if (unwritten.size > maxUnwritten && oldest !== undefined) unwritten.delete(oldest)
    endings.push({ id, used })
    return true
  }

  const ledger: Ledger = {
    load: () => inTurn(takeOver),
    async reserve({ id, keyId, limits: all, model, declared }) {
      const limits = all.filter((limit) => appliesTo(limit, model))
      if (limits.length === 0) return { held: null, refusal: null }
      await beginAll(keyId, limits)
      // From here to the end nothing waits: what is looked at is what is taken.
      const nowMs = clock.now()
      const refusal = refusalBy(limits.map((limit) => book.standing(limit, nowMs)))
      if (refusal !== null) return { held: null, refusal }
      const places = limits.map((limit) => ({
        ...{ limitId: limit.id, shape: shapeOf(limit), kind: limit.kind },
        ...bucketAt(limit, nowMs),
      }))
      const reservation: Reservation = { id, keyId, holder, atMs: nowMs, declared, places }
      open.set(id, reservation)
      count(reservation, 'reserved', declared)
      openings.push(reservation)
      const stored = openings.flush().catch(onError)
      return { held: { id, declared, written: withPatience(stored, clock) }, refusal: null }
    },
    settle: (held, used) => end(held, used),
    release: (held) => end(held, null),
    async standing(keyId, limits) {
      await beginAll(keyId, limits)
      const nowMs = clock.now()
      return limits.map((limit) => book.standing(limit, nowMs))
    },
    forget: (keyId) =>
      inTurn(async () => {
        book.forget(keyId)
        await openings.flush()
        await store.forget(keyId)
      }),
    async refresh() {
      if (store.isShared && !book.isEmpty()) await inTurn(takeOver)
    },
    async prune() {
      const held = [...open.values(), ...[...unwritten.values()].map(({ reservation }) => reservation)]
      book.dropIdle(
        clock.now() - dayMs,
        held.flatMap(({ places }) => places),
      )
      while ((await store.prune(clock.now(), pruneRows)) === pruneRows) await nextTurn()
    },
    async flush() {
      await openings.flush()
      await endings.flush()
    },
    async close() {
      await ledger.flush()
      if (aliveUntilMs > 0) await store.retire(holder)
    },
  }
  return ledger
}

function withPatience(stored: Promise<void>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(patienceMs, resolve)
    void stored.then(() => {
      cancel()
      resolve()
    })
  })
}
