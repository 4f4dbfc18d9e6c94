import type { Affinity } from '../accounts/affinity.ts'
import type { Catalogue } from '../accounts/catalogue.ts'
import type { Guardian } from '../accounts/guardian.ts'
import type { Keys } from '../accounts/keys.ts'
import type { Ledger } from '../accounts/ledger.ts'
import type { Pool } from '../accounts/pool.ts'
import type { UsagePoll } from '../accounts/usage-poll.ts'
import { hourMs, minuteMs } from '../domain/quota.ts'
import type { Keeping } from '../domain/retention.ts'
import type { Clock } from '../lib/clock.ts'
import type { ModelSources } from '../sources/sources.ts'
import type { Store } from '../store/store.ts'
import type { Job } from './jobs.ts'
import type { RequestFold } from './request-fold.ts'
import { runRetention } from './retention.ts'
import type { Rollup } from './rollup.ts'

export type BackgroundDeps = {
  pool: Pool
  keys: Keys
  ledger: Pick<Ledger, 'refresh' | 'prune'>
  guardian: Guardian
  affinity: Affinity
  store: Store
  catalogue: Catalogue
  usagePoll: UsagePoll
  rollup: Rollup
  firewallKeeper: { refresh(): Promise<unknown> }
  settingsKeeper: { refresh(): Promise<void> }
  requestSums: RequestFold
  settings: () => Keeping
  isStopping: () => boolean
  prices: { refresh(): Promise<void> }
  sources: Pick<ModelSources, 'refresh' | 'tend'>
  egress: { refresh(): Promise<void> }
  stored: { tend(): Promise<void>; prune(): Promise<void> }
  logins: { tend(): Promise<void> }
  /** Redeems a reset credit where the rule in the settings says so. */
  applyResetRule: () => Promise<void>
  notifications: { watch(): Promise<void>; deliver(): Promise<void>; prune(): Promise<void> }
  keepAlive: { sweep(nowMs: number): void }
  clock: Clock
  usageRefreshMs: number
}

/** Everything that runs without being asked. */
export function backgroundJobs(deps: BackgroundDeps): Job[] {
  const {
    pool,
    keys,
    ledger,
    guardian,
    catalogue,
    usagePoll,
    rollup,
    requestSums,
    stored,
    applyResetRule,
    logins,
    keepAlive,
    clock,
    usageRefreshMs,
  } = deps
  return [
    { name: 'keep-alive', everyMs: () => 1_000, run: () => keepAlive.sweep(clock.now()) },
    { name: 'stored accounts', everyMs: () => 2_000, run: () => pool.refresh() },
    { name: 'stored ways out', everyMs: () => 2_000, run: () => deps.egress.refresh() },
    { name: 'stored settings', everyMs: () => 2_000, run: () => deps.settingsKeeper.refresh() },
    { name: 'stored firewall', everyMs: () => 2_000, run: () => deps.firewallKeeper.refresh() },
    { name: 'stored prices', everyMs: () => 10_000, run: () => deps.prices.refresh() },
    { name: 'stored keys', everyMs: () => 2_000, run: () => keys.refresh() },
    { name: 'limits of keys', everyMs: () => 2_000, run: () => ledger.refresh() },
    { name: 'uses of keys', everyMs: () => 30_000, run: () => keys.flush() },
    // One account at a time, spread over the cycle: the upstream sees no bursts.
    {
      name: 'usage',
      soon: true,
      everyMs: () => usageRefreshMs / Math.max(1, pool.accounts().length),
      run: () => usagePoll.pollNext(),
    },
    { name: 'models', soon: true, everyMs: () => 5 * minuteMs, run: () => catalogue.refresh() },
    { name: 'model sources', everyMs: () => 10_000, run: () => deps.sources.refresh() },
    { name: 'tokens', everyMs: () => 5 * minuteMs, run: () => guardian.run() },
    { name: 'stored responses', soon: true, everyMs: () => 20_000, run: () => stored.tend() },
    { name: 'retention', everyMs: () => hourMs, run: () => runRetention(deps, deps.isStopping) },
    { name: 'old rows', everyMs: () => hourMs, run: () => prune(deps, clock.now()) },
    {
      name: 'usage rollup',
      soon: true,
      everyMs: () => (rollup.isBehind() ? 1_000 : 5 * minuteMs),
      run: () => rollup.run(),
    },
    {
      name: 'request sums',
      soon: true,
      everyMs: () => (requestSums.isBehind() ? 50 : minuteMs),
      run: () => requestSums.run(),
    },
    { name: 'notification rules', everyMs: () => 20_000, run: () => deps.notifications.watch() },
    { name: 'notifications', soon: true, everyMs: () => 5_000, run: () => deps.notifications.deliver() },
    // Those of other replicas and of an earlier start, too; what is begun here has timers of its own.
    { name: 'sign-ins', soon: true, everyMs: () => 15_000, run: () => logins.tend() },
    { name: 'reset credits', everyMs: () => minuteMs, run: () => applyResetRule() },
  ]
}

async function prune(deps: BackgroundDeps, nowMs: number): Promise<void> {
  const { store, rollup, sources, stored, notifications, ledger } = deps
  await store.affinity.prune(nowMs)
  await store.sessions.prune(nowMs)
  await sources.tend()
  await rollup.prune()
  await stored.prune()
  await notifications.prune()
  await ledger.prune()
}
