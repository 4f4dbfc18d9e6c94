import { z } from 'zod'
import { loginStatuses } from '../domain/login-status.ts'
import { AccountView } from './accounts.ts'
import { id, moment, word } from './common.ts'
import { Overview } from './overview.ts'
import { RequestView } from './requests.ts'
import { digested } from './visibility.ts'

/** One request on its way; `ended` carries the line of the log. */
export const LiveRequest = z.object({
  requestId: digested(z.string()),
  phase: z.enum(['admitted', 'chosen', 'streaming', 'ended']),
  at: moment,
  route: word,
  model: word.nullable(),
  accountId: id.nullable(),
  /** The model source that serves in place of an account. */
  sourceId: id.nullable(),
  record: RequestView.nullable(),
})
export type LiveRequest = z.infer<typeof LiveRequest>

/** The events of `GET /api/events`, by name: what their data holds. */
export const LiveEvents = {
  hello: z.object({ version: word, serverTime: moment, newestEventId: z.int(), demo: z.boolean() }),
  account: AccountView,
  account_removed: z.object({ accountId: id }),
  request: LiveRequest,
  totals: Overview.pick({
    accountCounts: true,
    requestCount: true,
    errorRate: true,
    errorCount: true,
    usageSummary: true,
    windows: true,
    panic: true,
    waiting: true,
  }),
  settings: z.object({}),
  /** A sign-in with ChatGPT goes on; what it says is read by who may. */
  sign_in: z.object({ id, status: z.enum(loginStatuses) }),
  /** Ways out, or how they work, have changed. */
  egress: z.object({}),
  /** What was missed is no longer kept: read again what is on the screen. */
  resync: z.object({}),
}
export type LiveEventName = keyof typeof LiveEvents
export type LiveData<N extends LiveEventName> = z.infer<(typeof LiveEvents)[N]>
