import type { Pool } from '../accounts/pool.ts'
import type { EgressPoolView, EgressProxyView } from '../contract/egress.ts'
import type { EgressPool, EgressRef } from '../domain/egress.ts'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { Settings } from '../domain/settings.ts'
import type { Egress } from '../egress/registry.ts'
import { iso } from './account-views.ts'

export type EgressViewDeps = { egress: Egress; pool: Pool; settings: () => Settings }

const maybe = (atMs: number | null) => (atMs === null ? null : iso(atMs))

export function egressProxyView(proxy: EgressProxy, deps: EgressViewDeps): EgressProxyView {
  const { id, name, scheme, host, port, username, password, isActive, createdAtMs, updatedAtMs } = proxy
  const { lastOkAtMs, failures, downSinceMs, restingUntilMs, lastError } = deps.egress.healthOf(id)
  const status = !isActive ? 'off' : failures > 0 ? 'resting' : lastOkAtMs === null ? 'unknown' : 'ok'
  return {
    ...{ id, name, scheme, host, port, username, isActive, hasPassword: password !== null },
    ...{ createdAt: iso(createdAtMs), updatedAt: iso(updatedAtMs) },
    health: {
      ...{ status, failures, lastOkAt: maybe(lastOkAtMs) },
      ...{ downSince: maybe(downSinceMs), restingUntil: maybe(restingUntilMs) },
      lastError: lastError && { code: lastError.code, message: lastError.message, at: iso(lastError.atMs) },
    },
    usedBy: usersOf({ kind: 'proxy', id }, deps),
  }
}

export function egressPoolView(pool: EgressPool, deps: EgressViewDeps): EgressPoolView {
  const { id, name, memberIds, createdAtMs, updatedAtMs } = pool
  const down = deps.egress.downOf({ kind: 'pool', id })
  return {
    ...{ id, name, memberIds, createdAt: iso(createdAtMs), updatedAt: iso(updatedAtMs) },
    down: down && { code: down.code, since: maybe(down.sinceMs), until: maybe(down.untilMs) },
    usedBy: usersOf({ kind: 'pool', id }, deps),
  }
}

/** Who goes this way by name, and whether all others do. */
export function usersOf(
  { kind, id }: EgressRef,
  { egress, pool, settings }: EgressViewDeps,
): EgressProxyView['usedBy'] {
  const bound = pool.accounts().filter(({ egress: own }) => own.kind === kind && own.id === id)
  const route = settings().defaultEgress
  return {
    accounts: bound.map((account) => ({
      accountId: account.id,
      displayName: account.email ?? account.chatgptAccountId,
    })),
    pools:
      kind === 'pool'
        ? []
        : egress
            .pools()
            .filter(({ memberIds }) => memberIds.includes(id))
            .map((one) => ({ id: one.id, name: one.name })),
    isDefault: route?.kind === kind && route.id === id,
  }
}
