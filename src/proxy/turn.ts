import type { IncomingHttpHeaders } from 'node:http'
import type { Held } from '../accounts/ledger.ts'
import type { Decision } from '../balancer/choose.ts'
import type { Guest } from '../domain/api-key.ts'
import type { SourceModel } from '../domain/model-source.ts'
import type { Ask, Attempt, RequestRecord } from '../domain/request.ts'

/** One request on its way through: what was asked, and what has been tried so far. */
export type Turn = {
  ask: Ask
  headers: IncomingHttpHeaders
  guest: Guest
  /** The bytes to send upstream; kept until the answer has begun, for a try on another account. */
  body: Buffer
  /** Nothing will be tried again: let go of the body before a long answer comes. */
  dropBody(): void
  route: string
  /** Null: what the client asks for decides. */
  transport: RequestRecord['transport'] | null
  startedAtMs: number
  /** Aborted when the client goes away, when the turn takes too long, or when the server has to stop. */
  signal: AbortSignal
  /** It warms an account up and generates nothing: not counted and not logged. */
  isPrewarm: boolean
  attempts: Attempt[]
  /** How long the turn has waited for a place on an account. */
  waitedMs: number
  decision: Decision | null
  /** What it has taken from the limits of its key; null: nothing limits it. */
  held: Held | null
  /** The model source that answers in place of an account, with what it says of the model. */
  source: { id: string; name: string; model: SourceModel } | null
}
