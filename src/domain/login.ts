import type { Secret } from '../lib/secrets.ts'
import type { Actor } from './access.ts'
import type { LoginStatus, loginMethods } from './login-status.ts'

/** What a login brought: whose account it is, and whether that was here before. */
export type LoginResult = {
  accountId: string
  email: string | null
  plan: string
  outcome: 'imported' | 'updated'
}

/** Why a login brought nothing. The message is a whole sentence for people. */
export type LoginFault = { code: string; message: string }

/** What the flow proves itself with. Gone as soon as it is over. */
export type LoginSecrets =
  | { method: 'browser'; state: Secret; verifier: Secret }
  | { method: 'device'; deviceAuthId: Secret; userCode: Secret }

/** One sign-in with ChatGPT that adds an account, or renews the login of one. */
export type LoginFlow = {
  id: string
  method: (typeof loginMethods)[number]
  status: LoginStatus
  /** The account whose login is to be renewed; null: whoever signs in. */
  accountId: string | null
  startedBy: Actor
  createdAtMs: number
  expiresAtMs: number
  /** When the status changed last. */
  changedAtMs: number
  /** Digest of a browser flow's state, by which an answer finds its flow also after that is over. */
  stateHash: string | null
  /** For a device flow: how often to ask, and when next. */
  intervalMs: number | null
  nextPollAtMs: number | null
  secrets: LoginSecrets | null
  result: LoginResult | null
  fault: LoginFault | null
}

export function isOver({ status }: Pick<LoginFlow, 'status'>): boolean {
  return status !== 'pending' && status !== 'exchanging'
}
