import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ReplayArrival } from '../balancer/replay.ts'
import { hourMs, minuteMs } from '../domain/quota.ts'
import type { Arrival } from '../store/request-store.ts'
import type { Store } from '../store/store.ts'

/** Turns of the log in the form that a replay takes, oldest first. */
export type RecordedLoad = {
  arrivals: ReplayArrival[]
  /** When the oldest of them may have come: later than asked for where the newest alone were kept. */
  sinceMs: number
  isCut: boolean
  /** Turns whose tokens the log does not know; their size is guessed. */
  guessed: number
  /** Of what an account had cached of a thread, the share that it was seen to count as cached. */
  cacheYield: number
}

/** Read in pages, so that no query holds up the streams for long. */
const pageRows = 1_000
const cacheLifeMs = 10 * minuteMs
const firstInputTokens = 8_000
const usualOutputTokens = 600

/** The newest `limit` turns within a time that reached the upstream. */
export async function recordedLoad(
  store: Pick<Store, 'requests'>,
  { sinceMs, untilMs, limit }: { sinceMs: number; untilMs: number; limit: number },
): Promise<RecordedLoad> {
  const reading = createReading()
  const startMs = await startFor(store, sinceMs, untilMs, limit)
  const arrivals: ReplayArrival[] = []
  let isCut = startMs > sinceMs
  let fromMs = startMs
  let atFrom = new Set<string>()
  for (;;) {
    const rows = await store.requests.arrivals({ sinceMs: fromMs, untilMs, limit: pageRows })
    // SQLite answers at once: without a turn of the event loop the pages would follow each other like one.
    await nextTurn()
    for (const row of rows) if (!atFrom.has(row.id)) arrivals.push(reading.read(row))
    const last = rows.at(-1)
    if (last === undefined || rows.length < pageRows) break
    // A page full of one moment cannot be turned by time: what is left of that moment is passed over.
    const isStuck = last.atMs === fromMs
    fromMs = isStuck ? last.atMs + 1 : last.atMs
    atFrom = new Set(isStuck ? [] : rows.filter(({ atMs }) => atMs === last.atMs).map(({ id }) => id))
    isCut ||= isStuck
  }
  if (arrivals.length > limit) {
    isCut = true
    arrivals.splice(0, arrivals.length - limit)
  }
  return { arrivals, sinceMs: isCut ? (arrivals[0]?.atMs ?? startMs) : sinceMs, isCut, ...reading.learned() }
}

/** Where to begin so that the newest `limit` turns are surely among what is read, and not many times as much. */
async function startFor(
  store: Pick<Store, 'requests'>,
  sinceMs: number,
  untilMs: number,
  limit: number,
): Promise<number> {
  const sums = await store.requests.sums({ sinceMs, untilMs, bucketMs: hourMs })
  let count = 0
  for (const { atMs, requests } of sums.toReversed()) {
    // The log counts turns that never reached the upstream, too: twice the limit leaves room for them.
    count += requests
    if (count >= 2 * limit) return Math.max(sinceMs, atMs)
  }
  return sinceMs
}

/** Follows the threads through the log: what a turn without counts may have been, and how well caches were used. */
function createReading() {
  const threads = new Map<string, { accountId: string | null; tokens: number; atMs: number }>()
  let guessed = 0
  let couldBeCached = 0
  let wasCached = 0
  return {
    read({ id, atMs, model, accountId, usage, totalMs, affinityKey, threadId, sessionId }: Arrival): ReplayArrival {
      const threadKey = affinityKey ?? threadId ?? sessionId ?? id
      const before = threads.get(threadKey)
      if (usage === null) guessed++
      const inputTokens = usage?.input ?? before?.tokens ?? firstInputTokens
      const outputTokens = usage?.output ?? usualOutputTokens
      const stayed = before !== undefined && before.accountId === accountId && atMs - before.atMs < cacheLifeMs
      if (usage !== null && stayed && before.tokens <= inputTokens) {
        couldBeCached += before.tokens
        wasCached += Math.min(usage.cached, before.tokens)
      }
      threads.set(threadKey, { accountId, tokens: inputTokens + outputTokens, atMs: atMs + totalMs })
      const what = { id, atMs, model: model ?? '', threadKey, sessionKey: sessionId }
      return { ...what, inputTokens, outputTokens, totalMs: Math.max(1, totalMs) }
    },
    learned: () => ({ guessed, cacheYield: couldBeCached === 0 ? 1 : wasCached / couldBeCached }),
  }
}
