import type { Actor } from './access.ts'

/** One change, or one attempt to sign in. `before` and `after` hold what changed, never a secret. */
export type AuditEntry = {
  /** Sorts by time. */
  id: string
  atMs: number
  /** Dotted, such as `account.pause`. */
  action: string
  actor: Actor
  requestId: string | null
  target: { kind: string; id: string } | null
  outcome: 'success' | 'failure'
  before: unknown
  after: unknown
}

/** What an audit log page is narrowed to. `action` may be the beginning, up to a dot. */
export type AuditFilter = {
  action?: string | undefined
  actorKind?: Actor['kind'] | undefined
  address?: string | undefined
  targetKind?: string | undefined
  targetId?: string | undefined
  outcome?: AuditEntry['outcome'] | undefined
  sinceMs?: number | undefined
  untilMs?: number | undefined
}
