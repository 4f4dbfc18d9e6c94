import { AuditLog, AuditQuery } from '../contract/audit.ts'
import type { Actor } from '../domain/access.ts'
import type { AuditEntry } from '../domain/audit.ts'
import type { LoginFlow } from '../domain/login.ts'
import type { Clock } from '../lib/clock.ts'
import { timedId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import type { Refused } from './attempt-trail.ts'
import { type AuditedCall, route } from './route.ts'

export function auditRoutes({ store }: { store: Store }) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/audit-logs',
        access: 'admin',
        summary: 'Who changed what, and who signed in, newest first',
        query: AuditQuery,
        answer: AuditLog,
      },
      async ({ query: { limit, cursor = null, since, until, ...filter } }) => {
        const bounds = { sinceMs: epochOf(since), untilMs: epochOf(until) }
        const page = await store.audit.page({ limit, cursor, filter: { ...filter, ...bounds } })
        return {
          items: page.items.map(({ atMs, ...entry }) => ({ ...entry, at: iso(atMs) })),
          nextCursor: page.nextCursor,
        }
      },
    ),
  ]
}

function epochOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time)
}

export type AuditTrail = { write(entry: Omit<AuditEntry, 'id' | 'atMs'>): Promise<void> }

/** Writes entries. What has been done stays done when its entry cannot be written: that is told to `onError`. */
export function createAuditTrail(
  store: Pick<Store, 'audit'>,
  clock: Clock,
  onError: (error: unknown) => void,
): AuditTrail {
  return {
    async write(entry) {
      const atMs = clock.now()
      await store.audit.add({ ...entry, id: timedId('aud_', atMs), atMs }).catch(onError)
    },
  }
}

/** The entry of a call that was answered. `stranger`: who it is when the gate has let nobody in. */
export function entryOf({ principal, request, ...call }: AuditedCall, stranger: Actor) {
  const { action, actor = principal?.actor ?? stranger, target = null, before = null, after = null } = call
  return { action, actor, requestId: request.id, target, before, after, outcome: 'success' as const }
}

/** What is noted of a call whose caller could not show who it is. */
export function refusedOf({ principal, request, action, after }: AuditedCall, code: string, stranger: Actor): Refused {
  const method = (after as { method?: string } | undefined)?.method ?? null
  return { action, actor: principal?.actor ?? stranger, requestId: request.id, method, code }
}

/** The entry of a sign-in with ChatGPT that has ended, whoever was there to see it. */
export function loginEntry({ id, accountId, startedBy: actor, method, status, result, fault }: LoginFlow) {
  const account = result?.accountId ?? accountId
  return {
    ...{ action: 'account.sign_in', actor, requestId: null, before: null },
    target: account === null ? { kind: 'sign_in', id } : { kind: 'account', id: account },
    outcome: status === 'succeeded' ? ('success' as const) : ('failure' as const),
    after: { signInId: id, method, ...(result ? { outcome: result.outcome } : { code: fault?.code ?? null }) },
  }
}
