import type { IncomingHttpHeaders } from 'node:http'
import type { Account } from '../domain/account.ts'
import type { CatalogueModel } from '../domain/catalogue.ts'
import { byRank } from '../domain/plan.ts'
import { dayMs, hourMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { AccountCalls } from './account-calls.ts'
import { createCodexVersion } from './codex-version.ts'
import { askForModels } from './model-call.ts'
import { createListings, type ModelListing } from './model-listing.ts'
import { createPlanLists, isAskable } from './plan-lists.ts'
import type { Pool } from './pool.ts'
import { staticModels } from './static-models.ts'

/** The models that the pool's accounts offer together. */
export type Catalogue = {
  /** Take over the lists that are stored. Never throws. */
  load(): Promise<void>
  /** Ask these accounts, or all, for their lists; paused and signed-out ones are left alone. Never throws. */
  refresh(accountIds?: readonly string[]): Promise<void>
  /** Look at a client's headers: a newer Codex than all before makes the lists be asked for again. */
  seen(headers: IncomingHttpHeaders): void
  /** For a client of this version: an old one is not told of newer models. Where nothing is known, a fixed list. */
  models(clientVersion?: string): Promise<ModelListing>
  /** Who has a model, as far as accounts have said. */
  holders(slug: string): { plans: string[]; accounts: number }
}

export type CatalogueDeps = {
  store: Store
  pool: Pool
  calls: AccountCalls
  clock: Clock
  /** Null: it was no account that failed, but the store. */
  onError: (accountId: string | null, error: unknown) => void
}

const atOnce = 4
/** So long a stored list tells routing what its plan's accounts have. */
const trustedMs = dayMs
/** A list that is as it was is written again so often, to stay trusted. */
const saveAgainMs = hourMs
/** Codex waits five seconds for its list. */
const firstAnswerMs = 4_000

export function createCatalogue({ store, pool, calls, clock, onError }: CatalogueDeps): Catalogue {
  const version = createCodexVersion(clock)
  const lists = createPlanLists()
  const listingOf = createListings(staticModels)
  const running = new Map<string, Promise<void>>()
  const saved = new Map<string, { models: readonly CatalogueModel[]; clientVersion: string; fetchedAtMs: number }>()
  /** The version that each account was asked with last. */
  const tried = new Map<string, string>()
  /** The version for which there is something to show, or for which asking was in vain. */
  let settledVersion: string | null = null

  /** The lists of the plans that the pool has, the highest plan first. */
  const planLists = () => {
    const accounts = pool.accounts()
    return byRank(accounts.map(({ plan }) => plan)).flatMap((plan) => lists.ofPlan(plan, accounts) ?? [])
  }
  /** Tells routing, with one object for equal lists: it goes by identity. */
  const tell = (account: Account, slugs: ReadonlySet<string>) => {
    if (account.models !== null && isSame(account.models, slugs)) return
    const equal = pool.accounts().find(({ models }) => models !== null && isSame(models, slugs))
    pool.setModels(account.id, equal?.models ?? slugs)
  }
  const tellAll = () => {
    const accounts = pool.accounts()
    for (const account of accounts) {
      const own = lists.slugsOf(account.id)
      if (own) tell(account, own)
    }
    for (const account of accounts) {
      if (lists.slugsOf(account.id)) continue
      const plan = lists.ofPlan(account.plan, accounts)
      if (plan && clock.now() - plan.fetchedAtMs < trustedMs) tell(account, plan.slugs)
    }
  }
  const ask = async (accountId: string, clientVersion: string, nowMs: number): Promise<void> => {
    try {
      const asked = pool.get(accountId)
      if (asked === null) return
      const answer = await askForModels(calls, accountId, clientVersion, lists.etagOf(asked, clientVersion))
      lists.take(asked, clientVersion, answer, nowMs)
      const account = pool.get(accountId)
      const slugs = lists.slugsOf(accountId)
      if (account && slugs) tell(account, slugs)
    } catch (error) {
      onError(accountId, error)
    }
  }
  const askOnce = (accountId: string, clientVersion: string, nowMs: number): Promise<void> => {
    const key = `${clientVersion} ${accountId}`
    const current = running.get(key)
    if (current) return current
    const started = ask(accountId, clientVersion, nowMs).finally(() => {
      running.delete(key)
      tried.set(accountId, clientVersion)
    })
    running.set(key, started)
    return started
  }
  const save = async () => {
    for (const { plan, models, clientVersion, etag, fetchedAtMs, isFetched } of planLists()) {
      const before = saved.get(plan)
      const isSaved = before?.models === models && before.clientVersion === clientVersion
      if (!isFetched || (isSaved && fetchedAtMs - before.fetchedAtMs < saveAgainMs)) continue
      try {
        await store.catalogues.save({ plan, clientVersion, etag, fetchedAtMs, models: [...models] })
        saved.set(plan, { models, clientVersion, fetchedAtMs })
      } catch (error) {
        onError(null, error)
      }
    }
  }
  const refresh = async (accountIds?: readonly string[]): Promise<void> => {
    lists.retain((id) => pool.get(id) !== null)
    for (const id of tried.keys()) if (pool.get(id) === null) tried.delete(id)
    tellAll()
    const [clientVersion, nowMs] = [version.newest(), clock.now()]
    const wanted = accountIds && new Set(accountIds)
    const waiting = pool.accounts().filter((one) => isAskable(one) && (wanted?.has(one.id) ?? true))
    if (waiting.length === 0) return
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await askOnce(next.id, clientVersion, nowMs)
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
    settledVersion = clientVersion
    tellAll()
    await save()
  }
  return {
    async load() {
      try {
        const rows = await store.catalogues.load()
        for (const { clientVersion } of rows) version.remember(clientVersion)
        lists.restore(rows)
      } catch (error) {
        onError(null, error)
      }
      tellAll()
      const isThere = planLists().some(({ clientVersion }) => clientVersion === version.newest())
      if (isThere) settledVersion = version.newest()
    },
    refresh,
    seen(headers) {
      if (version.seen(headers)) void refresh()
    },
    async models(clientVersion) {
      if (settledVersion !== version.newest()) {
        const untried = pool.accounts().filter((one) => isAskable(one) && tried.get(one.id) !== version.newest())
        if (untried.length > 0) await atMost(refresh(untried.map(({ id }) => id)), firstAnswerMs, clock)
      }
      return listingOf(
        planLists().map((list) => list.models),
        clientVersion,
      )
    },
    holders(slug) {
      const having = pool.accounts().filter(({ models }) => models?.has(slug))
      return { plans: byRank(having.map(({ plan }) => plan)), accounts: having.length }
    },
  }
}

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one === other || (one.size === other.size && [...one].every((slug) => other.has(slug)))
}

/** Waits for the work, but not for ever; what comes later is there the next time. */
async function atMost(work: Promise<void>, waitMs: number, clock: Clock): Promise<void> {
  let cancel = () => {}
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(waitMs, resolve)
  })
  await Promise.race([work, late])
  cancel()
}
