import type { Keys } from '../accounts/keys.ts'
import type { Ledger } from '../accounts/ledger.ts'
import type { Pool } from '../accounts/pool.ts'
import {
  ApiKeyChange,
  ApiKeyCreation,
  ApiKeyList,
  ApiKeyParams,
  ApiKeyView,
  ApiKeyWithSecret,
} from '../contract/api-keys.ts'
import { type ApiKey, isInScope, type KeyRules, type KeyUse, keyStatus, scopeOf } from '../domain/api-key.ts'
import type { Standing } from '../domain/limit-counts.ts'
import { dayMs } from '../domain/quota.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { changedRules, openRules, rulesOf } from './api-key-rules.ts'
import { route } from './route.ts'

export type ApiKeyDeps = {
  keys: Keys
  ledger: Pick<Ledger, 'standing' | 'forget'>
  store: { keys: Pick<Store['keys'], 'use'> }
  pool: Pick<Pool, 'accounts'>
  clock: Clock
  /** A request that was answered a moment ago counts. */
  flush: () => Promise<void>
}

const shownDays = 7
const params = ApiKeyParams

/** Client keys. Names, addresses and what keys have taken are for admins only. */
export function apiKeyRoutes(deps: ApiKeyDeps) {
  const { keys, pool, clock } = deps
  const facts = () => ({ accounts: pool.accounts(), nowMs: clock.now() })
  const known = (id: string): ApiKey => {
    const key = keys.get(id)
    if (key === null) throw new AppError('api_key_not_found')
    return key
  }
  const viewOf = async (key: ApiKey): Promise<ApiKeyView> => {
    const [view] = await viewsOf([key], deps)
    // As many come out as go in.
    return view as ApiKeyView
  }
  return [
    route(
      { method: 'GET', path: '/api/api-keys', access: 'admin', summary: 'All API keys', answer: ApiKeyList },
      async () => ({ items: await viewsOf(keys.list(), deps), nextCursor: null }),
    ),
    route(
      {
        ...{ method: 'POST', path: '/api/api-keys', access: 'admin', audit: 'api_key.create', status: 201 },
        summary: 'Create an API key; the answer is the only one that holds it',
        ...{ body: ApiKeyCreation, answer: ApiKeyWithSecret },
      },
      async ({ body, audit }) => {
        const { key, secret } = await keys.create(changedRules(openRules, body, facts()))
        audit({ target: { kind: 'api_key', id: key.id }, after: { ...rulesOf(key), prefix: key.prefix } })
        return { ...(await viewOf(key)), key: secret.reveal() }
      },
    ),
    route(
      {
        ...{ method: 'GET', path: '/api/api-keys/:id', access: 'admin', summary: 'One API key' },
        ...{ params, answer: ApiKeyView },
      },
      async ({ params: { id } }) => viewOf(known(id)),
    ),
    route(
      {
        ...{ method: 'PATCH', path: '/api/api-keys/:id', access: 'admin', audit: 'api_key.change' },
        summary: 'Change what is named of an API key',
        ...{ params, body: ApiKeyChange, answer: ApiKeyView },
      },
      async ({ params: { id }, body, audit }) => {
        const changed = await keys.change(id, (before) => changedRules(before, body, facts()))
        if (changed === null) throw new AppError('api_key_not_found')
        audit(difference(changed.before, changed.after))
        return viewOf(changed.after)
      },
    ),
    route(
      {
        ...{ method: 'POST', path: '/api/api-keys/:id/regenerate', access: 'admin', audit: 'api_key.regenerate' },
        summary: 'Put another secret in place of the old one, which ends at once',
        ...{ params, answer: ApiKeyWithSecret },
      },
      async ({ params: { id }, audit }) => {
        const { prefix } = known(id)
        const renewed = await keys.regenerate(id)
        if (renewed === null) throw new AppError('api_key_not_found')
        audit({ before: { prefix }, after: { prefix: renewed.key.prefix } })
        return { ...(await viewOf(renewed.key)), key: renewed.secret.reveal() }
      },
    ),
    route(
      {
        ...{ method: 'DELETE', path: '/api/api-keys/:id', access: 'admin', audit: 'api_key.delete', status: 204 },
        summary: 'Delete an API key; its requests stay logged',
        ...{ params, answer: null },
      },
      async ({ params: { id }, audit }) => {
        const gone = await keys.remove(id)
        if (gone === null) throw new AppError('api_key_not_found')
        await deps.ledger.forget(id)
        audit({ before: { ...rulesOf(gone), prefix: gone.prefix } })
      },
    ),
  ]
}

/** The rules that differ. */
function difference(before: KeyRules, after: KeyRules) {
  const names = (Object.keys(openRules) as (keyof KeyRules)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  )
  const changed = (rules: KeyRules) => Object.fromEntries(names.map((name) => [name, rules[name]]))
  return { before: changed(before), after: changed(after) }
}

async function viewsOf(
  keys: readonly ApiKey[],
  { store, pool, clock, flush, ledger }: ApiKeyDeps,
): Promise<ApiKeyView[]> {
  await flush()
  const nowMs = clock.now()
  const today = Math.floor(nowMs / dayMs) * dayMs
  const use = await store.keys.use(today - (shownDays - 1) * dayMs)
  const standings = await Promise.all(keys.map(({ id, limits }) => ledger.standing(id, limits)))
  return keys.map((key, index) => {
    const { secretHash: _hash, revision: _revision, expiresAtMs, createdAtMs, lastUsedAtMs, ...shown } = key
    const { lifetime = nothing, since = nothing } = use.get(key.id) ?? {}
    const scope = scopeOf(key)
    return {
      ...shown,
      ...{ allowedModels: copy(key.allowedModels), allowedEfforts: copy(key.allowedEfforts) },
      ...{ accountIds: copy(key.accountIds), tags: copy(key.tags), allowedAddresses: copy(key.allowedAddresses) },
      limits: [...key.limits],
      limitUse: (standings[index] ?? []).map(limitUse),
      accountsInScope: scope && pool.accounts().filter((account) => isInScope(account, scope)).length,
      status: keyStatus(key, nowMs),
      expiresAt: isoOrNull(expiresAtMs),
      createdAt: iso(createdAtMs),
      lastUsedAt: isoOrNull(lastUsedAtMs),
      usage: { lifetime: useView(lifetime), sevenDays: useView(since) },
    }
  })
}

const nothing: KeyUse = { requests: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, costMicroUsd: 0 }

function useView({ requests, inputTokens, cachedTokens, outputTokens, costMicroUsd }: KeyUse) {
  const totalTokens = inputTokens + outputTokens
  const costUsd = costMicroUsd / 1_000_000
  return { requests, totalTokens, inputTokens, cachedInputTokens: cachedTokens, outputTokens, costUsd }
}

function limitUse({ limit, used, reserved, left, resetAtMs }: Standing) {
  return { limitId: limit.id, used, reserved, left, resetAt: isoOrNull(resetAtMs) }
}

function copy<T>(list: readonly T[] | null): T[] | null {
  return list === null ? null : [...list]
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : iso(atMs)
}
