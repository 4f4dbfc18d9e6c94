import type { Account } from '../domain/account.ts'
import { percentPerToken } from '../domain/burn.ts'
import type { Meter } from '../domain/meter.ts'
import { capacityOf, type QuotaWindow, usedNow, type WindowKind } from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import { hashOf } from './chance.ts'

/** How near its edge an account is: 0 has room, 1 is nearly used up, 2 is used up by its figures. */
export type Edge = 0 | 1 | 2

/** One of the two windows that ranking looks at. Percentages 0 to 100, what no figure shows yet counted in. */
export type Side = {
  usedPercent: number
  /** Null where no window of this side is known. */
  resetAtMs: number | null
  lengthMs: number
  /** Nominal size in credits; null: the plan has no such window. */
  credits: number | null
  percentPerToken: number
}

/** What ranking needs to know of an account, worked out once for as long as the account does not change. */
export type Standing = {
  account: Account
  short: Side
  /** The weekly or the monthly window. */
  long: Side
  /** Used percent of the fullest window. */
  tightestPercent: number
  edge: Edge
  /** Natural logarithm of the credits that a weighted token takes: so that big and small plans compare. */
  logCreditsPerToken: number
  /** Spreads chance: the same for the same account. */
  hash: number
  /** From here on the figures above are out of date. */
  validUntilMs: number
  settings: Settings
}

/** A request in flight counts as at least this much of the five-hour window of the smallest paid plan. */
const leastPressurePercent = 1
const leastPressureCredits = 225

const known = new WeakMap<Account, Standing>()

/** Accounts are never changed in place, so what follows from one can be kept beside it. */
export function standingOf(account: Account, settings: Settings, nowMs: number): Standing {
  const before = known.get(account)
  if (before !== undefined && before.settings === settings && before.validUntilMs > nowMs) return before
  const standing = workOut(account, settings, nowMs)
  known.set(account, standing)
  return standing
}

/** For a request whose model has a meter of its own: that one's windows stand in for the account's. */
export function meteredStanding(account: Account, { windows }: Meter, settings: Settings, nowMs: number): Standing {
  return { ...workOut({ ...account, windows }, settings, nowMs), account }
}

function workOut(account: Account, settings: Settings, nowMs: number): Standing {
  const long = account.windows.some((window) => window.kind === 'monthly') ? 'monthly' : 'weekly'
  const shortSide = sideOf(account, 'short', settings, nowMs)
  const longSide = sideOf(account, long, settings, nowMs)
  let validUntilMs = Number.POSITIVE_INFINITY
  let tightestPercent = 0
  for (const window of account.windows) {
    if (window.resetAtMs !== null && window.resetAtMs > nowMs) validUntilMs = Math.min(validUntilMs, window.resetAtMs)
    const side = window.kind === 'short' ? shortSide : window.kind === long ? longSide : null
    tightestPercent = Math.max(tightestPercent, side?.usedPercent ?? usedNow(window, nowMs))
  }
  return {
    ...{ account, short: shortSide, long: longSide, tightestPercent, validUntilMs, settings },
    logCreditsPerToken: Math.log(creditsPerToken(shortSide, longSide)),
    edge: edgeOf(shortSide, longSide, tightestPercent, settings),
    hash: hashOf(account.id),
  }
}

/** An account of whose size nothing is known is no cheaper than the others. */
function creditsPerToken(short: Side, long: Side): number {
  const { credits, percentPerToken: rate } = long.credits === null ? short : long
  return ((credits ?? 0) * rate) / 100 || usualCreditsPerToken
}
const usualCreditsPerToken = 1 / 20_000

function edgeOf(short: Side, long: Side, tightestPercent: number, settings: Settings): Edge {
  if (tightestPercent >= 100) return 2
  return short.usedPercent >= settings.edgeShortPercent || long.usedPercent >= settings.edgeLongPercent ? 1 : 0
}

function sideOf(account: Account, kind: WindowKind, settings: Settings, nowMs: number): Side {
  const { plan, burn, inFlight, unseenTokens } = account
  const credits = capacityOf(plan, settings.planCapacities)[kind]
  const rate = percentPerToken(burn, plan, kind, settings.planCapacities)
  const window = account.windows.find((one) => one.kind === kind)
  const least = credits === null ? 0 : (inFlight * leastPressurePercent * leastPressureCredits) / credits
  const unseen = Math.max(unseenTokens * rate, least)
  const used = window === undefined ? 0 : usedNow(window, nowMs)
  // What is not seen yet may fill a window in our eyes only: a refusal alone says that it is full.
  const usedPercent = used >= 100 ? 100 : Math.min(99.9, used + unseen)
  return { usedPercent, credits, percentPerToken: rate, ...timesOf(window, kind, nowMs) }
}

const usualLengthMs: Record<WindowKind, number> = { short: 18_000_000, weekly: 604_800_000, monthly: 2_592_000_000 }

function timesOf(window: QuotaWindow | undefined, kind: WindowKind, nowMs: number) {
  const resetAtMs = window?.resetAtMs ?? null
  return {
    resetAtMs: resetAtMs !== null && resetAtMs > nowMs ? resetAtMs : null,
    lengthMs: window?.lengthMs ?? usualLengthMs[kind],
  }
}
