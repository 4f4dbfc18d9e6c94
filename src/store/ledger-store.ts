import type { Amounts } from '../domain/limit-counts.ts'
import type { LimitCount, Reservation, Settlement } from '../domain/reservation.ts'

/** What keys have used of their limits. */
export type LedgerStore = {
  /** Whether other servers may use the same database. */
  isShared: boolean
  /** What still counts, and every reservation that is open. */
  load(nowMs: number): Promise<{ counts: LimitCount[]; open: Reservation[] }>
  /** Those that are there already stay as they are. */
  reserve(reservations: readonly Reservation[]): Promise<void>
  /** Counts what was used and takes the reservation away; nothing for one that is not open any more. */
  settle(settlements: readonly Settlement[]): Promise<void>
  /** Settles reservations of servers that are dead, by the request log or as declared; returns how many, some at a time. */
  recover(holder: string, nowMs: number): Promise<number>
  /** A sign of life. Lets go of those that have given none. */
  keepAlive(holder: string, nowMs: number, untilMs: number): Promise<void>
  retire(holder: string): Promise<void>
  /**
   * What the request log says that a key has used; of one model, or of all (null). Without requests of which a
   * reservation still counts for the limit: those are counted when it is settled.
   */
  logged(
    query: Pick<LimitCount, 'limitId' | 'shape' | 'keyId'> & {
      model: string | null
      sinceMs: number
      untilMs: number
    },
  ): Promise<Amounts>
  /** Begins to count a limit with these, unless it is counted already; returns what counts. */
  begin(
    limit: Pick<LimitCount, 'limitId' | 'shape'>,
    counts: readonly LimitCount[],
    nowMs: number,
  ): Promise<LimitCount[]>
  /** The key is gone, and what is under way for it is counted nowhere. */
  forget(keyId: string): Promise<void>
  /** Deletes at most `limit` counts that do not count any more; returns how many. */
  prune(nowMs: number, limit: number): Promise<number>
}
