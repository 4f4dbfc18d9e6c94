import type { RoutingAsk } from '../../src/balancer/choose.ts'
import { type Account, type Block, type Health, healthy } from '../../src/domain/account.ts'
import type { Meter } from '../../src/domain/meter.ts'
import { hourMs, type QuotaWindow, type WindowKind } from '../../src/domain/quota.ts'
import { defaultSettings, type Settings } from '../../src/domain/settings.ts'

/** The moment that unit tests call now. */
export const nowMs = Date.UTC(2026, 0, 15, 12)

const lengths: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 168 * hourMs, monthly: 720 * hourMs }

/** A window read a minute ago that resets in an hour. */
export function aWindow(kind: WindowKind, usedPercent: number, given: Partial<QuotaWindow> = {}): QuotaWindow {
  const readAtMs = nowMs - 60_000
  return {
    kind,
    usedPercent,
    lengthMs: lengths[kind],
    resetAtMs: nowMs + hourMs,
    source: 'poll',
    readAtMs,
    staleSinceMs: null,
    ...given,
  }
}

/** A fit account on plan plus, without figures. */
export function anAccount(id: string, given: Partial<Account> = {}): Account {
  return {
    id,
    chatgptAccountId: `workspace-${id}`,
    seat: `user-${id}`,
    email: `${id}@example.com`,
    plan: 'plus',
    workspaceId: null,
    workspaceLabel: null,
    health: healthy,
    windows: [],
    credits: null,
    createdAtMs: 0,
    refreshedAtMs: 0,
    version: 1,
    policy: 'normal',
    priority: 0,
    tags: [],
    alias: null,
    egress: { kind: 'default' },
    meters: [],
    limitReached: null,
    burn: null,
    statistics: null,
    models: null,
    inFlight: 0,
    starting: 0,
    unseenTokens: 0,
    lastChosenAtMs: 0,
    ...given,
  }
}

/** A block that began a minute ago and ends in ten, as the upstream said. */
export function aBlock(by: Block['by'], given: Partial<Block> = {}): Block {
  const untilMs = nowMs + 600_000
  return {
    ...{
      by,
      window: null,
      meter: null,
      sinceMs: nowMs - 60_000,
      untilMs,
      code: 'a_code',
      endIsKnown: true,
      strikes: 1,
    },
    ...given,
  }
}

/** A fit account but for what is said of its health. */
export function anAilingAccount(id: string, health: Partial<Health>, given: Partial<Account> = {}): Account {
  return anAccount(id, { health: { ...healthy, ...health }, ...given })
}

/** A limit for the model that has its name, with a short and a weekly window of this much use. */
export function aMeter(name: string, shortPercent: number, weeklyPercent = 0): Meter {
  const key = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')
  return { key, name, feature: null, windows: [aWindow('short', shortPercent), aWindow('weekly', weeklyPercent)] }
}

/** A request for gpt-5 that any account may serve. */
export function anAsk(given: Partial<RoutingAsk> = {}): RoutingAsk {
  return {
    ...{ model: 'gpt-5', inputTokens: 10_000, ownerId: null, home: null, seed: 'seed' },
    ...{ tried: new Set<string>(), lacking: new Set<string>() },
    ...given,
  }
}

export const withSettings = (given: Partial<Settings> = {}): Settings => ({ ...defaultSettings, ...given })

/** Numbers in [0, 1) that are the same for the same seed, so that a failing case can be run again (mulberry32). */
export function seededRandom(seed: number): {
  next(): number
  below(limit: number): number
  pick<T>(list: readonly T[]): T
} {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    below,
    pick(list) {
      const one = list[below(list.length)]
      if (one === undefined) throw new Error('There is nothing to pick from.')
      return one
    },
  }
}
