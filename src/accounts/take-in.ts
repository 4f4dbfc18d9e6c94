import type { LiveEvent } from '../domain/live.ts'
import type { Bus } from '../lib/bus.ts'
import type { Catalogue } from './catalogue.ts'
import type { Pool } from './pool.ts'
import type { UsagePoll } from './usage-poll.ts'

export type TakeInDeps = { pool: Pool; bus: Bus<LiveEvent>; usagePoll: UsagePoll; catalogue: Catalogue }

/** Takes accounts whose tokens are new into the pool, and has their figures read at once. */
export function createTakeIn({ pool, bus, usagePoll, catalogue }: TakeInDeps) {
  return async (ids: readonly string[]): Promise<void> => {
    // What memory holds and has not written yet must not undo what the import has stored.
    for (const id of ids) pool.report(id, { kind: 'signed_in' })
    await pool.load()
    for (const id of ids) bus.emit({ kind: 'account', id })
    // The answer need not wait for the upstream; whoever looks a moment later sees the figures.
    void usagePoll.pollAll(ids)
    void catalogue.refresh(ids)
  }
}
