import type { Clock } from '../lib/clock.ts'
import type { SimulatedAccount } from './accounts.ts'
import type { FaultScripts } from './faults.ts'
import type { Exchange } from './http.ts'
import type { Records } from './records.ts'
import type { Tokens } from './tokens.ts'

/** A refresh that was asked for. `code` is the reason of a refusal. */
export type RecordedRefresh = { refreshToken: string; email: string | null; accepted: boolean; code: string | null }

/** What the routes share. */
export type World = {
  clock: Clock
  accounts: SimulatedAccount[]
  tokens: Tokens
  faults: FaultScripts
  eventDelayMs: number
  /** `off`: no codes for signing in elsewhere are given out. */
  deviceLogin: 'on' | 'off'
  /** Whether a handshake is taken; refused with 426 otherwise. */
  webSockets: boolean
  /** Whether each turn on a socket begins with a `codex.rate_limits` event. */
  rateLimitFrames: boolean
  records: Records
  refreshes: RecordedRefresh[]
  log(line: string): void
}

/** Answers one request; `account` is whose token it carries. */
export type AccountRoute = (exchange: Exchange, account: SimulatedAccount, world: World) => Promise<void> | void

/** The account with this e-mail address. @throws RangeError when there is none */
export function accountOf(accounts: readonly SimulatedAccount[], email: string): SimulatedAccount {
  const account = accounts.find((candidate) => candidate.email === email)
  if (!account) throw new RangeError(`There is no simulated account ${email}.`)
  return account
}

const keptEntries = 2000

/** Appends to a list that tests read, and lets go of the oldest. */
export function keep<Entry>(list: Entry[], entry: Entry): void {
  list.push(entry)
  if (list.length > keptEntries) list.shift()
}
