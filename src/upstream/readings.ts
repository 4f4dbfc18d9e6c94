import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { type Credits, dayMs, kindOfLength, minuteMs, type QuotaWindow, type ReadingSource } from '../domain/quota.ts'
import { looseNumber as number } from './fields.ts'

/** Usage figures of one account from one source. `plan` is null where the source does not name it. */
export type Reading = { plan: string | null; windows: QuotaWindow[]; credits: Credits | null }

const windowShape = z
  .object({
    used_percent: number,
    limit_window_seconds: number,
    window_minutes: number,
    reset_after_seconds: number,
    reset_at: number,
    resets_at: number,
  })
  .nullish()
  .catch(null)
const creditsShape = z
  .object({ has_credits: z.boolean().nullish(), unlimited: z.boolean().nullish(), balance: number })
  .nullish()
  .catch(null)
const usageShape = z.object({
  plan_type: z.string().nullish().catch(null),
  rate_limit: z.object({ primary_window: windowShape, secondary_window: windowShape }).nullish().catch(null),
  credits: creditsShape,
})
const eventShape = z.object({
  limit_id: z.string().nullish(),
  limit_name: z.string().nullish(),
  metered_limit_name: z.string().nullish(),
  rate_limits: z
    .object({
      limit_id: z.string().nullish(),
      limit_name: z.string().nullish(),
      metered_limit_name: z.string().nullish(),
      primary: windowShape,
      secondary: windowShape,
      credits: creditsShape,
    })
    .nullish()
    .catch(null),
  credits: creditsShape,
})

/** Reads the answer of `GET /wham/usage`. Null when it is not of that shape at all. */
export function readUsage(body: unknown, nowMs: number): Reading | null {
  const parsed = usageShape.safeParse(body)
  if (!parsed.success) return null
  const { rate_limit, credits, plan_type } = parsed.data
  return {
    plan: plan_type?.toLowerCase() ?? null,
    windows: windowsOf([rate_limit?.primary_window, rate_limit?.secondary_window], 'poll', nowMs),
    credits: creditsOf(credits, nowMs),
  }
}

/** Reads the `x-codex-*` headers that come with every answer of a turn, errors included. */
export function readHeaders(headers: IncomingHttpHeaders, nowMs: number): Reading {
  const text = (name: string) => {
    const value = headers[name]
    return typeof value === 'string' && value.trim() !== '' ? value : null
  }
  const slot = (name: string) => ({
    used_percent: finite(text(`x-codex-${name}-used-percent`)),
    window_minutes: finite(text(`x-codex-${name}-window-minutes`)),
    reset_at: finite(text(`x-codex-${name}-reset-at`)),
  })
  const has = text('x-codex-credits-has-credits')
  const credits =
    has === null
      ? null
      : {
          has_credits: has.toLowerCase() === 'true',
          unlimited: text('x-codex-credits-unlimited')?.toLowerCase() === 'true',
          balance: finite(text('x-codex-credits-balance')),
        }
  return {
    plan: null,
    windows: windowsOf([slot('primary'), slot('secondary')], 'header', nowMs),
    credits: creditsOf(credits, nowMs),
  }
}

/** Reads a `codex.rate_limits` event. Null for another meter than the main one, and for anything else. */
export function readRateLimitsEvent(event: unknown, nowMs: number): Reading | null {
  const parsed = eventShape.safeParse(event)
  if (!parsed.success || !parsed.data.rate_limits) return null
  const limits = parsed.data.rate_limits
  const names = [parsed.data, limits].flatMap((part) => [part.limit_id, part.limit_name, part.metered_limit_name])
  if (names.some((name) => name != null && name !== 'codex')) return null
  return {
    plan: null,
    windows: windowsOf([limits.primary, limits.secondary], 'event', nowMs),
    credits: creditsOf(limits.credits ?? parsed.data.credits, nowMs),
  }
}

type Slot = Partial<NonNullable<z.infer<typeof windowShape>>>

/** Slots are told apart by length alone; without a length or a figure there is nothing to learn from one. */
function windowsOf(slots: (Slot | null | undefined)[], source: ReadingSource, nowMs: number): QuotaWindow[] {
  const windows = slots.flatMap((slot): QuotaWindow[] => {
    const seconds = slot?.limit_window_seconds ?? (slot?.window_minutes == null ? null : slot.window_minutes * 60)
    if (slot?.used_percent == null || seconds === null || seconds <= 0) return []
    const lengthMs = Math.ceil(seconds / 60) * minuteMs
    const usedPercent = Math.min(100, Math.max(0, slot.used_percent))
    return [
      { kind: kindOfLength(lengthMs), usedPercent, lengthMs, resetAtMs: resetOf(slot, nowMs), source, readAtMs: nowMs },
    ]
  })
  const byKind = new Map<string, QuotaWindow>()
  for (const window of windows) {
    const before = byKind.get(window.kind)
    if (before === undefined || tellsMore(window, before)) byKind.set(window.kind, window)
  }
  return [...byKind.values()]
}

/** Of two slots of one kind one is a placeholder, without a reset; else the fuller one is the one that will refuse. */
function tellsMore(window: QuotaWindow, before: QuotaWindow): boolean {
  if ((window.resetAtMs === null) !== (before.resetAtMs === null)) return before.resetAtMs === null
  return window.usedPercent > before.usedPercent
}

function resetOf(slot: Slot, nowMs: number): number | null {
  const seconds = slot.reset_at ?? slot.resets_at
  if (seconds != null) return plausibleReset(seconds * 1000, nowMs)
  return slot.reset_after_seconds == null ? null : plausibleReset(nowMs + slot.reset_after_seconds * 1000, nowMs)
}

/** A reset that lies in the past or more than a year ahead is not believed. Fractions round up. */
export function plausibleReset(atMs: number, nowMs: number): number | null {
  return Number.isFinite(atMs) && atMs > nowMs && atMs <= nowMs + 366 * dayMs ? Math.ceil(atMs) : null
}

function creditsOf(credits: z.infer<typeof creditsShape>, nowMs: number): Credits | null {
  if (!credits) return null
  const { has_credits, unlimited, balance } = credits
  return { has: has_credits ?? false, unlimited: unlimited ?? false, balance: balance ?? null, readAtMs: nowMs }
}

function finite(text: string | null): number | null {
  const value = text === null ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : null
}
