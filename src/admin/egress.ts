import {
  EgressParams,
  EgressPoolChange,
  EgressPoolInput,
  EgressPoolList,
  EgressPoolView,
  EgressProxyChange,
  EgressProxyInput,
  EgressProxyList,
  EgressProxyView,
  EgressTest,
} from '../contract/egress.ts'
import type { EgressPool, EgressRef } from '../domain/egress.ts'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId, Secret } from '../lib/secrets.ts'
import type { EgressRemoval, Store } from '../store/store.ts'
import { type EgressViewDeps, egressPoolView, egressProxyView, usersOf } from './egress-views.ts'
import { route } from './route.ts'

export type EgressRouteDeps = EgressViewDeps & {
  store: Pick<Store, 'egress'>
  clock: Clock
  /** Whether a proxy gives a way to the upstream. */
  probe: (proxy: EgressProxy) => Promise<EgressTest>
}

/** Far more than anybody has; what is kept of each has an end, and so has their number. */
const mostWays = 200

export function egressRoutes(deps: EgressRouteDeps) {
  return [...proxyRoutes(deps), ...poolRoutes(deps)]
}

function proxyRoutes(deps: EgressRouteDeps) {
  const { egress, store, clock, probe } = deps
  const params = EgressParams
  const known = (id: string): EgressProxy => {
    const proxy = egress.proxies().find((other) => other.id === id)
    if (proxy === undefined) throw new AppError('egress_proxy_not_found')
    return proxy
  }
  const save = async (proxy: Omit<EgressProxy, 'version'>) => {
    checkCredentials(proxy)
    if ((await store.egress.saveProxy(proxy)) === 'name_taken') throw nameTaken()
    await egress.load()
    return egressProxyView(known(proxy.id), deps)
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/egress-proxies',
        access: 'admin',
        answer: EgressProxyList,
        summary: 'Proxies through which accounts reach the upstream, with how they work',
      },
      async () => ({ items: egress.proxies().map((proxy) => egressProxyView(proxy, deps)), nextCursor: null }),
    ),
    route(
      {
        method: 'POST',
        path: '/api/egress-proxies',
        access: 'admin',
        audit: 'egress_proxy.create',
        status: 201,
        summary: 'Add a proxy',
        body: EgressProxyInput,
        answer: EgressProxyView,
      },
      async ({ body, audit }) => {
        if (egress.proxies().length >= mostWays) throw tooMany()
        const nowMs = clock.now()
        const { username = null, password = null, isActive = true, ...rest } = body
        const id = randomId('egp_')
        const proxy = { ...rest, id, username, isActive, createdAtMs: nowMs, updatedAtMs: nowMs }
        const view = await save({ ...proxy, password: password === null ? null : new Secret(password) })
        audit({ target: { kind: 'egress_proxy', id }, after: facts(known(id)) })
        return view
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/egress-proxies/:id',
        access: 'admin',
        summary: 'One proxy',
        params,
        answer: EgressProxyView,
      },
      async ({ params: { id } }) => egressProxyView(known(id), deps),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/egress-proxies/:id',
        access: 'admin',
        audit: 'egress_proxy.change',
        params,
        summary: 'Change a proxy; a password that is not named stays',
        body: EgressProxyChange,
        answer: EgressProxyView,
      },
      async ({ params: { id }, body, audit }) => {
        const before = known(id)
        const { password, ...named } = body
        const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
        const kept = password === undefined ? before.password : password === null ? null : new Secret(password)
        const view = await save({ ...before, ...given, password: kept, updatedAtMs: clock.now() })
        const isNewPassword = password === undefined ? {} : { password: 'changed' }
        audit({ before: facts(before), after: { ...facts(known(id)), ...isNewPassword } })
        return view
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/egress-proxies/:id',
        access: 'admin',
        audit: 'egress_proxy.delete',
        status: 204,
        params,
        summary: 'Delete a proxy that nobody goes through',
        answer: undefined,
      },
      async ({ params: { id }, audit }) => {
        const before = known(id)
        checkUnused({ kind: 'proxy', id }, before.name, deps)
        await removed(await store.egress.removeProxy(id), before.name, 'egress_proxy_not_found')
        await egress.load()
        audit({ before: facts(before) })
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/egress-proxies/:id/test',
        access: 'admin',
        audit: null,
        params,
        answer: EgressTest,
        summary: 'Reach the upstream through a proxy, on a connection of its own',
      },
      async ({ params: { id } }) => {
        const proxy = known(id)
        const probed = await probe(proxy)
        // It may have been changed meanwhile: then this says nothing of it.
        if (egress.proxies().some((now) => now.id === id && now.version === proxy.version))
          egress.tested(id, probed.error)
        return probed
      },
    ),
  ]
}

function poolRoutes(deps: EgressRouteDeps) {
  const { egress, store, clock } = deps
  const params = EgressParams
  const known = (id: string): EgressPool => {
    const pool = egress.pools().find((other) => other.id === id)
    if (pool === undefined) throw new AppError('egress_pool_not_found')
    return pool
  }
  const save = async (pool: EgressPool) => {
    const there = new Set(egress.proxies().map(({ id }) => id))
    const unknown = pool.memberIds.flatMap((id, at) => (there.has(id) ? [] : [`memberIds.${at}`]))
    const saved = unknown.length > 0 ? 'member_unknown' : await store.egress.savePool(pool)
    if (saved === 'name_taken') throw nameTaken()
    if (saved === 'member_unknown') throw noSuchProxy(unknown.length > 0 ? unknown : ['memberIds'])
    await egress.load()
    return egressPoolView(known(pool.id), deps)
  }
  const facts = ({ name, memberIds }: EgressPool) => ({ name, memberIds })
  return [
    route(
      {
        method: 'GET',
        path: '/api/egress-pools',
        access: 'admin',
        answer: EgressPoolList,
        summary: 'Pools of proxies: the first that works is used',
      },
      async () => ({ items: egress.pools().map((pool) => egressPoolView(pool, deps)), nextCursor: null }),
    ),
    route(
      {
        method: 'POST',
        path: '/api/egress-pools',
        access: 'admin',
        audit: 'egress_pool.create',
        status: 201,
        summary: 'Add a pool of proxies',
        body: EgressPoolInput,
        answer: EgressPoolView,
      },
      async ({ body: { name, memberIds = [] }, audit }) => {
        if (egress.pools().length >= mostWays) throw tooMany()
        const nowMs = clock.now()
        const pool = { id: randomId('egl_'), name, memberIds, createdAtMs: nowMs, updatedAtMs: nowMs }
        const view = await save(pool)
        audit({ target: { kind: 'egress_pool', id: pool.id }, after: facts(pool) })
        return view
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/egress-pools/:id',
        access: 'admin',
        summary: 'One pool of proxies',
        params,
        answer: EgressPoolView,
      },
      async ({ params: { id } }) => egressPoolView(known(id), deps),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/egress-pools/:id',
        access: 'admin',
        audit: 'egress_pool.change',
        params,
        summary: 'Change a pool of proxies',
        body: EgressPoolChange,
        answer: EgressPoolView,
      },
      async ({ params: { id }, body: { name, memberIds }, audit }) => {
        const before = known(id)
        const next = { ...before, name: name ?? before.name, memberIds: memberIds ?? before.memberIds }
        const view = await save({ ...next, updatedAtMs: clock.now() })
        audit({ before: facts(before), after: facts(next) })
        return view
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/egress-pools/:id',
        access: 'admin',
        audit: 'egress_pool.delete',
        status: 204,
        params,
        summary: 'Delete a pool that nobody goes through',
        answer: undefined,
      },
      async ({ params: { id }, audit }) => {
        const before = known(id)
        checkUnused({ kind: 'pool', id }, before.name, deps)
        await removed(await store.egress.removePool(id), before.name, 'egress_pool_not_found')
        await egress.load()
        audit({ before: facts(before) })
      },
    ),
  ]
}

/** What the audit log keeps of a proxy. */
function facts({ name, scheme, host, port, username, password, isActive }: EgressProxy) {
  return { name, scheme, host, port, username, isActive, hasPassword: password !== null }
}

/** @throws AppError for a password that nobody would use */
function checkCredentials({ username, password }: Pick<EgressProxy, 'username' | 'password'>): void {
  if (username !== null || password === null) return
  const message = 'A password needs a user name.'
  throw new AppError('invalid_request', { message, fields: [{ path: 'username', message }] })
}

/** @throws AppError naming who goes this way */
function checkUnused(ref: EgressRef, name: string, deps: EgressViewDeps): void {
  const { accounts, pools, isDefault } = usersOf(ref, deps)
  const users = [
    ...accounts.map(({ displayName }) => `the account ${displayName}`),
    ...pools.map((pool) => `the pool ${pool.name}`),
    ...(isDefault ? ['all accounts without a way of their own (setting defaultEgress)'] : []),
  ]
  if (users.length > 0) throw inUse(name, users)
}

/** @throws AppError when it was not removed; somebody may have begun to use it this very moment */
async function removed(
  removal: EgressRemoval,
  name: string,
  unknown: 'egress_proxy_not_found' | 'egress_pool_not_found',
): Promise<void> {
  if (removal.kind === 'unknown') throw new AppError(unknown)
  if (removal.kind === 'in_use') throw inUse(name, [...removal.accountIds, ...removal.poolIds])
}

function inUse(name: string, users: readonly string[]): AppError {
  const named = users.length > 10 ? [...users.slice(0, 10), `${users.length - 10} more`] : users
  const fields = named.map((message) => ({ path: 'usedBy', message }))
  return new AppError('egress_in_use', { message: `"${name}" is the way out of ${named.join(', ')}.`, fields })
}

function nameTaken(): AppError {
  const message = 'There is one of this name already.'
  return new AppError('egress_name_taken', { message, fields: [{ path: 'name', message }] })
}

function noSuchProxy(paths: readonly string[]): AppError {
  const message = 'There is no proxy with this id.'
  const fields = paths.map((path) => ({ path, message }))
  return new AppError('invalid_request', { message: `${paths[0]}: ${message}`, fields })
}

function tooMany(): AppError {
  return new AppError('invalid_request', { message: `There are ${mostWays} already; delete what nobody uses.` })
}
