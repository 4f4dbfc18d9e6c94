import type { Json } from '../json.ts'

/** Errors whose code says more than the status that they come with. */
const types: Record<string, string> = {
  account_cap_reached: 'overloaded_error',
  context_length_exceeded: 'invalid_request_error',
  insufficient_quota: 'rate_limit_error',
  invalid_prompt: 'invalid_request_error',
  model_unavailable: 'not_found_error',
  overloaded: 'overloaded_error',
  payload_too_large: 'request_too_large',
  rate_limit_exceeded: 'rate_limit_error',
  server_is_overloaded: 'overloaded_error',
  slow_down: 'overloaded_error',
  usage_limit_reached: 'rate_limit_error',
  usage_not_included: 'rate_limit_error',
}

const typesByStatus: Record<number, string> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

const statuses: Record<string, number> = {
  invalid_request_error: 400,
  not_found_error: 404,
  overloaded_error: 529,
  rate_limit_error: 429,
  request_too_large: 413,
}

/** The body of an error. `status` and `code` are our own; `requestId` is null where there is none to name. */
export function anthropicError(status: number, code: string, message: string, requestId: string | null = null): Json {
  return {
    type: 'error',
    error: { type: typeFor(status, code), message: wordsFor(code, message) },
    request_id: requestId,
  }
}

/**
 * The status that goes with it. 529 is Anthropic's word for "too much at the moment", after which Claude Code drops what it
 * does in the background and repeats the rest; the SDK repeats it like every status from 500 on.
 */
export function anthropicStatus(status: number, code: string): number {
  const type = types[code]
  return (type === undefined ? null : statuses[type]) ?? status
}

/**
 * Claude Code waits as long as `retry-after` says up to a minute, and gives up at once when it says more; without it, it
 * tries for minutes. The SDK would wait for any time, so it is told outright when waiting makes no sense.
 */
export function retryHeaders(code: string, retryAfterSeconds: number | null): Record<string, string> {
  const wait = retryAfterSeconds ?? (code === 'usage_limit_reached' ? mostWaitSeconds + 1 : null)
  if (wait === null) return {}
  const isPointless = wait > mostWaitSeconds
  return { 'retry-after': String(Math.ceil(wait)), ...(isPointless ? { 'x-should-retry': 'false' } : {}) }
}

const mostWaitSeconds = 60

function typeFor(status: number, code: string): string {
  return types[code] ?? typesByStatus[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
}

/** By these words Claude Code knows that it has to compact the conversation. */
function wordsFor(code: string, message: string): string {
  return code === 'context_length_exceeded' ? `prompt is too long: ${message}` : message
}
