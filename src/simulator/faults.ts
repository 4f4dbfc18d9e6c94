import type { SimulatedAccount } from './accounts.ts'
import { type Effect, effects, type Scene } from './fault-effects.ts'
import { isObject } from './json.ts'

/**
 * Which kind of request a fault waits for. `responses` are turns, over HTTP or on a socket; `prewarm` those that generate
 * nothing; `handshake` is the opening of a socket, where a fault is an HTTP answer, a reset, silence or a delay, and
 * `close` lets the socket open and closes it at once.
 */
export type FaultPath =
  | 'responses'
  | 'prewarm'
  | 'handshake'
  | 'usage'
  | 'token'
  | 'exchange'
  | 'models'
  | 'reset_credits'
  | 'redeem'
  | 'profile'
  | 'files'
  | 'transcribe'
  | 'control'
  | 'calls'

type None = Record<never, never>
export type Failure = { code?: string; message?: string }
/** Silence for this long, then the rest; for ever when left out. */
type Stall = { ms?: number }

/** 1000 without a reason when left out. */
type Close = { code?: number; reason?: string }

/**
 * Every scripted fault and its parameters. On a socket a refusal is an error frame, a clean end that comes too early is a
 * close with 1000, and the wire formats of HTTP make no difference.
 */
export type FaultParameters = {
  /** `resetsInSeconds: null` leaves the reset fields out. */
  usage_limit: { resetsInSeconds?: number | null }
  rate_limit: { retryAfterSeconds?: number; message?: string }
  usage_not_included: None
  /** Any status; `body` says in which of the shapes seen in the wild. */
  status: Failure & { status: number; body?: 'error' | 'detail' | 'html'; headers?: Record<string, string> }
  unauthorized: { code?: 'token_expired' | 'invalid_api_key' }
  account_deactivated: None
  overloaded: None
  slow_down: None
  model_not_supported: None
  context_length: None
  invalid_request: { message?: string; param?: string }
  invalid_encrypted_content: None
  /** TCP reset before the headers. */
  reset: None
  /** No answer at all. */
  hang: None
  slow_headers: { ms: number }
  html200: None
  /** 200 and not one byte. */
  empty: None
  /** The socket dies after `response.in_progress`. */
  cut_before_output: None
  /** The socket dies after three deltas. */
  cut_after_output: None
  /** A clean end after `response.created`. */
  end_early: None
  /** A clean end after three deltas. */
  end_after_output: None
  /** Everything but the last event. */
  no_terminal: None
  malformed: None
  /** `response.failed` before any output; `bare` leaves out `response.created` too. */
  failed: Failure & { bare?: boolean }
  failed_after_output: Failure
  error_event: Failure
  incomplete: { reason?: string }
  stall_before_output: Stall
  stall_after_output: Stall
  cr_lf: None
  no_event_lines: None
  /** A `codex.rate_limits` event before the answer. */
  rate_limits_event: None
  /** An `error` event before any output that has its parts at the top level and its status as `status_code`. */
  flat_error: Failure & { status?: number; type?: string; param?: string }
  /** The socket is closed in good order before any event; over HTTP all four end the answer instead. */
  close: Close
  /** The same behind `response.in_progress`. */
  close_before_output: Close
  /** The same behind three deltas. */
  close_after_output: Close
  /** The same behind the last event. */
  close_after_turn: Close
  /** The rotation (or, on the path of a redemption, the redemption) is done, the reply is lost. */
  drop_token_reply: None
  token_error: Failure & { status?: number }
  /** A token reply without a refresh token; nothing was rotated. */
  invalid_token_reply: None
}

export type FaultKind = keyof FaultParameters

/** One scripted fault: happens `times` times (once when left out), to requests of `path`, in the order scripted. */
export type Fault = {
  [Kind in FaultKind]: { kind: Kind; times?: number | 'always'; path?: FaultPath } & FaultParameters[Kind]
}[FaultKind]

const tokenFaults: readonly string[] = ['drop_token_reply', 'token_error', 'invalid_token_reply']

/** The scripted faults of all accounts, each used up in order. */
export type FaultScripts = {
  add(account: SimulatedAccount, faults: readonly Fault[]): void
  clear(account: SimulatedAccount): void
  /** Takes the next fault for such a request, or null when all goes well. */
  take(account: SimulatedAccount, path: FaultPath, scene: { model: string; nowMs: number }): Effect | null
}

export function createFaultScripts(): FaultScripts {
  const queues = new Map<SimulatedAccount, { fault: Fault; path: FaultPath; left: number }[]>()
  return {
    add(account, faults) {
      const queue = queues.get(account) ?? []
      for (const fault of faults) {
        const path = fault.path ?? (tokenFaults.includes(fault.kind) ? 'token' : 'responses')
        const left = fault.times === 'always' ? Number.POSITIVE_INFINITY : (fault.times ?? 1)
        if (left > 0) queue.push({ fault, path, left })
      }
      queues.set(account, queue)
    },
    clear: (account) => void queues.delete(account),
    take(account, path, scene) {
      const queue = queues.get(account)
      const next = queue?.find((waiting) => waiting.path === path)
      if (!queue || !next) return null
      next.left--
      if (next.left <= 0) queue.splice(queue.indexOf(next), 1)
      // The table has an entry per kind that takes that kind's parameters; the compiler cannot follow the pairing.
      const make = effects[next.fault.kind] as (fault: Fault, scene: Scene) => Effect
      return make(next.fault, { account, ...scene })
    },
  }
}

/** Whether something that came in as JSON names a fault; its parameters are taken as they are. */
export function isFault(value: unknown): value is Fault {
  return isObject(value) && typeof value.kind === 'string' && Object.hasOwn(effects, value.kind)
}
