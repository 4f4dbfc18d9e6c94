import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ModelAccount, ModelWindow } from '../balancer/replay.ts'
import { type Account, healthy, type StoredAccount } from '../domain/account.ts'
import { percentPerToken } from '../domain/burn.ts'
import { capacityOf, dayMs, hourMs, type QuotaWindow, type WindowKind, windowKinds } from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import type { Store, UsageHour } from '../store/store.ts'

/** The stored accounts as a replay takes them: as they were known at its beginning, and as they are taken to be. */
export type RecordedPool = {
  accounts: Account[]
  upstream: ModelAccount[]
  /** Accounts that could not serve now, and so are left out. */
  absent: number
  /** Accounts without a figure of that time. */
  withoutStart: number
}

const usualLengthMs: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 7 * dayMs, monthly: 30 * dayMs }
/** A figure that is older than this when the replay begins says too little. */
const oldestFigureMs = 6 * hourMs

export async function recordedPool(
  store: Pick<Store, 'accounts' | 'usage'>,
  settings: Settings,
  sinceMs: number,
): Promise<RecordedPool> {
  const stored = await store.accounts.list()
  const fit = stored.filter(({ health }) => health.signIn === 'ok' && !health.paused)
  const pool: RecordedPool = { accounts: [], upstream: [], absent: stored.length - fit.length, withoutStart: 0 }
  for (const account of fit) {
    const hours = await store.usage.hours(sinceMs - oldestFigureMs, account.id)
    await nextTurn()
    const windows = windowsThen(account, hours, sinceMs)
    if (windows.length === 0) pool.withoutStart++
    pool.accounts.push(accountThen(account, windows))
    pool.upstream.push({ id: account.id, windows: modelWindows(account, windows, settings, sinceMs) })
  }
  return pool
}

function accountThen(account: StoredAccount, windows: QuotaWindow[]): Account {
  return {
    ...account,
    ...{ windows, health: healthy, meters: [], limitReached: null, createdAtMs: 0 },
    ...{ models: null, inFlight: 0, starting: 0, unseenTokens: 0, lastChosenAtMs: 0 },
  }
}

/** The last figure of each window from before that moment. */
function windowsThen(account: StoredAccount, hours: readonly UsageHour[], sinceMs: number): QuotaWindow[] {
  const last = new Map<WindowKind, UsageHour>()
  for (const hour of hours) if (hour.atMs + hourMs <= sinceMs) last.set(hour.kind, hour)
  return windowKinds.flatMap((kind): QuotaWindow[] => {
    const hour = last.get(kind)
    if (hour === undefined) return []
    const lengthMs = account.windows.find((window) => window.kind === kind)?.lengthMs ?? usualLengthMs[kind]
    const { lastPercent: usedPercent, resetAtMs, atMs } = hour
    return [
      {
        kind,
        usedPercent,
        lengthMs,
        resetAtMs,
        source: 'poll',
        readAtMs: Math.min(sinceMs, atMs + hourMs),
        staleSinceMs: null,
      },
    ]
  })
}

function modelWindows(
  { plan, burn, windows: known }: StoredAccount,
  then: readonly QuotaWindow[],
  { planCapacities }: Settings,
  sinceMs: number,
): ModelWindow[] {
  const nominal = capacityOf(plan, planCapacities)
  const kinds = windowKinds.filter((kind) =>
    known.length === 0 ? nominal[kind] !== null : known.some((window) => window.kind === kind),
  )
  return kinds.flatMap((kind): ModelWindow[] => {
    const rate = percentPerToken(burn, plan, kind, planCapacities)
    // Of a window that the plan is not known to have nothing may have been learned: then it is no bound.
    if (rate <= 0) return []
    const lengthMs = known.find((window) => window.kind === kind)?.lengthMs ?? usualLengthMs[kind]
    const figure = then.find((window) => window.kind === kind)
    const isRunning = figure !== undefined && figure.resetAtMs !== null && figure.resetAtMs > sinceMs
    return [
      {
        ...{ kind, lengthMs, capacityTokens: 100 / rate },
        usedTokens: isRunning ? figure.usedPercent / rate : 0,
        endsAtMs: isRunning && figure.usedPercent > 0 ? figure.resetAtMs : null,
      },
    ]
  })
}
