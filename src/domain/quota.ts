/** A usage window by its length. The upstream's slot names say nothing: a weekly window may come in the first slot. */
export const windowKinds = ['short', 'weekly', 'monthly'] as const
export type WindowKind = (typeof windowKinds)[number]

/** Where a figure comes from. A refusal is the hardest evidence: the upstream turned a request away. */
export const readingSources = ['poll', 'header', 'event', 'refusal'] as const
export type ReadingSource = (typeof readingSources)[number]

/** The newest figure for one usage window of one account. Percentages 0 to 100, times epoch milliseconds. */
export type QuotaWindow = {
  kind: WindowKind
  usedPercent: number
  lengthMs: number
  resetAtMs: number | null
  source: ReadingSource
  readAtMs: number
  /** Since when the upstream does not mention the window any more; it goes when its reset has passed. Null: it does. */
  staleSinceMs: number | null
}

/** Purchased credits beside the windows, as the upstream reports them. */
export type Credits = { has: boolean; unlimited: boolean; balance: number | null; readAtMs: number }

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
export const dayMs = 24 * hourMs

/** Two reports of one reset differ by seconds (computed from "resets after"); a new window differs by more. */
const sameResetMs = 5 * minuteMs

/** Which window a length means: 5 h → short, 7 d → weekly, 30 d → monthly; odd lengths go to the nearest kind. */
export function kindOfLength(lengthMs: number): WindowKind {
  if (lengthMs <= dayMs) return 'short'
  return lengthMs <= 14 * dayMs ? 'weekly' : 'monthly'
}

/** What is used now: a window whose reset has passed counts as empty until somebody says otherwise. */
export function usedNow(window: QuotaWindow, nowMs: number): number {
  return window.resetAtMs !== null && window.resetAtMs <= nowMs ? 0 : window.usedPercent
}

/** True when `later` shows that the window of `earlier` is over and a new one runs. */
export function isNewWindow(earlier: { resetAtMs: number | null }, later: { resetAtMs: number | null }): boolean {
  return earlier.resetAtMs !== null && later.resetAtMs !== null && later.resetAtMs > earlier.resetAtMs + sameResetMs
}

/**
 * Fold new readings into the known windows. The newest wins, but a refusal stands against softer evidence until its
 * reset has passed, or until a reading shows a window that resets later (it was reset early). `isComplete` readings name
 * every window that there is (a poll does): the others go stale.
 */
export function mergeReadings(
  known: readonly QuotaWindow[],
  readings: readonly QuotaWindow[],
  nowMs: number,
  isComplete = false,
): QuotaWindow[] {
  const merged = new Map(known.map((window) => [window.kind, window]))
  for (const reading of readings) {
    const before = merged.get(reading.kind)
    if (before && !outranks(reading, before, nowMs)) continue
    merged.set(reading.kind, reading)
  }
  if (isComplete && readings.length > 0) {
    const mentioned = new Set(readings.map(({ kind }) => kind))
    for (const window of merged.values()) if (!mentioned.has(window.kind)) forget(merged, window, nowMs)
  }
  return windowKinds.flatMap((kind) => merged.get(kind) ?? [])
}

/** A window that is not mentioned any more counts as it was until its reset, and then not at all. */
function forget(windows: Map<WindowKind, QuotaWindow>, window: QuotaWindow, nowMs: number): void {
  if (window.resetAtMs === null || window.resetAtMs <= nowMs) windows.delete(window.kind)
  else windows.set(window.kind, { ...window, staleSinceMs: window.staleSinceMs ?? nowMs })
}

function outranks(reading: QuotaWindow, before: QuotaWindow, nowMs: number): boolean {
  if (reading.readAtMs < before.readAtMs) return false
  const refusalStands = before.source === 'refusal' && before.resetAtMs !== null && before.resetAtMs > nowMs
  return !refusalStands || reading.source === 'refusal' || isNewWindow(before, reading)
}

/** Nominal size of a plan's windows, in the credits that the upstream's own price list used; null: the plan has no such window. */
export type Capacity = Record<WindowKind, number | null>

const plus: Capacity = { short: 225, weekly: 7_560, monthly: null }
const pro: Capacity = { short: 1_500, weekly: 50_400, monthly: null }
const free: Capacity = { short: null, weekly: 1_134, monthly: 1_134 }

const capacityByPlan: Record<string, Capacity> = {
  plus,
  business: plus,
  team: plus,
  edu: plus,
  education: plus,
  k12: plus,
  prolite: { short: 1_125, weekly: 37_800, monthly: null },
  pro,
  enterprise: pro,
}

/** Sizes that a person set for some plans. */
export type PlanCapacities = Readonly<Record<string, Capacity>>

/** Capacity of a plan, in credits; an unknown plan counts as the smallest. */
export function capacityOf(plan: string, own: PlanCapacities = {}): Capacity {
  if (Object.hasOwn(own, plan)) return own[plan] ?? free
  return Object.hasOwn(capacityByPlan, plan) ? (capacityByPlan[plan] ?? free) : free
}

/**
 * The window that a refusal was about: the one that resets when the refusal says, else the fullest; where none is
 * known, the wait itself tells (a reset two days away is not of a five-hour window). Null without any hint.
 */
export function refusedWindow(
  windows: readonly QuotaWindow[],
  untilMs: number | null,
  nowMs: number,
): WindowKind | null {
  // Of equally full windows the longer one: it is the one that keeps the account out for long.
  const byUse = windows.toSorted((a, b) => usedNow(b, nowMs) - usedNow(a, nowMs) || b.lengthMs - a.lengthMs)
  const sameReset = byUse.find(
    (window) => untilMs !== null && window.resetAtMs !== null && Math.abs(window.resetAtMs - untilMs) <= sameResetMs,
  )
  if (sameReset) return sameReset.kind
  const [fullest] = byUse
  if (fullest && usedNow(fullest, nowMs) >= 99) return fullest.kind
  return untilMs === null ? null : kindOfLength(untilMs - nowMs)
}

/** How long a window of each kind usually is. */
export const lengthByKind: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 7 * dayMs, monthly: 30 * dayMs }

/** The reading that a refusal amounts to: the window is full until its reset. */
export function refusalReading(
  windows: readonly QuotaWindow[],
  kind: WindowKind,
  untilMs: number | null,
  nowMs: number,
): QuotaWindow {
  const known = windows.find((window) => window.kind === kind)
  const resetAtMs = untilMs ?? known?.resetAtMs ?? null
  return {
    kind,
    usedPercent: 100,
    lengthMs: known?.lengthMs ?? lengthByKind[kind],
    resetAtMs,
    source: 'refusal',
    readAtMs: nowMs,
    staleSinceMs: null,
  }
}
