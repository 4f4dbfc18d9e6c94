import { whatIf } from '../accounts/what-if.ts'
import { WhatIfAsk, WhatIfView } from '../contract/what-if.ts'
import { hourMs } from '../domain/quota.ts'
import type { Settings } from '../domain/settings.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { resolved } from '../settings/keeper.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type WhatIfDeps = {
  store: Store
  settings: () => Settings
  clock: Clock
  /** Writes what the log still has queued. */
  flush: () => Promise<void>
}

const longestHours = 720
/** A replay of the most turns with hundreds of accounts takes a while, for it makes way for everything else. */
const deadlineMs = 5 * 60_000
const retryAfterSeconds = 10

export function whatIfRoutes({ store, settings, clock, flush }: WhatIfDeps) {
  let isRunning = false
  return [
    route(
      {
        method: 'POST',
        path: '/api/routing/what-if',
        access: 'viewer',
        audit: null,
        summary: 'What the logged turns would have met under other routing settings',
        body: WhatIfAsk,
        answer: WhatIfView,
        deadlineMs,
      },
      async ({ body, reply }) => {
        if (isRunning) {
          const message = 'Another replay is under way; one at a time.'
          throw new AppError('overloaded', { message, retryAfterSeconds })
        }
        isRunning = true
        // Nobody waits for an answer whose caller has left.
        const left = new AbortController()
        const onClose = () => left.abort(new Error('client_disconnected'))
        reply.raw.once('close', onClose)
        try {
          await flush()
          const untilMs = clock.now()
          const sinceMs = startOf(body.since, untilMs)
          const { strategies = null, settings: change = {} } = body
          const ask = { sinceMs, untilMs, strategies, change: resolved(change) }
          const {
            sinceMs: fromMs,
            untilMs: toMs,
            ...rest
          } = await whatIf(ask, { store, settings: settings() }, left.signal)
          return { since: iso(fromMs), until: iso(toMs), ...rest }
        } finally {
          isRunning = false
          reply.raw.removeListener('close', onClose)
        }
      },
    ),
  ]
}

/** @throws AppError */
function startOf(since: string | number, nowMs: number): number {
  const sinceMs = typeof since === 'number' ? nowMs - since * hourMs : Date.parse(since)
  if (sinceMs >= nowMs || nowMs - sinceMs > longestHours * hourMs) {
    const message = `"since" must lie in the past, at most ${longestHours} hours ago.`
    throw new AppError('invalid_request', { message, param: 'since', fields: [{ path: 'since', message }] })
  }
  return sinceMs
}
