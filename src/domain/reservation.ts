import { type Amounts, amountsOf } from './limit-counts.ts'
import type { Bucket, LimitKind } from './limits.ts'
import type { RequestRecord } from './request.ts'

/** Where a request is counted: a limit as it was then, and the piece of time in which the request began. */
export type Place = Bucket & { limitId: string; shape: string; kind: LimitKind }

/** What a request under way may use. It is settled, released or, when its server has died, recovered: exactly once. */
export type Reservation = {
  /** The same as the request's record will have. */
  id: string
  keyId: string
  /** The server's life that the request runs in. */
  holder: string
  atMs: number
  declared: Amounts
  places: Place[]
}

/** How a reservation ended; `used` null: nothing was used. */
export type Settlement = { id: string; used: Amounts | null }

/** What has been used in a piece of time by requests that are over. */
export type LimitCount = Bucket & { limitId: string; shape: string; keyId: string; used: number }

/** What a record says of how much its request has used. */
export type Ended = Pick<RequestRecord, 'status' | 'httpStatus' | 'usage' | 'costMicroUsd' | 'firstTokenMs'>

/**
 * What a request has used in the end. Nothing, when its client got an error before any output; what it declared, when an
 * answer began and nobody told what it took: the client hung up, or the answer broke off.
 */
export function usedBy(
  { status, httpStatus, usage, costMicroUsd, firstTokenMs }: Ended,
  declared: Amounts,
): Amounts | null {
  if (httpStatus >= 400) return null
  if (usage !== null) return amountsOf({ ...usage, costMicroUsd })
  return status === 'error' && firstTokenMs === null ? null : declared
}
