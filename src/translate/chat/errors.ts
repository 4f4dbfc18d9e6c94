import { count, filled, given, isObject, type Json } from '../json.ts'

export type ChatError = { error: Json & { message: string; type: string; code: string | null; param: string | null } }

/** Codes whose type is not plain from their name. Whatever is not known was the server's fault. */
const types = new Map([
  ['rate_limit_exceeded', 'rate_limit_error'],
  ['usage_limit_reached', 'usage_limit_reached'],
  ['insufficient_quota', 'insufficient_quota'],
  ['context_length_exceeded', 'invalid_request_error'],
  ['content_policy_violation', 'invalid_request_error'],
  ['previous_response_not_found', 'invalid_request_error'],
  ['model_not_found', 'invalid_request_error'],
  ['unsupported_value', 'invalid_request_error'],
  ['bio_policy', 'invalid_request_error'],
])

/** The error of a failed response object, of a `response.failed` event, or of a bare `error` event in any of its forms. */
export function chatErrorOf(failed: Json): ChatError {
  const said = saidBy(failed)
  const code = filled(said.code)?.toLowerCase() ?? null
  const message = filled(said.message) ?? 'The upstream reported an error without a message.'
  const reset = { resets_at: count(said.resets_at), resets_in_seconds: count(said.resets_in_seconds) }
  return {
    error: {
      message,
      type: filled(said.type) ?? typeOfCode(code),
      code,
      param: filled(said.param),
      ...given({ plan_type: filled(said.plan_type), ...reset }),
    },
  }
}

export function chatError(code: string, message: string, param: string | null = null): ChatError {
  return { error: { message, type: typeOfCode(code), code, param } }
}

function saidBy(failed: Json): Json {
  if (isObject(failed.response)) return isObject(failed.response.error) ? failed.response.error : {}
  if (isObject(failed.error)) return failed.error
  // The `type` of a bare event names the event, not the error.
  return failed.type === 'error' ? { ...failed, type: failed.error_type } : {}
}

function typeOfCode(code: string | null): string {
  if (code === null) return 'server_error'
  const isRequest = /^invalid_|^image_|_image_|_image$|^empty_image|^unsupported_/.test(code)
  return types.get(code) ?? (isRequest ? 'invalid_request_error' : 'server_error')
}
