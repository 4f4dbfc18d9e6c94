import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { type Meter, meterKey } from '../domain/meter.ts'
import { type Credits, dayMs, kindOfLength, minuteMs, type QuotaWindow, type ReadingSource } from '../domain/quota.ts'
import type { Reading } from '../domain/reading.ts'
import { looseNumber as number, looseText as text } from './fields.ts'

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
const rateLimitShape = z.object({ primary_window: windowShape, secondary_window: windowShape }).nullish().catch(null)
const meterShape = z.object({ limit_name: text, metered_feature: text, rate_limit: rateLimitShape })
const usageShape = z.object({
  plan_type: text,
  rate_limit: rateLimitShape,
  additional_rate_limits: z.array(z.unknown()).nullish().catch(null),
  rate_limit_reached_type: z
    .union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)])
    .nullish()
    .catch(null),
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
  const { rate_limit, credits, plan_type, additional_rate_limits, rate_limit_reached_type } = parsed.data
  return {
    plan: plan_type?.toLowerCase() ?? null,
    windows: windowsOf([rate_limit?.primary_window, rate_limit?.secondary_window], 'poll', nowMs),
    meters: additional_rate_limits?.flatMap((one) => meterOf(one, nowMs)) ?? null,
    credits: creditsOf(credits, nowMs),
    limitReached: rate_limit_reached_type ?? null,
    isComplete: true,
  }
}

function meterOf(given: unknown, nowMs: number): Meter[] {
  const parsed = meterShape.safeParse(given)
  if (!parsed.success) return []
  const { limit_name, metered_feature, rate_limit } = parsed.data
  const name = limit_name ?? metered_feature
  if (!name) return []
  return [
    {
      key: meterKey([metered_feature, limit_name]),
      name,
      feature: metered_feature ?? null,
      windows: windowsOf([rate_limit?.primary_window, rate_limit?.secondary_window], 'poll', nowMs),
    },
  ]
}

/** Reads the `x-codex-*` headers that come with every answer of a turn, errors included. */
export function readHeaders(headers: IncomingHttpHeaders, nowMs: number): Reading {
  const text = (name: string) => {
    const value = headers[name]
    return typeof value === 'string' && value.trim() !== '' ? value : null
  }
  const slot = (name: string, limit = 'codex') => ({
    used_percent: finite(text(`x-${limit}-${name}-used-percent`)),
    window_minutes: finite(text(`x-${limit}-${name}-window-minutes`)),
    reset_at: finite(text(`x-${limit}-${name}-reset-at`)),
  })
  const meters = otherLimits(headers).map((limit) => ({
    ...{ key: meterKey([limit]), name: limit, feature: null },
    windows: windowsOf([slot('primary', limit), slot('secondary', limit)], 'header', nowMs),
  }))
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
    meters: meters.length === 0 ? null : meters,
    credits: creditsOf(credits, nowMs),
    isComplete: false,
  }
}

const meterHeader = /^x-(.{1,60})-(?:primary|secondary)-used-percent$/

/** Header families of other limits than the main one, `x-<limit>-…` (protocol reference, §9.5). */
function otherLimits(headers: IncomingHttpHeaders): string[] {
  const found: string[] = []
  for (const name in headers) {
    if (!name.endsWith('-used-percent')) continue
    const limit = meterHeader.exec(name)?.[1]
    if (limit !== undefined && limit !== 'codex' && !found.includes(limit)) found.push(limit)
  }
  return found
}

/** Reads a `codex.rate_limits` event: of the account's windows, or of one meter. Null for anything else. */
export function readRateLimitsEvent(event: unknown, nowMs: number): Reading | null {
  const parsed = eventShape.safeParse(event)
  if (!parsed.success || !parsed.data.rate_limits) return null
  const limits = parsed.data.rate_limits
  const names = [parsed.data, limits].flatMap((part) => [part.limit_id, part.limit_name, part.metered_limit_name])
  const windows = windowsOf([limits.primary, limits.secondary], 'event', nowMs)
  const credits = creditsOf(limits.credits ?? parsed.data.credits, nowMs)
  const others = names.flatMap((name) => (name != null && name !== 'codex' ? [name] : []))
  const [name] = others
  if (name === undefined) return { plan: null, windows, meters: null, credits, isComplete: false }
  const meter = {
    key: meterKey(others),
    name: limits.limit_name ?? parsed.data.limit_name ?? name,
    feature: null,
    windows,
  }
  return { plan: null, windows: [], meters: [meter], credits: null, isComplete: false }
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
      {
        ...{ kind: kindOfLength(lengthMs), usedPercent, lengthMs, resetAtMs: resetOf(slot, nowMs) },
        ...{ source, readAtMs: nowMs, staleSinceMs: null },
      },
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
