import { type Account, activeBlock } from '../account.ts'
import type { PoolWindow } from '../pool-windows.ts'
import type { About } from './about.ts'
import type { Observation } from './decide.ts'
import type { RuleCondition, RuleKind } from './rule.ts'
import { isLaterVersion } from './version.ts'

/** How much of one limit of one API key is used. */
export type KeyLimitFact = {
  keyId: string
  keyName: string
  limitId: string
  /** The limit in words. */
  limit: string
  usedPercent: number
  resetAtMs: number | null
}

/** One way out. `isUp` null: not known yet. */
export type EgressFact = { id: string; name: string; isUp: boolean | null; reason: string | null }

/** What rules look at. Everything is in memory; null: not known now. */
export type Facts = {
  accounts: readonly Account[]
  windows: readonly PoolWindow[]
  keyLimits: readonly KeyLimitFact[] | null
  egress: readonly EgressFact[] | null
  /** Requests that ended in the last minutes. Not whole: this server has not run for so long. */
  requests(minutes: number): { requests: number; failed: number; isWhole: boolean }
  /** The version that was found at an address last. */
  latestVersion(parameters: { url: string; allowPrivateAddress: boolean }): string | null
  running: string
}

type Observe<K extends RuleKind> = (
  parameters: Extract<RuleCondition, { kind: K }>['parameters'],
  facts: Facts,
  nowMs: number,
) => Observation[] | null

/** How the things stand that a rule watches; null: not known now. */
export function observe({ kind, parameters }: RuleCondition, facts: Facts, nowMs: number): Observation[] | null {
  // The table has for each kind what takes its parameters; the compiler cannot follow that through the lookup.
  return (table[kind] as Observe<RuleKind>)(parameters as never, facts, nowMs)
}

const table: { [K in RuleKind]: Observe<K> } = {
  pool_below({ window: kind, percent }, { windows }) {
    const window = windows.find((one) => one.kind === kind)
    if (window === undefined) return null
    const leftPercent = 100 - window.usedPercent
    const { resetAtMs } = window
    const about: About = { kind: 'pool_below', window: kind, percent, leftPercent, resetAtMs }
    const isOff = leftPercent >= percent + margin(percent)
    return [{ subject: kind, phase: leftPercent < percent ? 'on' : isOff ? 'off' : 'between', about }]
  },
  pool_out: (_, { accounts }, nowMs) => poolOut(accounts, nowMs),
  account_reauth: (_, { accounts }) => signInOf(accounts, 'account_reauth', 'reauth_required'),
  account_closed: (_, { accounts }) => signInOf(accounts, 'account_closed', 'deactivated'),
  key_limit({ percent }, { keyLimits }) {
    if (keyLimits === null) return null
    return keyLimits.map(({ limitId, ...fact }) => {
      const isOff = fact.usedPercent < percent - margin(percent)
      const phase = fact.usedPercent >= percent ? 'on' : isOff ? 'off' : 'between'
      return { subject: `${fact.keyId}:${limitId}`, phase, about: { kind: 'key_limit', percent, ...fact } }
    })
  },
  error_rate(parameters, facts) {
    const { percent, minutes, leastRequests } = parameters
    const { requests, failed, isWhole } = facts.requests(minutes)
    const isEnough = requests >= leastRequests
    if (!isEnough && !isWhole) return null
    const failedPercent = isEnough ? (failed / requests) * 100 : 0
    const phase = failedPercent > percent ? 'on' : failedPercent <= percent * 0.75 ? 'off' : 'between'
    return [{ subject: 'pool', phase, about: { kind: 'error_rate', ...parameters, requests, failed } }]
  },
  egress_down(_, { egress }) {
    if (egress === null) return null
    return egress.map(({ id, name, isUp, reason }) => {
      const phase = isUp === null ? 'between' : isUp ? 'off' : 'on'
      return { subject: id, phase, about: { kind: 'egress_down', egressId: id, name, reason } }
    })
  },
  new_version(parameters, { latestVersion, running }) {
    const version = latestVersion(parameters)
    if (version === null) return null
    const phase = isLaterVersion(version, running) ? 'on' : 'off'
    return [{ subject: version, phase, about: { kind: 'new_version', version, running } }]
  },
}

/** A figure that wavers around its bound tells once: it has to come back by so much. */
function margin(percent: number): number {
  return Math.min(3, percent / 4, (100 - percent) / 2)
}

/** Rests after failures and bursts pass within minutes and are no news. Paused accounts are no part of the pool. */
function poolOut(accounts: readonly Account[], nowMs: number): Observation[] | null {
  const inPool = accounts.filter(({ health }) => !health.paused)
  if (inPool.length === 0) return null
  const signedOut = inPool.filter(({ health }) => health.signIn !== 'ok').length
  const ends = inPool.flatMap(({ health }) => {
    const block = health.signIn === 'ok' ? activeBlock(lasting(health), nowMs) : null
    return block === null ? [] : [block.untilMs]
  })
  const serving = inPool.length - signedOut - ends.length
  const nextAtMs = ends.length === 0 ? null : Math.min(...ends)
  const about: About = {
    kind: 'pool_out',
    accounts: inPool.length,
    ...{ serving, usedUp: ends.length, signedOut, nextAtMs },
  }
  return [{ subject: 'pool', phase: serving === 0 ? 'on' : 'off', about }]
}

function lasting(health: Account['health']): Account['health'] {
  return { ...health, blocks: health.blocks.filter(({ by }) => by === 'window' || by === 'plan') }
}

function signInOf(
  accounts: readonly Account[],
  kind: 'account_reauth' | 'account_closed',
  signIn: Account['health']['signIn'],
): Observation[] {
  return accounts.map(({ id, alias, email, plan, health }) => ({
    subject: id,
    phase: health.signIn === signIn ? 'on' : 'off',
    about: { kind, accountId: id, alias, email, plan, reason: health.signInReason },
  }))
}
