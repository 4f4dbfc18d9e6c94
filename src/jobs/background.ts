import type { Affinity } from '../accounts/affinity.ts'
import type { Catalogue } from '../accounts/catalogue.ts'
import type { Pool } from '../accounts/pool.ts'
import { TokenError, type Tokens } from '../accounts/tokens.ts'
import type { UsagePoll } from '../accounts/usage-poll.ts'
import { dayMs, hourMs, minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { Job } from './jobs.ts'

export type BackgroundDeps = {
  pool: Pool
  tokens: Tokens
  affinity: Affinity
  store: Store
  catalogue: Catalogue
  usagePoll: UsagePoll
  keepAlive: { sweep(nowMs: number): void }
  clock: Clock
  usageRefreshMs: number
}

/** A token that names its end is renewed this long before; one that does not, at this age (as the Codex client does). */
const renewAheadMs = hourMs
const renewAgeMs = 8 * dayMs
const sampleAgeMs = 45 * dayMs
const pruneRows = 1_000

/** Everything that runs without being asked. */
export function backgroundJobs(deps: BackgroundDeps): Job[] {
  const { pool, tokens, store, catalogue, usagePoll, keepAlive, clock, usageRefreshMs } = deps
  return [
    { name: 'keep-alive', everyMs: () => 1_000, run: () => keepAlive.sweep(clock.now()) },
    { name: 'stored accounts', everyMs: () => 2_000, run: () => pool.refresh() },
    // One account at a time, spread over the cycle: the upstream sees no bursts.
    {
      name: 'usage',
      soon: true,
      everyMs: () => usageRefreshMs / Math.max(1, pool.accounts().length),
      run: () => usagePoll.pollNext(),
    },
    { name: 'models', soon: true, everyMs: () => 5 * minuteMs, run: () => catalogue.refresh() },
    { name: 'tokens', everyMs: () => 5 * minuteMs, run: () => renewTokens(pool, tokens) },
    { name: 'old rows', everyMs: () => hourMs, run: () => prune(store, clock.now()) },
  ]
}

async function renewTokens(pool: Pool, tokens: Tokens): Promise<void> {
  for (const { id, health, refreshedAtMs } of pool.accounts()) {
    if (health.signIn !== 'ok') continue
    try {
      await tokens.renewEarly(id, renewAheadMs, refreshedAtMs, renewAgeMs)
    } catch (error) {
      if (!(error instanceof TokenError)) throw error
      if (error.kind !== 'later') pool.report(id, { kind: 'sign_in_lost', as: error.kind, code: error.code })
    }
  }
}

async function prune(store: Store, nowMs: number): Promise<void> {
  await store.affinity.prune(nowMs)
  await store.sessions.prune(nowMs)
  while ((await store.usage.prune(nowMs - sampleAgeMs, pruneRows)) === pruneRows);
}
