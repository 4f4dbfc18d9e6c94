import type { Fault, ModelAccount } from '../../src/balancer/replay.ts'
import { type Account, healthy } from '../../src/domain/account.ts'
import { dayMs, hourMs, minuteMs, type WindowKind } from '../../src/domain/quota.ts'
import { createRandom } from './random.ts'
import { monthStartMs } from './traffic.ts'

/** Accounts as the product knows them, and as they truly are. */
export type MonthsPool = { accounts: Account[]; upstream: ModelAccount[]; longTokensPerWeek: number }

const lengths: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 7 * dayMs, monthly: 30 * dayMs }

/**
 * What the windows truly hold, in weighted tokens. The product does not know these and assumes others: it must learn. A
 * month of turns that fill larger ones would take hours to play.
 */
const capacities: Record<string, Partial<Record<WindowKind, number>>> = {
  free: { monthly: 4e6 },
  plus: { short: 1e6, weekly: 8e6 },
  team: { short: 1e6, weekly: 8e6 },
  pro: { short: 6.7e6, weekly: 53e6 },
}

const plans: Record<number, string[]> = {
  2: ['plus', 'pro'],
  5: ['plus', 'plus', 'plus', 'pro', 'free'],
}
const mixed = ['plus', 'plus', 'pro', 'plus', 'team', 'plus', 'plus', 'free', 'plus', 'team']

export function poolOf(size: number): MonthsPool {
  const planOf = (at: number) => plans[size]?.[at] ?? mixed[at % mixed.length] ?? 'plus'
  const accounts = Array.from({ length: size }, (_, at) => accountOf(`acc-${String(at).padStart(3, '0')}`, planOf(at)))
  const upstream = accounts.map(({ id, plan }) => ({
    id,
    windows: Object.entries(capacities[plan] ?? {}).map(([kind, capacityTokens]) => ({
      ...{ kind: kind as WindowKind, lengthMs: lengths[kind as WindowKind], capacityTokens },
      ...{ usedTokens: 0, endsAtMs: null },
    })),
  }))
  const perWeek = (plan: string) => capacities[plan]?.weekly ?? (capacities[plan]?.monthly ?? 0) / (30 / 7)
  return { accounts, upstream, longTokensPerWeek: accounts.reduce((sum, { plan }) => sum + perWeek(plan), 0) }
}

function accountOf(id: string, plan: string): Account {
  return {
    ...{ id, plan, chatgptAccountId: id, seat: id, email: null, workspaceId: null, workspaceLabel: null },
    ...{
      policy: 'normal',
      priority: 0,
      tags: [],
      alias: null,
      egress: { kind: 'default' },
      health: healthy,
      windows: [],
      meters: [],
      credits: null,
    },
    ...{ limitReached: null, burn: null, statistics: null, createdAtMs: 0, refreshedAtMs: 0, version: 1 },
    ...{ models: null, inFlight: 0, starting: 0, unseenTokens: 0, lastChosenAtMs: 0 },
  }
}

/** The share of calls that fail once and for no reason. */
export const blipShare = 0.002

/** What goes wrong within some days: bursts, accounts that fail for a while, lost sign-ins, clients elsewhere, one outage of all. */
export function faultsOf(seed: number, { accounts }: MonthsPool, days: number): Fault[] {
  const random = createRandom(seed + 7)
  const faults: Fault[] = []
  const somewhen = () => monthStartMs + random.between(0, days) * dayMs
  const times = (perMonth: number) => Math.floor((perMonth * days) / 30 + random.next())
  const outageMs = somewhen()
  for (const { id: accountId, plan } of accounts) {
    const add = (kind: 'burst' | 'down' | 'sign_in_lost', perMonth: number, shortestMs: number, longestMs: number) => {
      for (let left = times(perMonth); left > 0; left--) {
        const fromMs = somewhen()
        faults.push({ kind, accountId, fromMs, untilMs: fromMs + random.between(shortestMs, longestMs) })
      }
    }
    add('burst', 90, 5_000, 90_000)
    add('down', 4, minuteMs, 15 * minuteMs)
    add('sign_in_lost', 0.3, hourMs, 24 * hourMs)
    faults.push({ kind: 'down', accountId, fromMs: outageMs, untilMs: outageMs + 3 * minuteMs })
    if (!random.isLikely(0.2)) continue
    const tokens = (capacities[plan]?.short ?? 4e5) / 40
    for (let fromMs = monthStartMs; fromMs < monthStartMs + days * dayMs; fromMs += random.skewed(90, 1) * minuteMs)
      faults.push({ kind: 'outside', accountId, fromMs, tokens: random.skewed(tokens) })
  }
  return faults
}
