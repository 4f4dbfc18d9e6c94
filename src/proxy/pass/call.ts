import type { IncomingHttpHeaders } from 'node:http'
import type { Logger } from 'pino'
import type { Admission } from '../../accounts/admission.ts'
import type { Affinity } from '../../accounts/affinity.ts'
import type { Held } from '../../accounts/ledger.ts'
import type { RetryBudget } from '../../accounts/retry-budget.ts'
import type { Tokens } from '../../accounts/tokens.ts'
import type { Decision } from '../../balancer/choose.ts'
import type { AffinityKey } from '../../domain/affinity.ts'
import type { Guest } from '../../domain/api-key.ts'
import type { LiveEvent } from '../../domain/live.ts'
import type { Attempt } from '../../domain/request.ts'
import type { Settings } from '../../domain/settings.ts'
import type { Bus } from '../../lib/bus.ts'
import type { Roster } from '../../lib/roster.ts'
import type { Identity } from '../../upstream/headers.ts'
import type { LimitDeps } from '../key-limits.ts'
import type { Recorder } from '../recorder.ts'
import type { SendDeps } from '../send.ts'

export type PassDeps = Pick<SendDeps, 'pool' | 'client' | 'clock' | 'upstreamBaseUrl' | 'version'> & {
  tokens: Tokens
  ledger: LimitDeps['ledger']
  limitsOf: LimitDeps['limitsOf']
  admission: Admission
  affinity: Affinity
  retries: RetryBudget
  settings: () => Settings
  recorder: Recorder
  live: Bus<LiveEvent>
  log: Logger
  /** What is under way; aborting an entry ends it. */
  running: Roster<AbortController>
}

/** One request beside the turns on its way through, and what has become of it so far. */
export type Pass = {
  requestId: string
  route: string
  headers: IncomingHttpHeaders
  guest: Guest
  startedAtMs: number
  /** Aborted when the client goes away, or when the server has to stop. */
  signal: AbortSignal
  /** Where there is one; it stands in the log. */
  model: string | null
  /** What of the client's identity keeps related calls on one account, strongest first. */
  affinityKeys: AffinityKey[]
  attempts: Attempt[]
  waitedMs: number
  decision: Decision | null
  /** What it has taken from the limits of its key; null: it does not count, or nothing limits it. */
  held: Held | null
}

/** What is to be sent to whichever account is chosen. */
export type Call = {
  method: 'GET' | 'POST'
  /** Below the upstream's base address, with its query. */
  path: string
  headersFor(identity: Identity, accountId: string): Record<string, string>
  body: Buffer | null
  /** The only account that can answer, because it has the object that the call is about. */
  ownerId: string | null
  /** For all accounts together. */
  deadlineMs: number
}

/** A whole answer, and who gave it. */
export type Answered = { accountId: string; status: number; headers: IncomingHttpHeaders; body: Buffer }

/** What the client is told. */
export type Told = { status: number; headers: Record<string, string>; body: Buffer | string }
