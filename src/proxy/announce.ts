import type { LiveEvent, RequestPhase } from '../domain/live.ts'
import type { Bus } from '../lib/bus.ts'
import type { Clock } from '../lib/clock.ts'
import type { Turn } from './turn.ts'

/** Tell whoever watches how far a request has come. */
export function announce(
  { ask, route, isPrewarm }: Turn,
  phase: Exclude<RequestPhase, 'ended'>,
  accountId: string | null,
  { live, clock }: { live: Bus<LiveEvent>; clock: Clock },
  sourceId: string | null = null,
): void {
  if (isPrewarm) return
  const { requestId, model } = ask
  live.emit({ kind: 'request', requestId, phase, atMs: clock.now(), route, model, accountId, sourceId })
}
