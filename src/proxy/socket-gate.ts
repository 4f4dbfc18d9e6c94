import type { Settings } from '../domain/settings.ts'
import type { Clock } from '../lib/clock.ts'

/** Whether clients may open WebSockets now. */
export type SocketGate = {
  isOpen(): boolean
  /** The upstream takes none at the moment: clients are better served over HTTP for a while. */
  close(): void
}

const restMs = 10 * 60_000

export function createSocketGate(clock: Clock, settings: () => Settings): SocketGate {
  let closedUntilMs = 0
  return {
    isOpen: () => settings().webSockets && closedUntilMs <= clock.now(),
    close() {
      closedUntilMs = clock.now() + restMs
    },
  }
}
