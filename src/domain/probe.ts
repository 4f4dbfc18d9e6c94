/**
 * Headers that Codex sends and that reverse proxies are known to drop or change: those with an underscore, those that are
 * long, and those of their own.
 */
export const probeHeaders: Readonly<Record<string, string>> = {
  session_id: 'codex-lb-doctor-1',
  'session-id': 'codex-lb-doctor-2',
  'thread-id': 'codex-lb-doctor-3',
  originator: 'codex_lb_doctor',
  'x-codex-turn-state': 'codex-lb-doctor-4',
  'x-codex-turn-metadata': JSON.stringify({ doctor: 'x'.repeat(800) }),
}

/** The events of the probe stream, and how long the server waits before each of the later ones, in ms. */
export const probeStream = { events: 3, pauseMs: 300 } as const
