import type { ReplayArrival } from '../../src/balancer/replay.ts'
import { weightedTokens } from '../../src/domain/burn.ts'
import { dayMs, hourMs, minuteMs } from '../../src/domain/quota.ts'
import { createRandom, type Random } from './random.ts'

/** A Monday. */
export const monthStartMs = Date.UTC(2026, 5, 1)

export type Traffic = { arrivals: ReplayArrival[]; people: number }

const sharedPrefixTokens = 8_000
const longestContextTokens = 200_000
/** Some weeks are busier than others. */
const busyWeeks = [0.85, 1.2, 0.8, 1.15, 1]

/**
 * What people and their agents ask for within some days: people are added one by one until what they ask for, with every
 * cache kept, comes to `weightedTokens`.
 */
export function trafficOf(seed: number, days: number, wantedWeighted: number): Traffic {
  const arrivals: ReplayArrival[] = []
  let sum = 0
  let people = 0
  while (sum < wantedWeighted) {
    const turns = turnsOfPerson(seed * 10_000 + people, `p${people}`, days)
    people++
    for (const { arrival, weighted } of turns) {
      arrivals.push(arrival)
      sum += weighted
    }
  }
  // The last one would be a large part of a small pool's load.
  const share = wantedWeighted / sum
  const random = createRandom(seed)
  const kept = new Map<string, boolean>()
  const isKept = (session: string) => {
    const known = kept.get(session) ?? random.isLikely(share)
    kept.set(session, known)
    return known
  }
  const chosen = arrivals.filter(({ sessionKey }) => isKept(sessionKey ?? ''))
  return { arrivals: chosen.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1)), people }
}

type Turn = { arrival: ReplayArrival; weighted: number }

function turnsOfPerson(seed: number, name: string, days: number): Turn[] {
  const random = createRandom(seed)
  const turns: Turn[] = []
  const zoneMs = random.whole(-2, 2) * 4 * hourMs
  const worksNights = random.isLikely(0.15)
  let sessions = 0
  for (let day = 0; day < days; day++) {
    const isWeekend = day % 7 >= 5
    const busy = busyWeeks[Math.floor(day / 7)] ?? 1
    if (!random.isLikely(isWeekend ? 0.15 : 0.85)) continue
    const startMs = monthStartMs + day * dayMs + random.between(8, 11) * hourMs - zoneMs
    const endMs = startMs + random.between(5, 9) * busy * hourMs
    for (let atMs = startMs; atMs < endMs; ) {
      atMs = session(random, `${name}-${sessions++}`, atMs, turns, 3) + random.skewed(25, 0.9) * minuteMs
    }
    // An agent that works on alone while its person sleeps.
    if (worksNights && random.isLikely(0.5)) {
      session(random, `${name}-${sessions++}`, endMs + random.between(2, 5) * hourMs, turns, 12)
    }
  }
  return turns.filter(({ arrival }) => arrival.atMs >= monthStartMs && arrival.atMs < monthStartMs + days * dayMs)
}

/** One conversation: runs of turns back to back, with pauses for thought between them. Returns when it is over. */
function session(random: Random, key: string, startMs: number, turns: Turn[], mostRuns: number): number {
  const main = threadOf(key, key, random)
  const runs = random.whole(1, mostRuns)
  let atMs = startMs
  for (let run = 0; run < runs; run++) {
    const length = Math.max(1, Math.round(random.skewed(14, 0.8)))
    for (let turn = 0; turn < length; turn++) atMs = main(atMs, turns)
    if (random.isLikely(0.2)) {
      // Sub-agents work side by side, and their caller goes on when the last is done.
      const ends = Array.from({ length: random.whole(2, 4) }, (_, at) => {
        const helper = threadOf(`${key}/${run}.${at}`, key, random)
        let helperMs = atMs + random.between(0, 2_000)
        for (let turn = random.whole(4, 16); turn > 0; turn--) helperMs = helper(helperMs, turns)
        return helperMs
      })
      atMs = main(Math.max(...ends), turns)
    }
    if (run < runs - 1) atMs += random.skewed(4, 1) * minuteMs
  }
  return atMs
}

/** A thread whose input grows by the last answer and what the tools said. */
function threadOf(threadKey: string, sessionKey: string, random: Random): (atMs: number, turns: Turn[]) => number {
  let known = sharedPrefixTokens
  let count = 0
  return (atMs, turns) => {
    if (known > longestContextTokens) known = sharedPrefixTokens + 12_000
    const inputTokens = Math.round(known + random.skewed(1_500, 1))
    const outputTokens = Math.round(random.skewed(350, 0.9))
    const totalMs = Math.round(2_000 + outputTokens * random.between(12, 30))
    const arrival = { id: `${threadKey}#${count++}`, atMs, model: 'gpt-5.5', threadKey, sessionKey }
    turns.push({
      arrival: { ...arrival, inputTokens, outputTokens, totalMs },
      weighted: weightedTokens({ input: inputTokens, cached: known, output: outputTokens, reasoning: 0 }),
    })
    known = inputTokens + outputTokens
    return Math.round(atMs + totalMs + random.skewed(3_000, 1))
  }
}
