import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { looseNumber as number, looseText as text } from './fields.ts'
import { plausibleReset } from './readings.ts'

/** An error as the upstream said it, in one shape whatever form it came in. */
export type UpstreamError = {
  /** HTTP status, or the status inside an error frame; null when the answer broke off without one. */
  status: number | null
  /** Lower-cased code, else type, else `upstream_error`. */
  code: string
  message: string
  param: string | null
  plan: string | null
  /** When the limit ends, epoch ms, where the upstream said so and it is plausible. */
  resetsAtMs: number | null
}

const errorShape = z.object({
  code: text,
  type: text,
  message: text,
  param: text,
  plan_type: text,
  resets_at: number,
  resets_in_seconds: number,
})
const envelope = z.object({
  error: z.union([errorShape, z.string()]).nullish().catch(null),
  detail: z.union([errorShape, z.string()]).nullish().catch(null),
  message: text,
})

/** Reads the body of an HTTP answer that is no success: JSON in several forms, HTML or plain text. */
export function errorOfBody(status: number, headers: IncomingHttpHeaders, body: string, nowMs: number): UpstreamError {
  const json = parseJson(body)
  const parsed = envelope.safeParse(json)
  const said = parsed.success ? (parsed.data.error ?? parsed.data.detail) : null
  const fields = said == null || typeof said === 'string' ? { message: said } : said
  const error = fromFields(fields, status, nowMs)
  if (error.message === '')
    error.message = (parsed.success && parsed.data.message) || `The upstream answered ${status}.`
  error.resetsAtMs ??= resetFromHint(headers['retry-after'], error.message, nowMs)
  return error
}

/** Reads the error of a `response.failed` or `error` event. */
export function errorOfEvent(event: unknown, nowMs: number): UpstreamError {
  const shape = z.object({
    status: number,
    status_code: number,
    error: errorShape.nullish().catch(null),
    response: z
      .object({ error: errorShape.nullish().catch(null) })
      .nullish()
      .catch(null),
    code: text,
    error_type: text,
    message: text,
    param: text,
  })
  const parsed = shape.safeParse(event)
  const frame = parsed.success ? parsed.data : null
  // The discriminator `type: "error"` of a frame is not the type of its error.
  const flat = frame && { code: frame.code, type: frame.error_type, message: frame.message, param: frame.param }
  const error = fromFields(
    frame?.response?.error ?? frame?.error ?? flat ?? {},
    frame?.status ?? frame?.status_code ?? null,
    nowMs,
  )
  if (error.message === '') error.message = 'The upstream reported an error without a message.'
  error.resetsAtMs ??= resetFromHint(undefined, error.message, nowMs)
  return error
}

function fromFields(fields: Partial<z.infer<typeof errorShape>>, status: number | null, nowMs: number): UpstreamError {
  const { code, type, message, param, plan_type, resets_at, resets_in_seconds } = fields
  const named = resets_at == null ? null : plausibleReset(resets_at * 1000, nowMs)
  const computed = resets_in_seconds == null ? null : plausibleReset(nowMs + resets_in_seconds * 1000, nowMs)
  return {
    status,
    code: (code || type || 'upstream_error').toLowerCase(),
    message: message ?? '',
    param: param ?? null,
    plan: plan_type ?? null,
    resetsAtMs: named ?? computed,
  }
}

/** `Retry-After` in seconds or as a date, else "try again in 1h2m3s" in the message. */
function resetFromHint(retryAfter: string | undefined, message: string, nowMs: number): number | null {
  if (retryAfter !== undefined && retryAfter !== '') {
    const seconds = Number(retryAfter)
    const named = plausibleReset(Number.isFinite(seconds) ? nowMs + seconds * 1000 : Date.parse(retryAfter), nowMs)
    if (named !== null) return named
  }
  const hint = waitHint.exec(message)?.[1]
  return hint === undefined ? null : plausibleReset(nowMs + durationMs(hint), nowMs)
}

const unitMs: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }
/** A unit followed by another letter is not one ("3 months"). */
const durationPart =
  /(\d{1,9}(?:\.\d{1,9})?)\s?(ms|milliseconds?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[dhms])(?![a-z])/gi
/** One duration, up to the first word that does not belong to it. */
const waitHint = new RegExp(`try again in\\s+((?:${durationPart.source}(?:,?\\s?(?:and\\s)?)){1,5})`, 'i')

/** Sum of "1h2m3s", "6m0s", "1.2s", "2 minutes". */
function durationMs(hint: string): number {
  let sum = 0
  for (const [, amount, unit] of hint.matchAll(durationPart)) {
    const name = unit?.toLowerCase() ?? ''
    sum += Number(amount) * (unitMs[name.startsWith('mil') || name === 'ms' ? 'ms' : name.charAt(0)] ?? 0)
  }
  return sum
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // HTML and plain text are ordinary error answers of proxies in between.
    return null
  }
}
