import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Keeping, oldestKept } from '../domain/retention.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'

/** So much in one step: streams wait while it is done. */
const rowsPerStep = 200
const pagesPerStep = 200
/** A run ends after so many steps, and the next one goes on: what years have left is not done at once. */
const stepsPerRun = 20_000

/** Deletes what is older than people want it kept. Sums of requests stay. */
export async function runRetention(
  { store, clock, settings }: { store: Pick<Store, 'retention' | 'audit'>; clock: Clock; settings: () => Keeping },
  isStopping: () => boolean = () => false,
): Promise<void> {
  const before = oldestKept(settings(), clock.now())
  const { retention, audit } = store
  const steps: [beforeMs: number | null, step: (beforeMs: number) => Promise<number>][] = [
    [before.requestsMs, (ms) => retention.pruneRequests(ms, rowsPerStep)],
    [before.detailsMs, (ms) => retention.dropDetails(ms, rowsPerStep)],
    [before.usageHoursMs, (ms) => retention.pruneUsageHours(ms, rowsPerStep)],
    [before.auditMs, (ms) => audit.prune(ms, rowsPerStep)],
    [0, async () => ((await retention.shrink(pagesPerStep)) ? rowsPerStep : 0)],
  ]
  let left = stepsPerRun
  for (const [beforeMs, step] of steps) {
    if (beforeMs === null) continue
    while (left-- > 0 && !isStopping() && (await step(beforeMs)) === rowsPerStep) await nextTurn()
  }
}
