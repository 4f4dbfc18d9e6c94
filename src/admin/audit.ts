import { AuditLog, AuditQuery } from '../contract/audit.ts'
import type { AuditEntry } from '../domain/audit.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { type AnyRoute, type AuditedCall, route } from './route.ts'

export function auditRoutes({ store }: { store: Store }): AnyRoute[] {
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
      const id = randomId(`aud_${atMs.toString(36).padStart(9, '0')}`)
      await store.audit.add({ ...entry, id, atMs }).catch(onError)
    },
  }
}

const nobody: AuditEntry['actor'] = { kind: 'stranger', name: null, address: null }

/** The entry of a call that was answered. */
export function entryOf({ principal, target = null, before = null, after = null, ...call }: AuditedCall) {
  return { ...call, actor: principal?.actor ?? nobody, target, before, after, outcome: 'success' as const }
}
