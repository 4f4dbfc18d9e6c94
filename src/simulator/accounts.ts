import { createHash } from 'node:crypto'
import type { JsonObject } from './json.ts'
import {
  capacityOf,
  fill,
  isFull,
  kindsOf,
  readWindow,
  setPercent,
  type UsageWindow,
  type WindowKind,
  windowKinds,
} from './windows.ts'

/** One account to simulate. Percentages are 0 to 100; what is left out is made from the e-mail address. */
export type SimulatedAccountOptions = {
  email: string
  /** `free`, `plus`, `pro`, `team`, `business`, …: any name; only `free` has a monthly window instead of two. */
  plan: string
  accountId?: string
  userId?: string
  shortUsedPercent?: number
  weeklyUsedPercent?: number
  monthlyUsedPercent?: number
  /** When the windows in use reset; a full length from the start when left out. */
  resetsInSeconds?: Partial<Record<WindowKind, number>>
  /** A plan with a weekly window in the primary slot and nothing else. */
  weeklyOnly?: boolean
  /** Life of an access token. */
  accessTokenMs?: number
  /** Slugs this account may use; every model when left out. */
  models?: string[]
  /** Access tokens that are no JWTs and end when the next one is issued. */
  opaqueAccess?: boolean
  creditsBalance?: number
  /** Usage resets that can be redeemed. */
  resetCredits?: number
  /** When they expire, from the start on; 30 days when left out. */
  resetCreditsExpireInSeconds?: number
  /** Limits of certain models beside the windows. Nothing is counted against them. */
  meters?: SimulatedMeterOptions[]
  /** The word for a reached limit; `rate_limit_reached` when left out. */
  limitReachedType?: string
  /** What the account's profile says of its use; null leaves a figure open. Without it the profile knows nothing. */
  statistics?: SimulatedStatistics
}

type SimulatedMeterOptions = {
  name: string
  feature: string
  shortUsedPercent: number
  weeklyUsedPercent?: number
  resetsInSeconds?: number
}

type SimulatedMeter = { name: string; feature: string; windows: UsageWindow[] }

export type SimulatedCredit = {
  readonly id: string
  readonly grantedAtMs: number
  readonly expiresAtMs: number
  redeemedAtMs: number | null
}

/** Figures as the profile has them; `days` by date, YYYY-MM-DD. */
type SimulatedStatistics = {
  lifetimeTokens?: number | null
  peakDailyTokens?: number | null
  longestTurnSeconds?: number | null
  currentStreakDays?: number | null
  longestStreakDays?: number | null
  days?: Record<string, number>
}

/** A file that was registered. `asked`: how often whether it is ready, since its bytes came. */
type SimulatedFile = { name: string; bytes: number | null; asked: number }

/** The state of one account. Tests may read it; they change it through the simulator. */
export type SimulatedAccount = {
  readonly email: string
  readonly plan: string
  readonly accountId: string
  readonly userId: string
  /** Marks what this account issued (turn states, response ids, encrypted content). */
  readonly tag: string
  readonly accessTokenMs: number
  readonly opaqueAccess: boolean
  readonly models: readonly string[] | null
  readonly windows: UsageWindow[]
  creditsBalance: number
  readonly resetCredits: SimulatedCredit[]
  /** Redemptions that reset something, by the id they were asked for with. */
  readonly redemptions: Map<string, { credit: SimulatedCredit; windowsReset: number }>
  readonly meters: readonly SimulatedMeter[]
  readonly limitReachedType: string
  readonly statistics: SimulatedStatistics
  /** Input tokens last seen per prompt cache key, the longest unused first. */
  readonly promptCache: Map<string, number>
  readonly files: Map<string, SimulatedFile>
  /** Goals by thread. */
  readonly goals: Map<string, JsonObject>
}

const tenDaysMs = 864_000_000
const promptCacheEntries = 500
const cacheBlockTokens = 128
const smallestCachedTokens = 1024

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function createAccount(
  options: SimulatedAccountOptions,
  capacityTokens: Partial<Record<WindowKind, number>>,
  nowMs: number,
): SimulatedAccount {
  const hex = digest(options.email)
  const used: Record<WindowKind, number | undefined> = {
    short: options.shortUsedPercent,
    weekly: options.weeklyUsedPercent,
    monthly: options.monthlyUsedPercent,
  }
  const windows = kindsOf(options.plan, options.weeklyOnly ?? false).map((kind) => {
    const capacity = capacityTokens[kind] ?? capacityOf(options.plan, kind)
    const window: UsageWindow = { kind, capacityTokens: capacity, usedTokens: 0, endsAtMs: null }
    setPercent(window, used[kind] ?? 0, nowMs, options.resetsInSeconds?.[kind])
    return window
  })
  return {
    email: options.email,
    plan: options.plan,
    accountId:
      options.accountId ??
      `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    userId: options.userId ?? `user-${hex.slice(32, 56)}`,
    tag: hex.slice(0, 12),
    accessTokenMs: options.accessTokenMs ?? tenDaysMs,
    opaqueAccess: options.opaqueAccess ?? false,
    models: options.models ?? null,
    windows,
    creditsBalance: options.creditsBalance ?? 0,
    resetCredits: creditsFrom(options, hex, nowMs),
    redemptions: new Map(),
    meters: (options.meters ?? []).map((meter) => meterFrom(meter, nowMs)),
    limitReachedType: options.limitReachedType ?? 'rate_limit_reached',
    statistics: options.statistics ?? {},
    promptCache: new Map(),
    files: new Map(),
    goals: new Map(),
  }
}

function creditsFrom(
  { resetCredits = 0, resetCreditsExpireInSeconds = 30 * 86_400 }: SimulatedAccountOptions,
  hex: string,
  nowMs: number,
): SimulatedCredit[] {
  return Array.from({ length: resetCredits }, (_, index) => ({
    id: `rlrc_${hex.slice(0, 12)}${index}`,
    grantedAtMs: nowMs - 86_400_000,
    expiresAtMs: nowMs + resetCreditsExpireInSeconds * 1000,
    redeemedAtMs: null,
  }))
}

function meterFrom(options: SimulatedMeterOptions, nowMs: number): SimulatedMeter {
  const { name, feature, resetsInSeconds } = options
  const window = (kind: WindowKind, percent: number): UsageWindow => {
    const made: UsageWindow = { kind, capacityTokens: 1_000_000, usedTokens: 0, endsAtMs: null }
    setPercent(made, percent, nowMs, resetsInSeconds)
    return made
  }
  const weekly = options.weeklyUsedPercent === undefined ? [] : [window('weekly', options.weeklyUsedPercent)]
  return { name, feature, windows: [window('short', options.shortUsedPercent), ...weekly] }
}

/** Counts tokens against every window. */
export function charge(account: SimulatedAccount, tokens: number, nowMs: number): void {
  for (const window of account.windows) fill(window, tokens, nowMs)
}

/** The full window that resets last, or null while the account may be used. */
export function fullWindow(account: SimulatedAccount, nowMs: number): UsageWindow | null {
  const full = account.windows.filter((window) => isFull(window, nowMs))
  return full.sort((a, b) => (b.endsAtMs ?? 0) - (a.endsAtMs ?? 0))[0] ?? null
}

/** Input tokens that the prompt cache of the account saves; remembers this prompt for the next one. */
export function cachedTokens(account: SimulatedAccount, key: string | null, inputTokens: number): number {
  if (key === null) return 0
  const before = account.promptCache.get(key) ?? 0
  account.promptCache.delete(key)
  account.promptCache.set(key, inputTokens)
  if (account.promptCache.size > promptCacheEntries) {
    const oldest = account.promptCache.keys().next()
    if (!oldest.done) account.promptCache.delete(oldest.value)
  }
  const shared = Math.floor(Math.min(before, inputTokens) / cacheBlockTokens) * cacheBlockTokens
  return shared >= smallestCachedTokens ? shared : 0
}

/** The `x-codex-*` headers that go with every answer to a turn, refusals included. */
export function rateHeaders(account: SimulatedAccount, nowMs: number): Record<string, string> {
  const headers: Record<string, string> = {
    'x-codex-credits-has-credits': String(account.creditsBalance > 0),
    'x-codex-credits-unlimited': 'false',
    'x-codex-credits-balance': String(account.creditsBalance),
  }
  for (const [slot, window] of account.windows.entries()) {
    const reading = readWindow(window, nowMs)
    const prefix = slot === 0 ? 'x-codex-primary' : 'x-codex-secondary'
    headers[`${prefix}-used-percent`] = String(reading.usedPercent)
    headers[`${prefix}-window-minutes`] = String(reading.lengthSeconds / 60)
    headers[`${prefix}-reset-at`] = String(reading.resetAt)
  }
  return headers
}

export function isWindowKind(value: unknown): value is WindowKind {
  return windowKinds.some((kind) => kind === value)
}
