import type { ErrorScope } from '../domain/request.ts'
import type { UpstreamError } from './upstream-error.ts'

/**
 * What an answer means for the request and for the account. A closed list: only `limited`, `transient`,
 * `unauthorized` and `sign_in_lost` may ever touch an account.
 */
export type Verdict =
  /** Good, or the client's own business: hand it on. */
  | { kind: 'relay' }
  /** The account has reached a limit: the next one, at once. */
  | { kind: 'limited'; by: 'burst' | 'concurrency' | 'window' | 'plan'; error: UpstreamError }
  /** A passing fault: the same account a few times, then the next. With a scope it is not held against the account. */
  | { kind: 'transient'; scope?: 'egress'; error: UpstreamError }
  /** Another account may do better, and this one is not to blame. */
  | { kind: 'try_another'; scope: 'capability' | 'egress'; error: UpstreamError }
  /** The access token was refused: renew it once, then the next account. */
  | { kind: 'unauthorized'; error: UpstreamError }
  /** The account is gone until a person acts. */
  | { kind: 'sign_in_lost'; as: 'reauth_required' | 'deactivated'; error: UpstreamError }
  /** This account's plan does not offer the model. */
  | { kind: 'model_unavailable'; error: UpstreamError }
  /** The conversation holds encrypted reasoning that another account made. */
  | { kind: 'unreadable'; error: UpstreamError }
  /** The request continues a response that this account does not know. */
  | { kind: 'continuation_lost'; error: UpstreamError }
  /** We could not reach the upstream at all: nobody's fault but the network's; wait and try again. */
  | { kind: 'unreachable'; error: UpstreamError }
  /** The client sent something that no account would take: straight back. */
  | { kind: 'client_fault'; error: UpstreamError }

const burst = new Set(['rate_limit_exceeded', 'rate_limit_error', 'too_many_requests'])
const crowded = new Set(['concurrency_limit_exceeded', 'concurrent_limit_exceeded', 'too_many_concurrent_requests'])
const crowdedMessage = /too many (concurrent|parallel|simultaneous)|concurren(t|cy) (request |stream |session )?limit/i
const plan = new Set(['usage_not_included', 'insufficient_quota', 'quota_exceeded'])
const closed = new Set(['account_deactivated', 'account_suspended', 'account_deleted', 'deactivated_workspace'])
const tokenRefused = new Set([
  'invalid_api_key',
  'invalid_authentication',
  'token_invalidated',
  'token_expired',
  'authentication_error',
])
/** Codes inside a stream; beside an HTTP status the status decides, for an error without a code has one of these too. */
const passing = new Set([
  'server_error',
  'internal_server_error',
  'upstream_error',
  'overloaded_error',
  'server_is_overloaded',
  'slow_down',
  'service_unavailable',
  'stream_incomplete',
  'timeout',
])
const signInEnded = /session (has )?(ended|expired)|log ?in again|reauth|sign in again/i
const modelNotOffered = /^The '.{1,200}' model is not supported when using Codex with a ChatGPT account\.?$/
const needsApproval = /flagged for possible cybersecurity risk|authorized for security work|chatgpt\.com\/cyber/i
const lostResponse = /previous response .*not found|^Invalid `previous_response_id`/is

/** Judge an error that came as an HTTP status, or as the first real event of a 200 stream. Pure. */
export function judge(error: UpstreamError, bodyIsJson = true): Verdict {
  return byCode(error) ?? byStatus(error, bodyIsJson)
}

function byCode(error: UpstreamError): Verdict | null {
  const { code, message } = error
  if (code === 'usage_limit_reached') return { kind: 'limited', by: 'window', error }
  const isThrottle = burst.has(code) || error.status === 429
  if (crowded.has(code) || (isThrottle && crowdedMessage.test(message))) {
    return { kind: 'limited', by: 'concurrency', error }
  }
  if (burst.has(code) || /spend cap set by the owner/i.test(message)) return { kind: 'limited', by: 'burst', error }
  if (plan.has(code)) return { kind: 'limited', by: 'plan', error }
  if (/selected model is at capacity/i.test(message)) return { kind: 'transient', error }
  if (closed.has(code)) return { kind: 'sign_in_lost', as: 'deactivated', error }
  if (code === 'invalid_encrypted_content') return { kind: 'unreadable', error }
  if (isLostContinuation(error)) return { kind: 'continuation_lost', error }
  if (modelNotOffered.test(message)) return { kind: 'model_unavailable', error }
  if (needsApproval.test(message)) return { kind: 'try_another', scope: 'capability', error }
  return null
}

function isLostContinuation({ code, param, message }: UpstreamError): boolean {
  if (code === 'previous_response_not_found') return true
  return (param === null || param === 'previous_response_id') && lostResponse.test(message)
}

function byStatus(error: UpstreamError, bodyIsJson: boolean): Verdict {
  const { status, code, message } = error
  const isAuth = status === 401 || tokenRefused.has(code)
  if ((isAuth || status === null) && signInEnded.test(message))
    return { kind: 'sign_in_lost', as: 'reauth_required', error }
  if (isAuth) return { kind: 'unauthorized', error }
  if (status === 402) return { kind: 'limited', by: 'plan', error }
  if (status === 429) return { kind: 'limited', by: 'burst', error }
  if (status === 408 || (status !== null && status >= 500)) return { kind: 'transient', error }
  // A refusal that is not JSON comes from an edge in front of the upstream, not from the API.
  if (status === 403 && !bodyIsJson) return { kind: 'try_another', scope: 'egress', error }
  if (status === null && passing.has(code)) return { kind: 'transient', error }
  return { kind: 'client_fault', error }
}

const scopes: Record<Exclude<Verdict['kind'], 'relay' | 'try_another'>, ErrorScope> = {
  limited: 'account',
  transient: 'account',
  unauthorized: 'account',
  sign_in_lost: 'account',
  model_unavailable: 'model',
  unreadable: 'request',
  continuation_lost: 'request',
  client_fault: 'request',
  unreachable: 'local_network',
}

/** What an error concerns; null for an answer that is relayed. Only what concerns the account may touch it. */
export function scopeOf(verdict: Verdict): ErrorScope | null {
  if (verdict.kind === 'relay') return null
  if (verdict.kind === 'try_another') return verdict.scope
  return (verdict.kind === 'transient' && verdict.scope) || scopes[verdict.kind]
}
