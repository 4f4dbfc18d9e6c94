import {
  type EgressChoice,
  type EgressDown,
  type EgressHealth,
  type EgressPool,
  type EgressRef,
  egressFailed,
  egressSuspected,
  egressWorked,
  freshEgress,
  openWays,
  type Ways,
} from '../domain/egress.ts'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'

/** A proxy that a request goes through. Exactly one of these is called when it is known how that went. */
export type Passage = {
  proxy: EgressProxy
  worked(): void
  failed(error: { code: string; message: string }): void
  /** The answer broke off before it began. */
  suspected(error: { code: string; message: string }): void
  /** It says nothing of the proxy: the request was given up. */
  dropped(): void
}

/** All proxies and pools, and how they were found to work. */
export type Egress = {
  proxies(): readonly EgressProxy[]
  pools(): readonly EgressPool[]
  healthOf(proxyId: string): EgressHealth
  /** What an account is bound to in the end; null: it goes directly. */
  routeOf(choice: EgressChoice): EgressRef | null
  /** The next proxy to try on a route, but for those named; null: there is none. */
  enter(route: EgressRef, tried: ReadonlySet<string>): Passage | null
  /** Whether a connection through this proxy (null: directly) may go on to be used. */
  mayUse(choice: EgressChoice, proxyId: string | null): boolean
  /** Why nobody can go a route now; null: it is open. */
  downOf(route: EgressRef): EgressDown | null
  ways(): Ways
  /** What a test of a proxy has shown. */
  tested(proxyId: string, error: { code: string; message: string } | null): void
  /** Takes over what the store has. */
  load(): Promise<void>
  /** Load only when somebody else has changed it. */
  refresh(): Promise<void>
}

export type EgressDeps = {
  store: Store['egress']
  clock: Clock
  /** The way of all accounts that have none of their own; null: directly. */
  defaultRoute: () => EgressRef | null
  /** Told of every proxy that is gone or another one now. */
  onReplaced: (proxyId: string) => void
  /** Told whenever a way has opened or closed. */
  onChange: () => void
}

export function createEgress({ store, clock, defaultRoute, onReplaced, onChange }: EgressDeps): Egress {
  let proxies = new Map<string, EgressProxy>()
  let pools = new Map<string, EgressPool>()
  let loadedVersion = -1
  const healths = new Map<string, EgressHealth>()
  /** Proxies that one request tries after a rest. */
  const probing = new Set<string>()
  let known: { ways: Ways; route: EgressRef | null; untilMs: number } | null = null

  const healthOf = (id: string) => healths.get(id) ?? freshEgress
  const changed = () => {
    known = null
    onChange()
  }
  const setHealth = (id: string, health: EgressHealth) => {
    // What was deleted meanwhile is not kept.
    if (!proxies.has(id)) return
    const before = healthOf(id)
    healths.set(id, health)
    if (before.failures > 0 || health.failures > 0) changed()
  }
  const membersOf = (route: EgressRef): EgressProxy[] => {
    const ids = route.kind === 'proxy' ? [route.id] : (pools.get(route.id)?.memberIds ?? [])
    return ids.flatMap((id) => proxies.get(id) ?? [])
  }
  const downOfProxy = (proxy: EgressProxy, nowMs: number): EgressDown | null => {
    const { failures, downSinceMs: sinceMs, restingUntilMs: untilMs, lastError } = healthOf(proxy.id)
    const down = { kind: 'proxy' as const, name: proxy.name }
    if (!proxy.isActive) return { ...down, code: 'off', sinceMs: null, untilMs: null }
    if (failures === 0) return null
    if (untilMs !== null && untilMs > nowMs) return { ...down, code: lastError?.code ?? 'down', sinceMs, untilMs }
    return probing.has(proxy.id) ? { ...down, code: 'probing', sinceMs, untilMs: null } : null
  }
  const downOfPool = (pool: EgressPool, nowMs: number): EgressDown | null => {
    const down = { kind: 'pool' as const, name: pool.name }
    const members = membersOf({ kind: 'pool', id: pool.id })
    const downs = members.map((proxy) => downOfProxy(proxy, nowMs))
    if (downs.some((one) => one === null)) return null
    const ends = downs.flatMap((one) => one?.untilMs ?? [])
    const starts = downs.flatMap((one) => one?.sinceMs ?? [])
    const resting = downs.find((one) => one !== null && one.code !== 'off')
    return {
      ...down,
      code: members.length === 0 ? 'empty' : (resting?.code ?? 'off'),
      // Down as a whole since its last member is.
      sinceMs: starts.length === 0 ? null : Math.max(...starts),
      untilMs: ends.length === 0 ? null : Math.min(...ends),
    }
  }
  const downOf = (route: EgressRef): EgressDown | null => {
    const nowMs = clock.now()
    const found = route.kind === 'proxy' ? proxies.get(route.id) : pools.get(route.id)
    if (found === undefined) return { kind: route.kind, name: null, code: 'missing', sinceMs: null, untilMs: null }
    return 'memberIds' in found ? downOfPool(found, nowMs) : downOfProxy(found, nowMs)
  }
  const ways = (): Ways => {
    const route = defaultRoute()
    if (proxies.size === 0 && pools.size === 0 && route === null) return openWays
    const nowMs = clock.now()
    if (known !== null && known.route === route && nowMs < known.untilMs) return known.ways
    const rests = [...healths.values()].flatMap(({ restingUntilMs }) => restingUntilMs ?? [])
    const untilMs = Math.min(...rests.filter((ms) => ms > nowMs))
    known = {
      ways: {
        default: route && downOf(route),
        proxies: new Map([...proxies.values()].map((proxy) => [proxy.id, downOfProxy(proxy, nowMs)])),
        pools: new Map([...pools.values()].map((pool) => [pool.id, downOfPool(pool, nowMs)])),
      },
      route,
      untilMs,
    }
    return known.ways
  }
  const load = async () => {
    const stored = await store.load()
    const before = proxies
    proxies = new Map(stored.proxies.map((proxy) => [proxy.id, proxy]))
    pools = new Map(stored.pools.map((pool) => [pool.id, pool]))
    loadedVersion = stored.version
    for (const { id, version } of before.values()) {
      if (proxies.get(id)?.version === version) continue
      // What was found out of another address, or with another password, says nothing of this one.
      healths.delete(id)
      probing.delete(id)
      onReplaced(id)
    }
    changed()
  }
  const routeOf = (choice: EgressChoice): EgressRef | null => {
    if (choice.kind === 'default') return defaultRoute()
    return choice.kind === 'direct' ? null : choice
  }

  return {
    proxies: () => [...proxies.values()],
    pools: () => [...pools.values()],
    healthOf,
    routeOf,
    enter(route, tried) {
      const nowMs = clock.now()
      const open = membersOf(route).filter((proxy) => !tried.has(proxy.id) && downOfProxy(proxy, nowMs) === null)
      // One on which an answer broke off comes after the others, until it has shown that it works.
      const proxy = open.find(({ id }) => healthOf(id).suspicions === 0) ?? open[0]
      if (proxy === undefined) return null
      const { id, version } = proxy
      const isProbe = healthOf(id).failures > 0
      if (isProbe) {
        probing.add(id)
        known = null
      }
      let isOver = false
      const over = (tell: (() => void) | null) => {
        if (isOver) return
        isOver = true
        if (isProbe) probing.delete(id)
        if (tell !== null && proxies.get(id)?.version === version) tell()
        else if (isProbe) changed()
      }
      return {
        proxy,
        worked: () => over(() => setHealth(id, egressWorked(healthOf(id), clock.now()))),
        failed: (error) => over(() => setHealth(id, egressFailed(healthOf(id), error, clock.now()))),
        suspected: (error) => over(() => setHealth(id, egressSuspected(healthOf(id), error, clock.now()))),
        dropped: () => over(null),
      }
    },
    mayUse(choice, proxyId) {
      const route = routeOf(choice)
      if (route === null || proxyId === null) return route === null && proxyId === null
      return membersOf(route).some(({ id, isActive }) => id === proxyId && isActive)
    },
    downOf,
    ways,
    tested(proxyId, error) {
      const nowMs = clock.now()
      const health = healthOf(proxyId)
      setHealth(proxyId, error === null ? egressWorked(health, nowMs) : egressFailed(health, error, nowMs))
    },
    load,
    async refresh() {
      if ((await store.version()) !== loadedVersion) await load()
    },
  }
}
