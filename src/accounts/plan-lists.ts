import type { Account } from '../domain/account.ts'
import { type CatalogueModel, uniteModels } from '../domain/catalogue.ts'
import { isNewerVersion } from '../domain/client-version.ts'
import type { CatalogueRow } from '../store/store.ts'
import type { ModelAnswer } from './model-call.ts'

/** The models of one plan: what its accounts gave, and what is stored while one of them has not answered yet. */
type PlanList = {
  plan: string
  /** The same object as long as the list has not changed. */
  models: readonly CatalogueModel[]
  slugs: ReadonlySet<string>
  clientVersion: string
  /** The ETag of all its accounts, where they agree. */
  etag: string | null
  /** When it was last known to be so. */
  fetchedAtMs: number
  /** False: it is only what was stored. */
  isFetched: boolean
}

/** What accounts answered, and the plans' lists that follow from it. */
export type PlanLists = {
  /** Lists from before the start. */
  restore(rows: readonly CatalogueRow[]): void
  take(account: Account, clientVersion: string, answer: ModelAnswer, nowMs: number): void
  /** What to ask the account's list to differ from; null: ask for the list. */
  etagOf(account: Account, clientVersion: string): string | null
  /** The account's own models, of its last answer. */
  slugsOf(accountId: string): ReadonlySet<string> | null
  /** Null: nothing is known of the plan. `accounts` is the whole pool. */
  ofPlan(plan: string, accounts: readonly Account[]): PlanList | null
  retain(isThere: (accountId: string) => boolean): void
}

/** One list; accounts that gave the same share it. */
type List = { digest: string; models: readonly CatalogueModel[]; slugs: ReadonlySet<string> }
/** An account's last answer, or a stored list. `changedAtMs`: since when it has had this list. */
type Given = {
  plan: string
  clientVersion: string
  etag: string | null
  list: List
  changedAtMs: number
  confirmedAtMs: number
}

/** Only an account that could answer is waited for. */
export function isAskable({ health }: Account): boolean {
  return health.signIn === 'ok' && !health.paused
}

export function createPlanLists(): PlanLists {
  const given = new Map<string, Given>()
  const stored = new Map<string, Given>()
  const built = new Map<string, { parts: readonly List[]; models: CatalogueModel[]; slugs: Set<string> }>()

  const listOf = (digest: string, models: CatalogueModel[]): List => {
    for (const { list } of given.values()) if (list.digest === digest) return list
    return { digest, models, slugs: slugSet(models) }
  }
  /** From best to worst. The newest news wins, and with equal times always the same account. */
  const partsOf = (plan: string, accounts: readonly Account[]): Given[] => {
    const answered: (Given & { id: string })[] = []
    let isAwaited = false
    for (const account of accounts) {
      if (account.plan !== plan) continue
      const answer = given.get(account.id)
      if (answer?.plan === plan) answered.push({ ...answer, id: account.id })
      else isAwaited ||= isAskable(account)
    }
    const parts: Given[] = answered.sort((a, b) => b.changedAtMs - a.changedAtMs || (a.id < b.id ? -1 : 1))
    const before = stored.get(plan)
    if (before && (isAwaited || answered.length === 0)) parts.push(before)
    return parts
  }
  const united = (plan: string, parts: readonly List[]) => {
    const before = built.get(plan)
    if (before && before.parts.length === parts.length && parts.every((list, i) => list === before.parts[i])) {
      return before
    }
    const models = uniteModels(parts.map((list) => list.models))
    const made = { parts, models, slugs: slugSet(models) }
    built.set(plan, made)
    return made
  }

  return {
    restore(rows) {
      for (const { plan, clientVersion, etag, fetchedAtMs, models } of rows) {
        if ((stored.get(plan)?.confirmedAtMs ?? -1) > fetchedAtMs) continue
        const list = { digest: `stored:${plan}`, models, slugs: slugSet(models) }
        stored.set(plan, { plan, clientVersion, etag, list, changedAtMs: fetchedAtMs, confirmedAtMs: fetchedAtMs })
      }
    },
    take({ id, plan }, clientVersion, answer, nowMs) {
      const before = given.get(id)
      if (answer.kind === 'unchanged') {
        const confirmed = before ?? stored.get(plan)
        if (confirmed) given.set(id, { ...confirmed, plan, confirmedAtMs: nowMs })
      }
      if (answer.kind !== 'list' || isNewerVersion(before?.clientVersion, clientVersion)) return
      const list = listOf(answer.digest, answer.models)
      const changedAtMs = before?.list === list ? before.changedAtMs : nowMs
      given.set(id, { plan, clientVersion, etag: answer.etag, list, changedAtMs, confirmedAtMs: nowMs })
    },
    etagOf({ id, plan }, clientVersion) {
      // After a start the plan's stored list stands in: it has an ETag only when all accounts of the plan had that one.
      const known = given.get(id) ?? stored.get(plan)
      // The upstream's ETag may stay as it is while a newer version would be told of more.
      return known?.clientVersion === clientVersion ? known.etag : null
    },
    slugsOf: (accountId) => given.get(accountId)?.list.slugs ?? null,
    ofPlan(plan, accounts) {
      const parts = partsOf(plan, accounts)
      const [first] = parts
      if (first === undefined) return null
      const lists = [...new Set(parts.map(({ list }) => list))]
      const { models, slugs } = united(plan, lists)
      const isAgreed = parts.every((one) => one.etag === first.etag && one.clientVersion === first.clientVersion)
      return {
        ...{ plan, models, slugs },
        clientVersion: parts.map((one) => one.clientVersion).reduce((a, b) => (isNewerVersion(b, a) ? b : a)),
        etag: isAgreed && lists.length === 1 ? first.etag : null,
        fetchedAtMs: Math.max(...parts.map(({ confirmedAtMs }) => confirmedAtMs)),
        isFetched: parts.some((one) => one !== stored.get(plan)),
      }
    },
    retain(isThere) {
      for (const id of given.keys()) if (!isThere(id)) given.delete(id)
    },
  }
}

function slugSet(models: readonly CatalogueModel[]): Set<string> {
  return new Set(models.map(({ slug }) => slug))
}
