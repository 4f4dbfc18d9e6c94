import type { EgressFact } from '../domain/notifications/observe.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Egress } from '../egress/registry.ts'
import type { Clock } from '../lib/clock.ts'

/** A proxy that comes back sooner is no news. */
const newsMs = minuteMs

/** How the proxies that accounts may go through were found to work. */
export function egressFacts({ proxies, healthOf }: Pick<Egress, 'proxies' | 'healthOf'>, clock: Clock): EgressFact[] {
  return proxies().flatMap(({ id, name, isActive }): EgressFact[] => {
    if (!isActive) return []
    const { downSinceMs, lastOkAtMs, lastError } = healthOf(id)
    if (downSinceMs === null) return [{ id, name, isUp: lastOkAtMs === null ? null : true, reason: null }]
    const isUp = clock.now() - downSinceMs < newsMs ? null : false
    return [{ id, name, isUp, reason: lastError?.message ?? null }]
  })
}
