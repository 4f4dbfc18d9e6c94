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
): void {
  if (isPrewarm) return
  live.emit({ kind: 'request', requestId: ask.requestId, phase, atMs: clock.now(), route, model: ask.model, accountId })
}
