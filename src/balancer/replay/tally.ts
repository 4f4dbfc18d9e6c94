import type { Account } from '../../domain/account.ts'
import { weightedTokens } from '../../domain/burn.ts'
import type { Settings } from '../../domain/settings.ts'
import type { Decision } from '../choose.ts'
import type { ModelCache } from './cache.ts'
import type { ReplayArrival } from './turns.ts'
import type { ModelAnswer, ModelUpstream } from './upstream.ts'

/** What a replay counts. Times in milliseconds, tokens as the upstream bills them unless weighted. */
export type Counts = {
  turns: number
  served: number
  /** The client was told that nobody can serve it. */
  refused: number
  /** Of those: although an account was truly open, allowed, and had a place free. */
  refusedWithCapacity: number
  /** Of those refused: only places were lacking. */
  refusedBusy: number
  /** The upstream's own failure was passed on. */
  failed: number
  /** Of those: although an account that was not asked would have served. */
  failedWithCapacity: number
  /** Waited for a place or for the end of a brief rest. */
  waited: number
  calls: number
  /** Calls that a limit or an ended sign-in turned away. */
  refusedCalls: number
  /** Calls to accounts whose refusal, with a known end that had not come, was learned before. */
  wastedCalls: number
  /** Threads that were served by another account than the last time. */
  switches: number
  /** Of those: although the account before was open, below its edge, and still had the conversation cached. */
  needlessSwitches: number
  inputTokens: number
  cachedTokens: number
  /** What would have been cached if no thread had ever changed accounts. */
  bestCachedTokens: number
  weightedTokens: number
  /** Turns that did not get their answer from the first call at once, and what that took them. */
  failovers: number
  failoverMs: number
  longestFailoverMs: number
}

export type ReplayReport = Counts & {
  /** Windows that were used up. */
  windowsHit: number
  /** Of the long windows that ended: the share that was lost unused. */
  expiredUnusedPercent: number
  /** How evenly the long windows were used, over time: mean standard deviation of their used percent. */
  spreadPercent: number
  /** Requests that are still counted in at the end; anything but 0 is a fault. */
  leasesLeft: number
  /** The first turns that were refused although there was capacity, and the first wasted calls. */
  faults: ReplayFault[]
}

export type ReplayFault = {
  kind: 'refused_with_capacity' | 'wasted_call'
  turnId: string
  atMs: number
  accountId: string
}

const nothingCounted: Counts = {
  ...{
    turns: 0,
    served: 0,
    refused: 0,
    refusedWithCapacity: 0,
    refusedBusy: 0,
    failed: 0,
    failedWithCapacity: 0,
    waited: 0,
  },
  ...{ calls: 0, refusedCalls: 0, wastedCalls: 0, switches: 0, needlessSwitches: 0 },
  ...{ inputTokens: 0, cachedTokens: 0, bestCachedTokens: 0, weightedTokens: 0 },
  ...{ failovers: 0, failoverMs: 0, longestFailoverMs: 0 },
}

type TalliedTurn = { arrival: ReplayArrival; waitedMs: number; tried: ReadonlySet<string> }

export type TallyDeps = {
  upstream: ModelUpstream
  cache: ModelCache
  settings: Settings
}

/** A person, or the request itself, has ruled the account out: that it is open helps nobody. */
const ruledOut = new Set(['not_selected', 'not_tagged', 'paused', 'model_unavailable', 'not_owner'])
const keptFaults = 20

/** Looks at each step with the eyes of somebody who knows the truth. */
export function createTally({ upstream, cache, settings }: TallyDeps) {
  const counts = { ...nothingCounted }
  const faults: ReplayFault[] = []
  /** Until when each account is out, as the product was told. */
  const outUntilMs = new Map<string, number>()

  const note = (kind: ReplayFault['kind'], turnId: string, atMs: number, accountId: string) => {
    if (faults.length < keptFaults) faults.push({ kind, turnId, atMs, accountId })
  }
  const isOpen = (accountId: string, nowMs: number) => upstream.answer(accountId, nowMs).kind === 'serves'
  const isAllowed = ({ id, tags, health }: Account) =>
    !health.paused &&
    (settings.strategy !== 'single_account' || settings.singleAccountId === id) &&
    (settings.onlyTags.length === 0 || tags.some((tag) => settings.onlyTags.includes(tag)))
  const countWait = ({ waitedMs }: TalliedTurn) => {
    if (waitedMs > 0) counts.waited++
  }
  const isBelowEdge = (accountId: string, nowMs: number) =>
    upstream.usedPercent(accountId, 'short', nowMs) < settings.edgeShortPercent &&
    upstream.usedPercent(accountId, 'weekly', nowMs) < settings.edgeLongPercent &&
    upstream.usedPercent(accountId, 'monthly', nowMs) < settings.edgeLongPercent

  return {
    counts: (): Counts => ({ ...counts }),
    faults: () => faults,
    arrived() {
      counts.turns++
    },
    called(turnId: string, accountId: string, answer: ModelAnswer, nowMs: number) {
      counts.calls++
      if (answer.kind === 'serves' || answer.kind === 'down') return
      counts.refusedCalls++
      if ((outUntilMs.get(accountId) ?? 0) <= nowMs) return
      counts.wastedCalls++
      note('wasted_call', turnId, nowMs, accountId)
    },
    /** The product was told that the account is out until then; 0: it is back. */
    learned: (accountId: string, untilMs: number) => void outUntilMs.set(accountId, untilMs),
    /** The call will be answered. Returns the input tokens that the account has cached. */
    serving(turn: TalliedTurn, accountId: string, nowMs: number): number {
      const { arrival } = turn
      const cached = cache.cached(accountId, arrival, nowMs)
      counts.served++
      counts.inputTokens += arrival.inputTokens
      counts.cachedTokens += cached
      counts.bestCachedTokens += Math.max(cached, cache.bestCached(arrival, nowMs))
      const { inputTokens: input, outputTokens: output } = arrival
      counts.weightedTokens += weightedTokens({ input, cached, output, reasoning: 0 })
      countWait(turn)
      const lostMs = nowMs - arrival.atMs
      if (lostMs > 0) {
        counts.failovers++
        counts.failoverMs += lostMs
        counts.longestFailoverMs = Math.max(counts.longestFailoverMs, lostMs)
      }
      const before = cache.lastAccount(arrival.threadKey)
      if (before !== null && before !== accountId) {
        counts.switches++
        const isWarm = cache.cached(before, arrival, nowMs) > cached
        if (isWarm && isOpen(before, nowMs) && isBelowEdge(before, nowMs)) counts.needlessSwitches++
      }
      return cached
    },
    failed(turn: TalliedTurn, accounts: readonly Account[], nowMs: number) {
      counts.failed++
      if (accounts.some((account) => isAllowed(account) && !turn.tried.has(account.id) && isOpen(account.id, nowMs)))
        counts.failedWithCapacity++
      countWait(turn)
    },
    refused(turn: TalliedTurn, { excluded }: Pick<Decision, 'excluded'>, nowMs: number) {
      counts.refused++
      countWait(turn)
      const open = excluded.filter(
        ({ accountId, exclusion }) => !ruledOut.has(exclusion.reason) && isOpen(accountId, nowMs),
      )
      const able = open.find(({ exclusion }) => exclusion.reason !== 'busy')
      if (able !== undefined) {
        counts.refusedWithCapacity++
        note('refused_with_capacity', turn.arrival.id, nowMs, able.accountId)
      } else if (open.length > 0) counts.refusedBusy++
    },
  }
}
