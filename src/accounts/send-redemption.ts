import type { Redemption } from '../domain/redemption.ts'
import type { Clock } from '../lib/clock.ts'
import { readRedeemed } from '../upstream/reset-credits.ts'
import { TransportError } from '../upstream/transport-error.ts'
import { errorOfBody } from '../upstream/upstream-error.ts'
import type { AccountCalls } from './account-calls.ts'
import { TokenError } from './tokens.ts'

type Ended = Pick<Redemption, 'outcome' | 'error' | 'windowsReset' | 'settledAtMs'>
type SendDeps = { calls: AccountCalls; clock: Clock; onError: (accountId: string, error: unknown) => void }

const path = '/wham/rate-limit-reset-credits/consume'
const deadlineMs = 12_000
/** Refusals after which the use may be under way all the same. */
const undecided = new Set([408, 409, 425])
/** Refusals of what was asked for, whenever it was asked for first. */
const senseless = new Set([400, 404, 410, 422])

/**
 * Asks the upstream once for a use that is stored as pending, and says how it ended. A repeat ends only with a word on
 * the use itself: that it cannot be asked for now says nothing about the first time.
 */
export async function sendRedemption(redemption: Redemption, isRepeat: boolean, deps: SendDeps): Promise<Ended> {
  const { calls, clock, onError } = deps
  const { id, accountId, creditId } = redemption
  const open = (error: string): Ended => ({ outcome: 'pending', error, windowsReset: null, settledAtMs: null })
  const failed = (error: string): Ended => ({ ...open(error), outcome: 'failed', settledAtMs: clock.now() })
  const refused = isRepeat ? open : failed
  try {
    const body = { redeem_request_id: id, ...(creditId === null ? {} : { credit_id: creditId }) }
    const { status, json, text } = await calls.post(accountId, path, body, deadlineMs)
    const redeemed = status === 200 ? readRedeemed(json) : null
    if (redeemed) return { ...redeemed, error: null, settledAtMs: clock.now() }
    if (status < 400) return open('The upstream did not say how it ended.')
    const { message } = errorOfBody(status, {}, text, clock.now())
    if (status >= 500 || undecided.has(status)) return open(message)
    return senseless.has(status) ? failed(message) : refused(message)
  } catch (error) {
    onError(accountId, error)
    if (error instanceof TokenError) return refused(error.message)
    const isUnsent = error instanceof TransportError && (error.kind === 'unreachable' || error.kind === 'untrusted')
    return isUnsent ? refused('The upstream cannot be reached.') : open('The answer of the upstream was lost.')
  }
}
