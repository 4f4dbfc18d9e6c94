import { LRUCache } from 'lru-cache'
import { choose, type Decision, type RoutingAsk } from '../balancer/choose.ts'
import { type HealthEvent, next } from '../balancer/health.ts'
import type { Account, StoredAccount } from '../domain/account.ts'
import {
  type Credits,
  hourMs,
  isNewWindow,
  mergeReadings,
  type QuotaWindow,
  refusalReading,
  refusedWindow,
} from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import type { Clock } from '../lib/clock.ts'
import { createWriteBehind } from '../lib/write-behind.ts'
import type { Store, UsageSample } from '../store/store.ts'
import type { Reading } from '../upstream/readings.ts'

/** What is known about every account now: the only mutable routing state. Reads memory, queues what must be kept. */
export type Pool = {
  accounts(): readonly Account[]
  get(id: string): Account | null
  choose(ask: Omit<RoutingAsk, 'lacking'>): Decision
  /** Counts a request in; the returned function counts it out, once. */
  lease(id: string): () => void
  /** Fold what happened into the account's health. */
  report(id: string, event: HealthEvent): void
  /** Fold new figures in. */
  read(id: string, reading: Reading): void
  /** The upstream turned a request away because a usage window is used up. */
  windowUsedUp(id: string, code: string, untilMs: number | null): void
  setModels(id: string, models: ReadonlySet<string>): void
  /** The account said that it has not got this model; believed for an hour. */
  lacksModel(id: string, model: string): void
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
  onError: (error: unknown) => void
  /** Told about every change of health, for the log. */
  onHealth?: (account: Account, event: HealthEvent) => void
  /** Told of every change of an account, those of its load included. */
  onChange?: (id: string) => void
  /** Told whenever the stored accounts were read: their tokens may be others now. */
  onLoaded?: () => void
}

type Dirty = { health: boolean; windows: boolean; plan: boolean }
const saveEveryMs = 250
const lackMs = hourMs
/** A figure that did not change is kept for trends this often. */
const sampleEveryMs = 5 * 60_000

export function createPool({ store, clock, settings, onError, onHealth, onLoaded, onChange }: PoolDeps): Pool {
  let pool = new Map<string, Account>()
  let listed: readonly Account[] | null = null
  let loadedVersion = -1
  let lastChosenAtMs = 0
  let saving: Promise<void> | null = null
  let saveScheduled = false
  const dirty = new Map<string, Dirty>()
  /** Counts the changes that must be kept, and holds the last one of each account. */
  let changes = 0
  const lastChange = new Map<string, number>()
  /** By model: which accounts lack it, and until when that is believed. */
  const lackingModel = new LRUCache<string, Map<string, number>>({ max: 500 })
  const planSeen = new Map<string, string>()
  const lastSample = new Map<string, UsageSample>()
  const samples = createWriteBehind<UsageSample>({
    clock,
    onError,
    write: (batch) => store.usage.add(batch),
    everyMs: 1_000,
  })

  const put = (account: Account) => {
    pool.set(account.id, account)
    listed = null
    onChange?.(account.id)
  }
  const list = () => {
    listed ??= [...pool.values()]
    return listed
  }
  const mark = (id: string, part: keyof Dirty) => {
    const marks = dirty.get(id) ?? { health: false, windows: false, plan: false }
    dirty.set(id, { ...marks, [part]: true })
    lastChange.set(id, ++changes)
    if (saveScheduled) return
    saveScheduled = true
    clock.after(saveEveryMs, () => {
      saveScheduled = false
      save().catch((error) => {
        onError(error)
        if (dirty.size > 0) mark(id, part)
      })
    })
  }
  /** Saves what was marked before the call. One save at a time: what the one under way has passed by needs another. */
  const save = async (): Promise<void> => {
    await saving
    saving ??= saveAll().finally(() => {
      saving = null
    })
    await saving
  }
  /** Accounts that are marked again meanwhile wait for the next save: under load this one would never end. */
  const saveAll = async () => {
    const marked = [...dirty]
    dirty.clear()
    for (const [at, [id, marks]] of marked.entries()) {
      const account = pool.get(id)
      if (account === undefined) continue
      try {
        if (marks.health) await store.accounts.saveHealth(id, account.health)
        if (marks.windows) await store.accounts.saveWindows(id, account.windows, account.credits)
        if (marks.plan) await store.accounts.savePlan(id, account.plan)
      } catch (error) {
        for (const unsaved of marked.slice(at)) markAgain(...unsaved)
        throw error
      }
    }
  }
  const markAgain = (id: string, marks: Dirty) => {
    const since = dirty.get(id)
    dirty.set(id, {
      health: marks.health || (since?.health ?? false),
      windows: marks.windows || (since?.windows ?? false),
      plan: marks.plan || (since?.plan ?? false),
    })
  }
  const report = (id: string, event: HealthEvent) => {
    const account = pool.get(id)
    if (account === undefined) return
    const health = next(account.health, event, clock.now())
    if (health === account.health) return
    const changed = { ...account, health }
    put(changed)
    mark(id, 'health')
    onHealth?.(changed, event)
  }
  /** True when there was news among the figures, or they were not kept for a while. */
  const sample = (accountId: string, windows: readonly QuotaWindow[]): boolean => {
    let isNews = false
    for (const { kind, usedPercent, resetAtMs, source, readAtMs } of windows) {
      const key = `${accountId}:${kind}`
      const row: UsageSample = { accountId, kind, atMs: readAtMs, usedPercent, resetAtMs, source }
      const before = lastSample.get(key)
      if (before && isSameFigure(before, row) && readAtMs - before.atMs < sampleEveryMs) continue
      isNews = true
      lastSample.set(key, row)
      samples.push(row)
    }
    return isNews
  }
  const read = (id: string, reading: Reading) => {
    const account = pool.get(id)
    if (account === undefined) return
    const windows = mergeReadings(account.windows, reading.windows, clock.now())
    const plan = confirmedPlan(account, reading.plan)
    put({ ...account, windows, credits: reading.credits ?? account.credits, plan })
    // Every answer of the upstream repeats its figures: to write them each time would be most of what is written.
    const isNews = sample(id, reading.windows)
    if (isNews || !isSameCredits(account.credits, reading.credits ?? account.credits)) mark(id, 'windows')
    if (plan !== account.plan) mark(id, 'plan')
    report(id, { kind: 'reading', windows })
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
    const changesBefore = changes
    await save()
    const version = await store.accounts.version()
    const stored = await store.accounts.list()
    const before = pool
    pool = new Map()
    for (const row of stored) {
      const live = before.get(row.id)
      // What happened since the row was asked for is newer than the row, written or not.
      if (live && (lastChange.get(row.id) ?? 0) > changesBefore) pool.set(row.id, live)
      else pool.set(row.id, revive(row, live))
    }
    for (const id of lastChange.keys()) if (!pool.has(id)) lastChange.delete(id)
    listed = null
    loadedVersion = version
    onLoaded?.()
  }

  return {
    accounts: list,
    get: (id) => pool.get(id) ?? null,
    choose(ask) {
      const nowMs = clock.now()
      const lacking = new Set<string>()
      for (const [id, until] of lackingModel.get(ask.model) ?? []) if (until > nowMs) lacking.add(id)
      const decision = choose(list(), { ...ask, lacking }, settings(), nowMs)
      const chosen = decision.accountId === null ? undefined : pool.get(decision.accountId)
      // Strictly growing, so that two choices within one millisecond still take turns.
      lastChosenAtMs = Math.max(nowMs, lastChosenAtMs + 0.001)
      if (chosen) put({ ...chosen, lastChosenAtMs })
      return decision
    },
    lease(id) {
      const count = (by: number) => {
        const account = pool.get(id)
        if (account) put({ ...account, inFlight: account.inFlight + by })
      }
      count(1)
      let released = false
      return () => {
        if (!released) count(-1)
        released = true
      }
    },
    report,
    read,
    windowUsedUp(id, code, untilMs) {
      const account = pool.get(id)
      if (account === undefined) return
      const nowMs = clock.now()
      const window = refusedWindow(account.windows, untilMs, nowMs)
      const reading = window && refusalReading(account.windows, window, untilMs, nowMs)
      report(id, { kind: 'refused', by: 'window', code, untilMs: untilMs ?? reading?.resetAtMs ?? null, window })
      if (reading) read(id, { plan: null, windows: [reading], credits: null })
    },
    setModels(id, models) {
      const account = pool.get(id)
      if (account) put({ ...account, models })
    },
    lacksModel(id, model) {
      const accounts = lackingModel.get(model) ?? new Map<string, number>()
      lackingModel.set(model, accounts.set(id, clock.now() + lackMs))
    },
    load,
    async refresh() {
      await save()
      if ((await store.accounts.version()) !== loadedVersion) await load()
    },
    async flush() {
      await save()
      await samples.flush()
    },
  }
}

function isSameFigure(before: UsageSample, now: UsageSample): boolean {
  const isAsHard = (before.source === 'refusal') === (now.source === 'refusal')
  return before.usedPercent === now.usedPercent && isAsHard && !isNewWindow(before, now)
}

function isSameCredits(before: Credits | null, now: Credits | null): boolean {
  if (before === null || now === null) return before === now
  return before.has === now.has && before.unlimited === now.unlimited && before.balance === now.balance
}

function revive(row: StoredAccount, live: Account | undefined): Account {
  return {
    ...row,
    models: live?.models ?? null,
    inFlight: live?.inFlight ?? 0,
    lastChosenAtMs: live?.lastChosenAtMs ?? 0,
  }
}
