/** The two or three spans over which the upstream counts use. */
export type WindowKind = 'short' | 'weekly' | 'monthly'

export const windowKinds: readonly WindowKind[] = ['short', 'weekly', 'monthly']

const lengthSeconds: Record<WindowKind, number> = { short: 18_000, weekly: 604_800, monthly: 2_592_000 }

/** One usage window. It runs from the first use until `endsAtMs`; `null` means that none is running. */
export type UsageWindow = { kind: WindowKind; capacityTokens: number; usedTokens: number; endsAtMs: number | null }

/** A window as the upstream reports it; percentages are whole, as the Codex CLI reads them as integers. */
type WindowReading = { usedPercent: number; lengthSeconds: number; resetAt: number; resetAfterSeconds: number }

const capacities: Record<string, Record<WindowKind, number>> = {
  free: { short: 200_000, weekly: 800_000, monthly: 1_500_000 },
  plus: { short: 2_000_000, weekly: 12_000_000, monthly: 40_000_000 },
  pro: { short: 20_000_000, weekly: 120_000_000, monthly: 400_000_000 },
}

/** How many tokens a plan's window holds; plans without an entry count like `plus`. */
export function capacityOf(plan: string, kind: WindowKind): number {
  const ofPlan = capacities[plan] ?? capacities.plus
  return ofPlan?.[kind] ?? 1_000_000
}

/** Which windows a plan has, in the order of the primary and the secondary slot. */
export function kindsOf(plan: string, weeklyOnly: boolean): WindowKind[] {
  if (weeklyOnly) return ['weekly']
  return plan === 'free' ? ['monthly'] : ['short', 'weekly']
}

function roll(window: UsageWindow, nowMs: number): void {
  if (window.endsAtMs === null || window.endsAtMs > nowMs) return
  window.usedTokens = 0
  window.endsAtMs = null
}

/** Counts use; the first use after a reset starts the next window. */
export function fill(window: UsageWindow, tokens: number, nowMs: number): void {
  roll(window, nowMs)
  window.endsAtMs ??= nowMs + lengthSeconds[window.kind] * 1000
  window.usedTokens += tokens
}

/** Sets the use to a percentage; zero ends the window. Without a time to its reset the window has just begun. */
export function setPercent(window: UsageWindow, percent: number, nowMs: number, resetsInSeconds?: number): void {
  window.usedTokens = (window.capacityTokens * percent) / 100
  window.endsAtMs = percent > 0 ? nowMs + (resetsInSeconds ?? lengthSeconds[window.kind]) * 1000 : null
}

export function isFull(window: UsageWindow, nowMs: number): boolean {
  roll(window, nowMs)
  return window.usedTokens >= window.capacityTokens
}

/** What the upstream says of a window now. One that is not running would end a full length from now. */
export function readWindow(window: UsageWindow, nowMs: number): WindowReading {
  roll(window, nowMs)
  const endsAtMs = window.endsAtMs ?? nowMs + lengthSeconds[window.kind] * 1000
  return {
    usedPercent: Math.min(100, Math.floor((window.usedTokens / window.capacityTokens) * 100 + 1e-9)),
    lengthSeconds: lengthSeconds[window.kind],
    resetAt: Math.ceil(endsAtMs / 1000),
    resetAfterSeconds: Math.max(0, Math.ceil((endsAtMs - nowMs) / 1000)),
  }
}
