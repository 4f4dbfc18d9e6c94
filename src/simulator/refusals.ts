import type { SimulatedAccount } from './accounts.ts'
import { type Answer, jsonAnswer } from './http.ts'
import { readWindow, type UsageWindow } from './windows.ts'

/** An error object as most refusals carry it. */
export function errorAnswer(
  status: number,
  error: { code: string | null; message: string; type?: string; param?: string | null },
  headers: Record<string, string> = {},
): Answer {
  const type = error.type ?? 'invalid_request_error'
  const body = { error: { message: error.message, type, param: error.param ?? null, code: error.code } }
  return jsonAnswer(status, body, headers)
}

export function detailAnswer(status: number, detail: string): Answer {
  return jsonAnswer(status, { detail })
}

/** The refusal of a spent account. `resetsInSeconds: null` leaves the reset fields out. */
export function usageLimit(account: SimulatedAccount, resetsInSeconds: number | null, nowMs: number): Answer {
  const reset =
    resetsInSeconds === null
      ? {}
      : { resets_at: Math.ceil(nowMs / 1000) + resetsInSeconds, resets_in_seconds: resetsInSeconds }
  const message = 'The usage limit has been reached'
  return jsonAnswer(429, { error: { type: 'usage_limit_reached', message, plan_type: account.plan, ...reset } })
}

export function windowFull(account: SimulatedAccount, window: UsageWindow, nowMs: number): Answer {
  return usageLimit(account, readWindow(window, nowMs).resetAfterSeconds, nowMs)
}

export function modelNotSupported(model: string): Answer {
  return detailAnswer(400, `The '${model}' model is not supported when using Codex with a ChatGPT account.`)
}

export function unauthorized(code: 'token_expired' | 'invalid_api_key'): Answer {
  const message =
    code === 'token_expired'
      ? 'Provided authentication token is expired. Please try signing in again.'
      : 'Could not parse your authentication token. Please try signing in again.'
  return errorAnswer(401, { code, message })
}

export function accountMismatch(): Answer {
  return errorAnswer(403, { code: 'forbidden', message: 'This token does not belong to the requested account.' })
}

export function invalidEncryptedContent(content: string): Answer {
  const shown = content.length > 12 ? `${content.slice(0, 4)}...${content.slice(-4)}` : content
  return errorAnswer(400, {
    code: 'invalid_encrypted_content',
    message: `The encrypted content ${shown} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
  })
}

export function previousResponseNotFound(id: string): Answer {
  return errorAnswer(400, {
    code: 'previous_response_not_found',
    message: `Previous response with id '${id}' not found.`,
    param: 'previous_response_id',
  })
}

export function foreignTurnState(): Answer {
  return errorAnswer(400, { code: 'invalid_turn_state', message: 'The turn state was not issued for this account.' })
}

export function contextLengthExceeded(): Answer {
  return errorAnswer(400, {
    code: 'context_length_exceeded',
    message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
    param: 'input',
  })
}

/** A page as an edge server puts it in front of the service. */
export function htmlAnswer(status: number): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=UTF-8' },
    body: `<!DOCTYPE html>\n<html><head><title>${status}</title></head><body><h1>Just a moment...</h1></body></html>\n`,
  }
}
