/** Every error a caller can meet: its HTTP status, its type on OpenAI-shaped routes, and the sentence a person reads. */
const errors = {
  invalid_request: { status: 400, type: 'invalid_request_error', message: 'The request is not valid.' },
  invalid_auth_json: { status: 400, type: 'invalid_request_error', message: 'The file is not a usable auth.json.' },
  invalid_totp_code: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The code is wrong, too old, or used already.',
  },
  invalid_totp_setup: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The set-up has expired; start it again.',
  },
  password_not_configured: { status: 400, type: 'invalid_request_error', message: 'No password is set.' },
  image_generation_failed: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The model made no image of this.',
  },
  previous_response_not_found: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The previous response is not available any more; send the whole conversation instead.',
  },
  authentication_required: { status: 401, type: 'authentication_error', message: 'Sign in first.' },
  invalid_api_key: {
    status: 401,
    type: 'authentication_error',
    message: 'This is no valid API key of this server. Keys are made in the dashboard under Keys.',
  },
  api_key_expired: {
    status: 401,
    type: 'authentication_error',
    message: 'This API key has expired. Use another one, or give it a later end in the dashboard under Keys.',
  },
  api_key_inactive: {
    status: 401,
    type: 'authentication_error',
    message: 'This API key is switched off. Use another one, or switch it on in the dashboard under Keys.',
  },
  totp_required: {
    status: 401,
    type: 'authentication_error',
    message: 'The code of the authenticator app is still owed.',
  },
  bootstrap_required: {
    status: 401,
    type: 'authentication_error',
    message: 'No password is set yet: set one with the token from the log, or from this machine.',
  },
  invalid_credentials: { status: 401, type: 'authentication_error', message: 'The password is wrong.' },
  invalid_bootstrap_token: {
    status: 401,
    type: 'authentication_error',
    message: 'The token from the log is wrong or used.',
  },
  invalid_passkey: {
    status: 401,
    type: 'authentication_error',
    message: 'The passkey was not accepted; try again, or use the password.',
  },
  proxy_auth_required: {
    status: 401,
    type: 'authentication_error',
    message:
      'Sign-in is the reverse proxy’s here: come through it. Its word is missing, or names no group with access.',
  },
  passkeys_unavailable: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Passkeys need https and a host name, or http://localhost.',
  },
  address_not_allowed: {
    status: 403,
    type: 'permission_error',
    message: 'This address is not on the list of those that are let in.',
  },
  model_not_allowed: { status: 403, type: 'permission_error', message: 'The API key may not use this model.' },
  effort_not_allowed: {
    status: 403,
    type: 'permission_error',
    message: 'The API key may not ask for this reasoning effort.',
  },
  forbidden_host: { status: 403, type: 'permission_error', message: 'This Host name is not served.' },
  local_only: {
    status: 403,
    type: 'permission_error',
    message: 'No dashboard password is set: this can be done on the machine that runs this server only.',
  },
  admin_required: { status: 403, type: 'permission_error', message: 'Only an admin may do this.' },
  forbidden_origin: { status: 403, type: 'permission_error', message: 'Requests from other web sites are refused.' },
  not_found: { status: 404, type: 'invalid_request_error', message: 'There is nothing here.' },
  session_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no session with this id.' },
  passkey_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no passkey with this id.' },
  firewall_entry_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'The list has no entry with this id.',
  },
  request_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no request with this id.' },
  account_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no account with this id.' },
  settings_group_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'There is no group of settings with this name.',
  },
  api_key_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no API key with this id.' },
  sign_in_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no sign-in with this id.' },
  model_source_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'There is no model source with this id.',
  },
  egress_proxy_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'There is no proxy with this id.',
  },
  egress_pool_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'There is no pool of proxies with this id.',
  },
  affinity_not_found: { status: 404, type: 'invalid_request_error', message: 'There is no affinity with this key.' },
  notification_channel_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'There is no notification channel with this id.',
  },
  notification_rule_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'There is no notification rule with this id.',
  },
  file_not_found: { status: 404, type: 'invalid_request_error', message: 'No account here knows a file with this id.' },
  conversation_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'No conversation with this id is known here.',
  },
  call_not_found: { status: 404, type: 'invalid_request_error', message: 'No account here knows a call with this id.' },
  response_not_found: { status: 404, type: 'invalid_request_error', message: 'No response with this id is kept here.' },
  price_not_found: { status: 404, type: 'invalid_request_error', message: 'Nobody has said what this model costs.' },
  model_not_found: { status: 404, type: 'invalid_request_error', message: 'No account offers this model.' },
  method_not_allowed: { status: 405, type: 'invalid_request_error', message: 'This method is not offered here.' },
  request_timeout: { status: 408, type: 'invalid_request_error', message: 'The request body did not arrive in time.' },
  password_already_configured: { status: 409, type: 'invalid_request_error', message: 'A password is set already.' },
  sign_in_disabled: {
    status: 409,
    type: 'invalid_request_error',
    message: 'Sign-in is switched off by CODEX_LB_DASHBOARD_AUTH_MODE=disabled.',
  },
  passkey_exists: { status: 409, type: 'invalid_request_error', message: 'This passkey is known already.' },
  firewall_entry_exists: { status: 409, type: 'invalid_request_error', message: 'These addresses are listed already.' },
  would_lock_out: { status: 409, type: 'invalid_request_error', message: 'This would shut you out.' },
  totp_already_configured: { status: 409, type: 'invalid_request_error', message: 'A second factor is set already.' },
  model_source_name_taken: {
    status: 409,
    type: 'invalid_request_error',
    message: 'There is a model source of this name.',
  },
  duplicate_identity_conflict: {
    status: 409,
    type: 'invalid_request_error',
    message: 'The file fits more than one stored account and cannot be merged.',
  },
  account_state_transition_invalid: {
    status: 409,
    type: 'invalid_request_error',
    message: 'The account cannot change to this state from the one it is in.',
  },
  notification_channel_in_use: {
    status: 409,
    type: 'invalid_request_error',
    message: 'Rules send to this channel.',
  },
  probe_running: {
    status: 409,
    type: 'invalid_request_error',
    message: 'This account is being tried out at this moment.',
  },
  sign_in_over: { status: 409, type: 'invalid_request_error', message: 'This sign-in is over; start another one.' },
  account_cannot_serve: { status: 409, type: 'invalid_request_error', message: 'The account cannot serve.' },
  egress_in_use: { status: 409, type: 'invalid_request_error', message: 'It is in use.' },
  egress_name_taken: { status: 409, type: 'invalid_request_error', message: 'There is one of this name already.' },
  settings_conflict: {
    status: 409,
    type: 'invalid_request_error',
    message: 'Somebody else has changed these settings meanwhile.',
  },
  too_many_api_keys: {
    status: 409,
    type: 'invalid_request_error',
    message: 'There are as many API keys as there may be; delete one first.',
  },
  redemption_pending: {
    status: 409,
    type: 'invalid_request_error',
    message: 'How an earlier redemption on this account ended is not known yet; repeat that one first.',
  },
  reset_credit_unavailable: {
    status: 409,
    type: 'invalid_request_error',
    message: 'The account has no such reset credit to use.',
  },
  price_list_not_configured: {
    status: 409,
    type: 'invalid_request_error',
    message: 'The settings have no address of a price list.',
  },
  recomputation_running: {
    status: 409,
    type: 'invalid_request_error',
    message: 'The cost of requests is being computed anew already; wait until that is done.',
  },
  payload_too_large: { status: 413, type: 'invalid_request_error', message: 'The request body is too large.' },
  headers_too_large: { status: 431, type: 'invalid_request_error', message: 'The path and headers are too large.' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', message: 'The content type is not accepted.' },
  model_unavailable: { status: 400, type: 'invalid_request_error', message: 'No account offers this model.' },
  turn_too_large: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The request is too large for one turn; compact the conversation.',
  },
  websocket_unavailable: {
    status: 426,
    type: 'invalid_request_error',
    message: 'Use HTTP: WebSockets are not offered.',
  },
  source_budget_spent: {
    status: 429,
    type: 'rate_limit_error',
    message: 'The budget of the model source is used up.',
  },
  too_many_attempts: { status: 429, type: 'rate_limit_error', message: 'Too many attempts.' },
  key_limit_reached: { status: 429, type: 'rate_limit_exceeded', message: 'This key has used what it may.' },
  usage_limit_reached: { status: 429, type: 'usage_limit_reached', message: 'The usage limit has been reached' },
  internal_error: { status: 500, type: 'server_error', message: 'Something went wrong on this server.' },
  upstream_error: { status: 502, type: 'server_error', message: 'The upstream did not give a usable answer.' },
  sign_in_unavailable: { status: 502, type: 'server_error', message: 'The sign-in server gave no code.' },
  price_list_unusable: { status: 502, type: 'server_error', message: 'The price list cannot be used.' },
  stream_incomplete: { status: 502, type: 'server_error', message: 'The upstream ended the answer early.' },
  realtime_call_binding_failed: {
    status: 503,
    type: 'server_error',
    message: 'The upstream began a call without saying which: nobody could join it.',
  },
  owner_unavailable: {
    status: 503,
    type: 'server_error',
    message: 'The only account that can serve this request is not available.',
  },
  egress_unavailable: {
    status: 503,
    type: 'server_error',
    message: 'The way out of the account that should serve is closed.',
  },
  account_cap_reached: {
    status: 503,
    type: 'server_error',
    message: 'Every account that could serve has as many requests as it may have at once.',
  },
  no_accounts: { status: 503, type: 'server_error', message: 'No account can serve this request now.' },
  upstream_unavailable: { status: 503, type: 'server_error', message: 'The upstream cannot be reached.' },
  source_unavailable: { status: 503, type: 'server_error', message: 'The model source does not answer.' },
  overloaded: { status: 503, type: 'server_error', message: 'This server has too much in hand; try again soon.' },
  upstream_timeout: { status: 504, type: 'server_error', message: 'The upstream did not answer in time.' },
  shutting_down: { status: 503, type: 'server_error', message: 'This server is shutting down.' },
} as const satisfies Record<string, { status: number; type: string; message: string }>

export type ErrorCode = keyof typeof errors

/** One wrong field: where, and how to mend it. */
type FieldFault = { path: string; message: string }

export type ErrorDetails = {
  /** Replaces the table's sentence. */
  message?: string
  /** The request field at fault, dotted. */
  param?: string
  fields?: FieldFault[]
  /** Seconds until a retry makes sense; becomes `Retry-After`. */
  retryAfterSeconds?: number
  /** Coming back by itself makes no sense for a client; the SDKs are told so. */
  isFinal?: boolean
  /** Replaces the table's type. For clients. */
  type?: string
  /** Goes into the error beside what every error has. For clients. */
  more?: Record<string, unknown>
  /** For `usage_limit_reached`: when the first account is usable again, epoch ms, and its plan. */
  resetsAtMs?: number | null
  plan?: string
  /** On a conflict: the thing as it is now. For `/api`. */
  current?: object
}

/** The one error type that may reach a caller. Anything else is a bug and becomes a 500 without a message. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(details.message ?? errors[code].message, options)
    this.name = 'AppError'
    this.code = code
    this.details = details
  }
  get status(): number {
    return errors[this.code].status
  }
}

/** What an error says in headers. A usage window does not come back within the seconds after which SDKs repeat a 429. */
export function retryHeaders({ code, details }: AppError): Record<string, string> {
  const { retryAfterSeconds: wait, isFinal = code === 'usage_limit_reached' } = details
  return {
    ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
    ...(isFinal ? { 'x-should-retry': 'false' } : {}),
  }
}

/** The envelope of `/v1` and `/backend-api`. A spent pool takes the upstream's own shape, which Codex turns into its limit message. */
export function openAiBody(error: AppError, nowMs: number): unknown {
  const { type = errors[error.code].type, param = null, more } = error.details
  if (error.code !== 'usage_limit_reached') {
    return { error: { message: error.message, type, code: error.code, param, ...more } }
  }
  const { resetsAtMs = null, plan } = error.details
  return {
    error: {
      type,
      code: error.code,
      message: error.message,
      param: null,
      ...(plan === undefined ? {} : { plan_type: plan }),
      ...(resetsAtMs === null
        ? {}
        : {
            resets_at: Math.ceil(resetsAtMs / 1000),
            resets_in_seconds: Math.max(0, Math.ceil((resetsAtMs - nowMs) / 1000)),
          }),
    },
  }
}

/** The envelope of `/api`. */
export function dashboardBody(error: AppError, requestId: string): unknown {
  const { fields, param, current } = error.details
  const details = fields ?? (param === undefined ? undefined : [{ path: param, message: error.message }])
  return {
    error: {
      code: error.code,
      message: error.message,
      requestId,
      ...(details ? { details } : {}),
      ...(current ? { current } : {}),
    },
  }
}

/** Refuses what a client asked: `message` says what is wrong and the way out, `param` is a path like `messages[2].content`. */
export function invalid(param: string, message: string): AppError {
  return new AppError('invalid_request', { message, param })
}
