import type { SimulatedAccount } from './accounts.ts'
import type { Turn } from './events.ts'
import type { Failure, FaultKind, FaultParameters } from './faults.ts'
import { type Answer, emptyStream, jsonAnswer } from './http.ts'
import {
  contextLengthExceeded,
  errorAnswer,
  htmlAnswer,
  invalidEncryptedContent,
  modelNotSupported,
  unauthorized,
  usageLimit,
} from './refusals.ts'
import { event, type SseFormat, type Step, splitAfterOutput, splitBeforeOutput } from './stream.ts'
import { rateLimitsOf } from './wham.ts'

/** What a fault does to the exchange it hits. */
export type Effect =
  | { kind: 'answer'; answer: Answer }
  | { kind: 'reset' }
  | { kind: 'hang' }
  | { kind: 'close'; code: number; reason: string }
  | { kind: 'delay'; ms: number }
  | { kind: 'drop_reply' }
  | { kind: 'format'; format: SseFormat }
  | { kind: 'reshape'; reshape: (turn: Turn) => Step[] }

/** What is known where the fault strikes. */
export type Scene = { account: SimulatedAccount; model: string; nowMs: number }

const answer = (made: Answer): Effect => ({ kind: 'answer', answer: made })
const reshape = (how: (turn: Turn) => Step[]): Effect => ({ kind: 'reshape', reshape: how })

function closing({ code = 1000, reason = '' }: { code?: number; reason?: string }) {
  return { kind: 'close', code, reason } as const
}

function failure(given: Failure, turn: Turn): Step {
  const error = { code: given.code ?? 'server_error', message: given.message ?? 'The server had an error.' }
  return turn.ending('failed', { error })
}

/** The table of scripted faults. */
export const effects: { [Kind in FaultKind]: (fault: FaultParameters[Kind], scene: Scene) => Effect } = {
  usage_limit: (fault, { account, nowMs }) =>
    answer(usageLimit(account, fault.resetsInSeconds === undefined ? 3600 : fault.resetsInSeconds, nowMs)),
  rate_limit: (fault, { model }) => {
    const message = fault.message ?? `Rate limit reached for ${model}. Please try again in 1.2s.`
    const error = { code: 'rate_limit_exceeded', type: 'rate_limit_error', message }
    return answer(errorAnswer(429, error, { 'retry-after': String(fault.retryAfterSeconds ?? 2) }))
  },
  usage_not_included: (_, { account }) => {
    const error = { type: 'usage_not_included', message: 'Usage not included in your plan', plan_type: account.plan }
    return answer(jsonAnswer(429, { error }))
  },
  status: (fault) => {
    const message = fault.message ?? 'Something went wrong.'
    const headers = fault.headers ?? {}
    if (fault.body === 'html') {
      const page = htmlAnswer(fault.status)
      return answer({ ...page, headers: { ...page.headers, ...headers } })
    }
    if (fault.body === 'detail') return answer(jsonAnswer(fault.status, { detail: message }, headers))
    const type = fault.status < 500 ? 'invalid_request_error' : 'server_error'
    return answer(errorAnswer(fault.status, { code: fault.code ?? null, type, message }, headers))
  },
  unauthorized: (fault) => answer(unauthorized(fault.code ?? 'token_expired')),
  account_deactivated: () =>
    answer(errorAnswer(401, { code: 'account_deactivated', message: 'Your account has been deactivated.' })),
  overloaded: () => {
    const message = 'The server is currently overloaded. Please try again later.'
    return answer(errorAnswer(503, { code: 'server_is_overloaded', type: 'server_error', message }))
  },
  slow_down: () => {
    const error = { code: 'slow_down', type: 'server_error', message: 'Please slow down and try again.' }
    return answer(errorAnswer(503, error, { 'retry-after': '1' }))
  },
  model_not_supported: (_, { model }) => answer(modelNotSupported(model)),
  context_length: () => answer(contextLengthExceeded()),
  invalid_request: (fault) => {
    const message = fault.message ?? "Invalid value: 'fake'. Supported values are: 'real'."
    return answer(errorAnswer(400, { code: 'invalid_value', message, param: fault.param ?? 'input[0].content' }))
  },
  invalid_encrypted_content: () => answer(invalidEncryptedContent('gAAAAABscripted')),
  reset: () => ({ kind: 'reset' }),
  hang: () => ({ kind: 'hang' }),
  slow_headers: ({ ms }) => ({ kind: 'delay', ms }),
  html200: () => answer(htmlAnswer(200)),
  empty: () => answer(emptyStream),
  cut_before_output: () => reshape(({ steps }) => [...splitBeforeOutput(steps)[0], { kind: 'cut' }]),
  cut_after_output: () => reshape(({ steps }) => [...splitAfterOutput(steps)[0], { kind: 'cut' }]),
  end_early: () => reshape(({ steps }) => steps.slice(0, 1)),
  end_after_output: () => reshape(({ steps }) => splitAfterOutput(steps)[0]),
  no_terminal: () => reshape(({ steps }) => steps.slice(0, -1)),
  malformed: () =>
    reshape(({ steps }) => {
      const type = 'response.output_text.delta'
      return [...splitBeforeOutput(steps)[0], { kind: 'raw', type, data: `{"type":"${type}","delta":"bro` }]
    }),
  failed: (fault) => reshape((turn) => [...(fault.bare ? [] : splitBeforeOutput(turn.steps)[0]), failure(fault, turn)]),
  failed_after_output: (fault) => reshape((turn) => [...splitAfterOutput(turn.steps)[0], failure(fault, turn)]),
  error_event: (fault) =>
    reshape(({ steps }) => {
      const error = { code: fault.code ?? 'server_error', message: fault.message ?? 'The server had an error.' }
      return [
        ...splitBeforeOutput(steps)[0],
        event('error', { error: { type: 'server_error', ...error, param: null } }),
      ]
    }),
  incomplete: (fault) =>
    reshape((turn) => {
      const ending = turn.ending('incomplete', { incomplete_details: { reason: fault.reason ?? 'max_output_tokens' } })
      return [...turn.steps.slice(0, -1), ending]
    }),
  stall_before_output: (fault) =>
    reshape(({ steps }) => {
      const [before, after] = splitBeforeOutput(steps)
      return [...before, { kind: 'silence', ms: fault.ms ?? null }, ...after]
    }),
  stall_after_output: (fault) =>
    reshape(({ steps }) => {
      const [before, after] = splitAfterOutput(steps)
      return [...before, { kind: 'silence', ms: fault.ms ?? null }, ...after]
    }),
  cr_lf: () => ({ kind: 'format', format: 'crlf' }),
  no_event_lines: () => ({ kind: 'format', format: 'data_only' }),
  rate_limits_event: (_, { account, nowMs }) =>
    reshape(({ steps }) => [event('codex.rate_limits', rateLimitsOf(account, nowMs)), ...steps]),
  flat_error: ({ status = 400, code = 'invalid_value', message = 'The request is wrong.', type, param = null }) =>
    reshape(({ steps }) => {
      const error_type = type ?? (status < 500 ? 'invalid_request_error' : 'server_error')
      const flat = event('error', { status_code: status, error_type, code, message, param })
      return [...splitBeforeOutput(steps)[0], flat]
    }),
  close: (fault) => closing(fault),
  close_before_output: (fault) => reshape(({ steps }) => [...splitBeforeOutput(steps)[0], closing(fault)]),
  close_after_output: (fault) => reshape(({ steps }) => [...splitAfterOutput(steps)[0], closing(fault)]),
  close_after_turn: (fault) => reshape(({ steps }) => [...steps, closing(fault)]),
  drop_token_reply: () => ({ kind: 'drop_reply' }),
  token_error: (fault) => {
    const error = { code: fault.code ?? 'invalid_grant', message: fault.message ?? 'The token was refused.' }
    return answer(errorAnswer(fault.status ?? 401, error))
  },
  invalid_token_reply: () => answer(jsonAnswer(200, { access_token: 'incomplete', token_type: 'Bearer' })),
}
