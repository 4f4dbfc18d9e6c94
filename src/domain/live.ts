import type { LoginStatus } from './login-status.ts'
import type { RequestRecord } from './request.ts'

/** How far a request has come. */
export type RequestPhase = 'admitted' | 'chosen' | 'streaming' | 'ended'

/** What is worth telling somebody who watches. */
export type LiveEvent =
  | { kind: 'account'; id: string }
  | { kind: 'account_removed'; id: string }
  | { kind: 'settings' }
  /** A sign-in with ChatGPT was begun, went on or ended. */
  | { kind: 'sign_in'; id: string; status: LoginStatus }
  /** A way out has opened, closed, or is another one now. */
  | { kind: 'egress' }
  | {
      kind: 'request'
      requestId: string
      phase: Exclude<RequestPhase, 'ended'>
      atMs: number
      route: string
      model: string
      accountId: string | null
      sourceId: string | null
    }
  | { kind: 'request_ended'; record: RequestRecord }
