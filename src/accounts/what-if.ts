import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ReplayInput, type ReplayReport, replaying } from '../balancer/replay.ts'
import { type Settings, type StrategyName, strategyNames } from '../domain/settings.ts'
import type { Store } from '../store/store.ts'
import { type RecordedLoad, recordedLoad } from './recorded-load.ts'
import { type RecordedPool, recordedPool } from './recorded-pool.ts'

/** What the log's turns would have met under other settings. */
export type WhatIf = {
  sinceMs: number
  untilMs: number
  arrivals: number
  /** What the answer takes for granted, in sentences. */
  assumptions: string[]
  /** The present settings first. */
  results: WhatIfResult[]
}

type WhatIfResult = {
  strategy: StrategyName
  /** These are the settings as they are. */
  isCurrent: boolean
  turns: number
  refused: number
  waited: number
  windowsHit: number
  /** How often a thread was served by another account than the turn before. */
  switches: number
  cachedSharePercent: number
  cachedTokens: number
  inputTokens: number
  /** Tokens that were not cached because their thread had changed accounts. */
  paidAgainTokens: number
}

export type WhatIfAsk = {
  sinceMs: number
  untilMs: number
  /** Null: all that the settings allow. */
  strategies: readonly StrategyName[] | null
  /** What the other results change beside the strategy. */
  change: Partial<Settings>
}

/** The newest so many turns are replayed. */
export const mostArrivals = 20_000
/** Streams are served by the same process: after so long something else has its turn. */
const sliceMs = 5

/** Replay the recorded arrivals through the present settings and through others. @throws the signal's reason */
export async function whatIf(
  ask: WhatIfAsk,
  { store, settings }: { store: Pick<Store, 'accounts' | 'requests' | 'usage'>; settings: Settings },
  signal?: AbortSignal,
): Promise<WhatIf> {
  const { sinceMs: askedMs, untilMs } = ask
  const load = await recordedLoad(store, { sinceMs: askedMs, untilMs, limit: mostArrivals })
  const pool = await recordedPool(store, settings, load.sinceMs)
  const { runs, leftOut } = runsOf(ask, settings)
  const results: WhatIfResult[] = []
  for (const { tried, isCurrent } of runs) {
    const rules = { cacheYield: load.cacheYield }
    const report = await inSlices({ ...pool, arrivals: load.arrivals, settings: tried, rules }, signal)
    results.push(resultOf(tried.strategy, isCurrent, report))
  }
  return {
    ...{ sinceMs: load.sinceMs, untilMs, arrivals: load.arrivals.length },
    assumptions: assumptionsOf(load, pool, leftOut),
    results,
  }
}

type Run = { tried: Settings; isCurrent: boolean }

function runsOf({ strategies, change }: WhatIfAsk, settings: Settings): { runs: Run[]; leftOut: StrategyName[] } {
  const changed = { ...settings, ...change }
  const isSame = Object.keys(change).length === 0
  const runs: Run[] = [{ tried: settings, isCurrent: true }]
  const leftOut: StrategyName[] = []
  for (const strategy of new Set(strategies ?? strategyNames)) {
    if (isSame && strategy === settings.strategy) continue
    if (strategy === 'single_account' && changed.singleAccountId === null) leftOut.push(strategy)
    else runs.push({ tried: { ...changed, strategy }, isCurrent: false })
  }
  return { runs, leftOut }
}

async function inSlices(input: ReplayInput, signal: AbortSignal | undefined): Promise<ReplayReport> {
  const steps = replaying(input)
  for (;;) {
    await nextTurn()
    signal?.throwIfAborted()
    const endMs = performance.now() + sliceMs
    do {
      const step = steps.next()
      if (step.done) return step.value
    } while (performance.now() < endMs)
  }
}

function resultOf(strategy: StrategyName, isCurrent: boolean, report: ReplayReport): WhatIfResult {
  const { turns, refused, failed, waited, windowsHit, switches, cachedTokens, inputTokens, bestCachedTokens } = report
  return {
    ...{ strategy, isCurrent, turns, refused: refused + failed, waited, windowsHit, switches },
    cachedSharePercent: inputTokens === 0 ? 0 : (cachedTokens / inputTokens) * 100,
    ...{ cachedTokens, inputTokens, paidAgainTokens: bestCachedTokens - cachedTokens },
  }
}

function assumptionsOf(load: RecordedLoad, pool: RecordedPool, leftOut: StrategyName[]): string[] {
  const { isCut, guessed, cacheYield } = load
  const { absent, withoutStart } = pool
  const sentences = [
    'Accounts, plans and tags are as they are now.',
    ...(absent === 0 ? [] : [`${absent} accounts that are paused or signed out now take no part.`]),
    'Windows hold what was learned of each account, or the usual size of its plan, and fill with the turns of the log alone: what other clients used is not known.',
    ...(withoutStart === 0
      ? []
      : [`${withoutStart} accounts begin with empty windows, for want of figures of that time.`]),
    'Turns come when they came, whatever became of those before; turns that reached no account then are not among them.',
    ...(guessed === 0 ? [] : [`${guessed} turns have no token counts in the log, and their size is guessed.`]),
    `The upstream caches a conversation for ten minutes and then counts ${Math.round(cacheYield * 100)} % of it as cached, as far as the log tells.`,
    'Nothing fails: no bursts, no errors, no limits of single models, and no objects that bind a request to an account.',
    ...(isCut ? [`Only the newest turns are replayed, ${mostArrivals} at most.`] : []),
    ...(leftOut.length === 0 ? [] : ['single_account is left out: no account is chosen for it.']),
  ]
  return sentences
}
