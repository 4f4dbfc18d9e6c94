import { LRUCache } from 'lru-cache'
import { choose, type Decision, type RoutingAsk } from '../balancer/choose.ts'
import { type Evidence, next } from '../balancer/health.ts'
import type { Account, Preferences, StoredAccount } from '../domain/account.ts'
import type { Ways } from '../domain/egress.ts'
import { foldReading, nothingSpent, type Spending, settleSpending } from '../domain/figures.ts'
import { hourMs, refusalReading, refusedWindow } from '../domain/quota.ts'
import type { Reading } from '../domain/reading.ts'
import type { TokenUsage } from '../domain/request.ts'
import type { Settings } from '../domain/settings.ts'
import type { AccountStatistics } from '../domain/statistics.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { createSampler, isSameCredits } from './sampler.ts'
import { createSaver } from './saver.ts'

/** One request on an account, counted in. */
export type Lease = {
  /** Its answer has begun: it no longer counts as a turn start. */
  started(): void
  /** It is over; `usage` is what it took, where that is known. Only the first call counts. */
  release(usage?: TokenUsage | null): void
}

/** What is known about every account now: the only mutable routing state. Reads memory, queues what must be kept. */
export type Pool = {
  accounts(): readonly Account[]
  get(id: string): Account | null
  choose(ask: Omit<RoutingAsk, 'lacking' | 'ways'>): Decision
  /** Counts a request in, with a guess at the weighted tokens that it will take. */
  lease(id: string, tokens?: number): Lease
  /** Fold what happened into the account's health. */
  report(id: string, evidence: Evidence): void
  /** Fold new figures in. */
  read(id: string, reading: Reading): void
  /** The upstream turned a request away because a usage window is used up, or the meter that governs its model. */
  windowUsedUp(id: string, code: string, untilMs: number | null, meter?: string | null): void
  /** A reset credit has ended the windows that ran: figures and refusals from before count no more. */
  windowsReset(id: string): void
  setModels(id: string, models: ReadonlySet<string>): void
  /** The account said that it has not got this model; believed for an hour. */
  lacksModel(id: string, model: string): void
  setStatistics(id: string, statistics: AccountStatistics): Promise<void>
  /** What a person wants of the account. False: it is not there. */
  setPreferences(id: string, change: Partial<Preferences>): Promise<boolean>
  /** Take over what the store has; what is not written yet wins over what was read. */
  load(): Promise<void>
  /** Load only when somebody else changed the stored accounts. */
  refresh(): Promise<void>
  flush(): Promise<void>
}

export type PoolDeps = {
  store: Store
  clock: Clock
  settings: () => Settings
  /** Where accounts can go; nothing: everywhere. */
  ways?: () => Ways
  onError: (error: unknown) => void
  /** Told about every change of health, for the log. */
  onHealth?: (account: Account, evidence: Evidence) => void
  /** Told of every change of an account, those of its load included. */
  onChange?: (id: string) => void
  /** Told whenever a request that found no place might find one now. */
  onRoom?: () => void
  /** Told whenever the stored accounts were read: their tokens may be others now. */
  onLoaded?: () => void
}

const lackMs = hourMs

export function createPool(deps: PoolDeps): Pool {
  const { store, clock, settings, ways, onError, onHealth, onLoaded, onChange, onRoom } = deps
  let pool = new Map<string, Account>()
  let listed: readonly Account[] | null = null
  let loadedVersion = -1
  let lastChosenAtMs = 0
  const saver = createSaver({ store, clock, get: (id) => pool.get(id), onError })
  const sampler = createSampler(store, clock, onError)
  const spendings = new Map<string, Spending>()
  /** By model: which accounts lack it, and until when that is believed. */
  const lackingModel = new LRUCache<string, Map<string, number>>({ max: 500 })
  const planSeen = new Map<string, string>()

  const put = (account: Account) => {
    pool.set(account.id, account)
    listed = null
    onChange?.(account.id)
  }
  const list = () => {
    listed ??= [...pool.values()]
    return listed
  }
  /** Puts the account with what it has spent beyond its figures. */
  const putSpent = (account: Account, spending: Spending) => {
    spendings.set(account.id, spending)
    put({ ...account, unseenTokens: spending.inFlightTokens + spending.settledTokens })
  }
  const report = (id: string, evidence: Evidence) => {
    const account = pool.get(id)
    if (account === undefined) return
    const health = next(account.health, evidence, clock.now())
    if (health === account.health) return
    const changed = { ...account, health }
    put(changed)
    saver.mark(id, 'health')
    onHealth?.(changed, evidence)
    onRoom?.()
  }
  const read = (id: string, reading: Reading) => {
    const account = pool.get(id)
    if (account === undefined) return
    const { figures, spending } = foldReading(account, reading, spendings.get(id) ?? nothingSpent, clock.now())
    const plan = confirmedPlan(account, reading.plan)
    putSpent({ ...account, ...figures, plan }, spending)
    // Every answer of the upstream repeats its figures: to write them each time would be most of what is written.
    const isNews = sampler.sample(id, reading.windows)
    const isOther = figures.limitReached !== account.limitReached || figures.burn !== account.burn
    if (isNews || isOther || reading.meters !== null || !isSameCredits(account.credits, figures.credits))
      saver.mark(id, 'figures')
    if (plan !== account.plan) saver.mark(id, 'plan')
    report(id, { kind: 'reading', windows: figures.windows, meter: null })
    for (const { key, windows } of figures.meters) report(id, { kind: 'reading', windows, meter: key })
  }
  /** One odd answer must not change a plan: it takes the same news twice in a row. */
  const confirmedPlan = (account: Account, said: string | null): string => {
    if (said === null || said === account.plan) {
      if (said !== null) planSeen.delete(account.id)
      return account.plan
    }
    const isConfirmed = planSeen.get(account.id) === said || account.plan === 'unknown'
    planSeen.set(account.id, said)
    return isConfirmed ? said : account.plan
  }
  const load = async () => {
    const changesBefore = saver.changes()
    await saver.save()
    const version = await store.accounts.version()
    const stored = await store.accounts.list()
    const before = pool
    pool = new Map()
    for (const row of stored) {
      const live = before.get(row.id)
      // What happened since the row was asked for is newer than the row, written or not; but for what only persons change.
      const { policy, priority, tags, alias, egress, refreshedAtMs } = row
      const isNewer = live && saver.lastChange(row.id) > changesBefore
      if (isNewer)
        pool.set(row.id, { ...live, policy, priority, tags, alias, egress, refreshedAtMs, health: signInOf(live, row) })
      else pool.set(row.id, revive(row, live))
    }
    saver.retain((id) => pool.has(id))
    for (const id of before.keys()) if (!pool.has(id)) forget(id)
    listed = null
    loadedVersion = version
    onLoaded?.()
    onRoom?.()
  }
  const forget = (id: string) => {
    spendings.delete(id)
    planSeen.delete(id)
    sampler.forget(id)
  }

  return {
    accounts: list,
    get: (id) => pool.get(id) ?? null,
    choose(ask) {
      const nowMs = clock.now()
      const lacking = new Set<string>()
      for (const [id, until] of lackingModel.get(ask.model) ?? []) if (until > nowMs) lacking.add(id)
      const decision = choose(list(), { ...ask, lacking, ...(ways && { ways: ways() }) }, settings(), nowMs)
      const chosen = decision.accountId === null ? undefined : pool.get(decision.accountId)
      // Strictly growing, so that two choices within one millisecond still take turns.
      lastChosenAtMs = Math.max(nowMs, lastChosenAtMs + 0.001)
      if (chosen) put({ ...chosen, lastChosenAtMs })
      return decision
    },
    lease(id, tokens = 0) {
      const count = (inFlight: number, starting: number, spend: (spending: Spending) => Spending) => {
        const account = pool.get(id)
        if (account === undefined) return
        const counted = { ...account, inFlight: account.inFlight + inFlight, starting: account.starting + starting }
        putSpent(counted, spend(spendings.get(id) ?? nothingSpent))
      }
      count(1, 1, (spending) => ({ ...spending, inFlightTokens: spending.inFlightTokens + tokens }))
      let state: 'starting' | 'started' | 'over' = 'starting'
      return {
        started() {
          if (state !== 'starting') return
          state = 'started'
          count(0, -1, (spending) => spending)
          onRoom?.()
        },
        release(usage = null) {
          if (state === 'over') return
          const wasStarting = state === 'starting'
          state = 'over'
          count(-1, wasStarting ? -1 : 0, (spending) => settleSpending(spending, tokens, usage))
          onRoom?.()
        },
      }
    },
    report,
    read,
    windowUsedUp(id, code, untilMs, meterKey = null) {
      const account = pool.get(id)
      if (account === undefined) return
      const nowMs = clock.now()
      const meter = account.meters.find(({ key }) => key === meterKey) ?? null
      const { windows } = meter ?? account
      const window = refusedWindow(windows, untilMs, nowMs)
      const reading = window && refusalReading(windows, window, untilMs, nowMs)
      const until = untilMs ?? reading?.resetAtMs ?? null
      report(id, { kind: 'refused', by: 'window', code, untilMs: until, window, meter: meterKey })
      if (!reading) return
      const refused = { plan: null, credits: null, isComplete: false }
      if (meter === null) read(id, { ...refused, windows: [reading], meters: null })
      else read(id, { ...refused, windows: [], meters: [{ ...meter, windows: [reading] }] })
    },
    windowsReset(id) {
      const account = pool.get(id)
      if (account === undefined) return
      putSpent({ ...account, windows: [], limitReached: null }, spendings.get(id) ?? nothingSpent)
      saver.mark(id, 'figures')
      report(id, { kind: 'windows_reset' })
    },
    setModels(id, models) {
      const account = pool.get(id)
      if (account) put({ ...account, models })
      onRoom?.()
    },
    lacksModel(id, model) {
      const accounts = lackingModel.get(model) ?? new Map<string, number>()
      lackingModel.set(model, accounts.set(id, clock.now() + lackMs))
    },
    async setStatistics(id, statistics) {
      await store.accounts.saveStatistics(id, statistics)
      const account = pool.get(id)
      if (account) put({ ...account, statistics })
    },
    async setPreferences(id, change) {
      const saved = await store.accounts.savePreferences(id, change)
      const account = pool.get(id)
      if (saved && account) put({ ...account, ...saved })
      onRoom?.()
      return saved !== null
    },
    load,
    async refresh() {
      await saver.save()
      if ((await store.accounts.version()) !== loadedVersion) await load()
    },
    async flush() {
      await saver.save()
      await sampler.flush()
    },
  }
}

/** The live health; with the stored sign-in where there are new tokens, which another process may have imported. */
function signInOf(live: Account, row: StoredAccount): Account['health'] {
  if (row.refreshedAtMs === live.refreshedAtMs) return live.health
  const { signIn, signInReason } = row.health
  return { ...live.health, signIn, signInReason }
}

function revive(row: StoredAccount, live: Account | undefined): Account {
  return {
    ...row,
    models: live?.models ?? null,
    inFlight: live?.inFlight ?? 0,
    starting: live?.starting ?? 0,
    unseenTokens: live?.unseenTokens ?? 0,
    lastChosenAtMs: live?.lastChosenAtMs ?? 0,
  }
}
