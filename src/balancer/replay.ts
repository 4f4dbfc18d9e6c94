import type { Account } from '../domain/account.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import { createAgenda } from './replay/agenda.ts'
import { type CacheRules, createModelCache } from './replay/cache.ts'
import { createHomes } from './replay/homes.ts'
import type { ReplayReport } from './replay/tally.ts'
import { createTurns, type Happening, type ReplayArrival } from './replay/turns.ts'
import { createModelUpstream, type Fault, type ModelAccount } from './replay/upstream.ts'
import { createView } from './replay/view.ts'

export type { ReplayReport } from './replay/tally.ts'
export type { ReplayArrival } from './replay/turns.ts'
export type { Fault, ModelAccount, ModelWindow } from './replay/upstream.ts'

export type ReplayInput = {
  /** The accounts as the product knows them when it begins. */
  accounts: readonly Account[]
  /** The same accounts as they truly are. */
  upstream: readonly ModelAccount[]
  /** Oldest first. */
  arrivals: readonly ReplayArrival[]
  faults?: readonly Fault[]
  settings: Settings
  rules?: Partial<ReplayRules>
}

/** How the modelled upstream behaves beside its windows. */
export type ReplayRules = CacheRules & {
  /** How long a refusal and a failure take to come. */
  refusalMs: number
  failureMs: number
  /** The longest time until an answer begins. */
  startMs: number
  /** How often an account's figures are polled. */
  pollMs: number
  /** The share of calls that fail for no reason that lasts. */
  blipShare: number
}

const usualRules: ReplayRules = {
  ...{ cacheLifeMs: 10 * minuteMs, sharedPrefixTokens: 8_000, cacheYield: 1 },
  ...{ refusalMs: 400, failureMs: 1_000, startMs: 2_000, pollMs: minuteMs, blipShare: 0 },
}

/** Between two of its pauses a replay handles so many happenings: well below a millisecond's work for each account. */
const happeningsPerStep = 50
const spreadEveryMs = 360 * minuteMs

/** Plays the arrivals through the product's own decisions against a model of the upstream. The same input gives the same report. */
export function replay(input: ReplayInput): ReplayReport {
  const steps = replaying(input)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** The same in small steps, so that whoever runs it can do other work in between. */
export function* replaying({
  accounts,
  upstream: given,
  arrivals,
  faults = [],
  settings,
  rules: changed,
}: ReplayInput): Generator<void, ReplayReport, void> {
  const rules = { ...usualRules, ...changed }
  const agenda = createAgenda<Happening>()
  const view = createView(accounts)
  const upstream = createModelUpstream(given)
  const cache = createModelCache(rules)
  const homes = createHomes({ ...rules, lifeMs: settings.affinityMinutes * minuteMs })
  const turns = createTurns({ agenda, view, upstream, cache, homes, settings, rules })
  for (const fault of faults) agenda.put(fault.fromMs, { kind: 'fault', fault })

  let spreadSum = 0
  let spreads = 0
  let nextSpreadMs = (arrivals[0]?.atMs ?? 0) + spreadEveryMs
  let next = 0
  let lastMs = 0
  for (let handled = 1; ; handled++) {
    const arrival = arrivals[next]
    const atMs = Math.min(arrival?.atMs ?? Number.POSITIVE_INFINITY, agenda.nextAtMs())
    if (atMs === Number.POSITIVE_INFINITY) break
    lastMs = Math.max(lastMs, atMs)
    if (atMs >= nextSpreadMs) {
      spreadSum += upstream.spreadPercent(atMs)
      spreads++
      nextSpreadMs = atMs + spreadEveryMs
    }
    if (arrival !== undefined && arrival.atMs === atMs) {
      next++
      turns.arrive(arrival, atMs)
    } else {
      const happening = agenda.take()
      if (happening !== undefined) turns.handle(happening, atMs)
    }
    if (handled % happeningsPerStep === 0) yield
  }
  const { windowsHit, endedTokens, unusedTokens } = upstream.totals()
  return {
    ...turns.counts(),
    windowsHit,
    expiredUnusedPercent: endedTokens === 0 ? 0 : (unusedTokens / endedTokens) * 100,
    spreadPercent: spreads === 0 ? upstream.spreadPercent(lastMs) : spreadSum / spreads,
    leasesLeft: view.accounts.reduce((sum, { inFlight }) => sum + inFlight, 0),
    faults: turns.faults(),
  }
}
