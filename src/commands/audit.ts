import type { AuditEntry } from '../domain/audit.ts'
import { systemClock } from '../lib/clock.ts'
import { timedId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'

type Facts = Partial<Pick<AuditEntry, 'target' | 'before' | 'after'>>

/** Writes down what was done at the command line. What is done stays done when that fails; false says that it did. */
export async function auditCommand(store: Pick<Store, 'audit'>, action: string, facts: Facts): Promise<boolean> {
  const atMs = systemClock.now()
  const entry: AuditEntry = {
    ...{ id: timedId('aud_', atMs), atMs, action, requestId: null, outcome: 'success' },
    actor: { kind: 'command_line', name: null, address: null },
    ...{ target: null, before: null, after: null },
    ...facts,
  }
  return store.audit.add(entry).then(
    () => true,
    () => false,
  )
}

export const notAudited = 'codex-lb: this is done, but could not be written into the audit log'
