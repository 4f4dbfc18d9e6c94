import type { ApiKeyChange } from '../contract/api-keys.ts'
import type { Account } from '../domain/account.ts'
import type { ApiKey, KeyRules } from '../domain/api-key.ts'
import type { KeyLimit } from '../domain/limits.ts'
import { AppError } from '../errors.ts'
import { parseRange } from '../lib/address-ranges.ts'
import { randomId } from '../lib/secrets.ts'

type Fault = { path: string; message: string }
type Facts = { accounts: readonly Pick<Account, 'id'>[]; nowMs: number }

/** A key that asks nothing of its clients. */
export const openRules: KeyRules = {
  ...{ name: '', notes: null, allowedModels: null, enforcedModel: null, enforcedEffort: null, allowedEfforts: null },
  ...{ enforcedServiceTier: null, accountIds: null, tags: null, allowedAddresses: null, limits: [] },
  ...{ poolSharePercent: null, expiresAtMs: null, isActive: true },
}

/** The rules with a change made to them. @throws AppError naming each field at fault */
export function changedRules(before: KeyRules, change: ApiKeyChange, facts: Facts): KeyRules {
  const { limits, expiresAt, ...given } = change
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const next: KeyRules = { ...rulesOf(before), ...named }
  if (expiresAt !== undefined) next.expiresAtMs = expiresAt === null ? null : Date.parse(expiresAt)
  for (const name of ['allowedModels', 'allowedEfforts', 'accountIds', 'tags', 'allowedAddresses'] as const) {
    // Each element keeps the type that its list has.
    const list: readonly string[] | null = next[name]
    if (list !== null) Object.assign(next, { [name]: [...new Set(list)] })
  }
  const faults = [...faultsOf(before, next, change, facts), ...limitFaults(before.limits, limits ?? [])]
  if (limits !== undefined) next.limits = withIds(before.limits, limits)
  const [first] = faults
  if (first) throw new AppError('invalid_request', { message: `${first.path}: ${first.message}`, fields: faults })
  return next
}

/** Only the rules of what may be a whole key. */
export function rulesOf(key: KeyRules | ApiKey): KeyRules {
  const names = Object.keys(openRules) as (keyof KeyRules)[]
  return Object.fromEntries(names.map((name) => [name, key[name]])) as unknown as KeyRules
}

function faultsOf(before: KeyRules, next: KeyRules, change: ApiKeyChange, { accounts, nowMs }: Facts): Fault[] {
  const faults: Fault[] = []
  const { allowedModels, enforcedModel, enforcedEffort, allowedEfforts, expiresAtMs } = next
  if (enforcedModel !== null && allowedModels !== null && !allowedModels.includes(enforcedModel)) {
    const path = change.enforcedModel == null ? 'allowedModels' : 'enforcedModel'
    faults.push({ path, message: `The enforced model "${enforcedModel}" must be among the allowed ones.` })
  }
  if (enforcedEffort !== null && allowedEfforts !== null) {
    const path = change.enforcedEffort == null ? 'allowedEfforts' : 'enforcedEffort'
    faults.push({ path, message: 'Give either an enforced effort or allowed efforts, not both.' })
  }
  if (change.expiresAt != null && expiresAtMs !== null && expiresAtMs <= nowMs) {
    faults.push({ path: 'expiresAt', message: 'must be in the future.' })
  }
  const known = new Set([...accounts.map(({ id }) => id), ...(before.accountIds ?? [])])
  for (const [at, id] of (change.accountIds ?? []).entries()) {
    if (!known.has(id)) faults.push({ path: `accountIds.${at}`, message: 'There is no account with this id.' })
  }
  for (const [at, range] of (change.allowedAddresses ?? []).entries()) {
    if (parseRange(range) !== null) continue
    faults.push({ path: `allowedAddresses.${at}`, message: 'must be an address or a range such as 10.0.0.0/8.' })
  }
  return faults
}

type GivenLimit = NonNullable<ApiKeyChange['limits']>[number]
type Meant = Omit<KeyLimit, 'id' | 'max'>

/** Two limits of one sort would count the same. */
function sortOf({ kind, period, isCalendar, model }: Meant): string {
  return JSON.stringify([kind, period, isCalendar, model])
}

function limitFaults(before: readonly KeyLimit[], given: readonly GivenLimit[]): Fault[] {
  const faults: Fault[] = []
  const sorts = new Set<string>()
  const ids = new Set<string>()
  for (const [at, limit] of given.entries()) {
    const isKnown = limit.id === undefined || before.some(({ id }) => id === limit.id)
    if (!isKnown) faults.push({ path: `limits.${at}.id`, message: 'The key has no limit with this id.' })
    if (limit.id !== undefined && ids.has(limit.id))
      faults.push({ path: `limits.${at}.id`, message: 'This limit is given twice.' })
    else if (sorts.has(sortOf(limit))) {
      faults.push({ path: `limits.${at}`, message: 'There is one of this kind, period and model already.' })
    }
    if (limit.id !== undefined) ids.add(limit.id)
    sorts.add(sortOf(limit))
  }
  return faults
}

/** An id stays with what it limits, so that what was counted stays, too. */
function withIds(before: readonly KeyLimit[], given: readonly GivenLimit[]): KeyLimit[] {
  const taken = new Set(given.flatMap(({ id }) => id ?? []))
  return given.map((limit) => {
    const same = before.find((one) => !taken.has(one.id) && sortOf(one) === sortOf(limit))
    return { ...limit, id: limit.id ?? same?.id ?? randomId('lim_') }
  })
}
