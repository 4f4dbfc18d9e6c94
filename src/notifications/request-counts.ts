import type { LiveEvent } from '../domain/live.ts'
import { minuteMs } from '../domain/quota.ts'
import type { RequestRecord } from '../domain/request.ts'
import type { Bus } from '../lib/bus.ts'
import type { Clock } from '../lib/clock.ts'

/** The longest time that can be asked for. */
const mostMinutes = 60

type Minute = { at: number; requests: number; failed: number }

/** Counts requests as they end, minute by minute, for the last hour. */
export function createRequestCounts(bus: Bus<LiveEvent>, clock: Clock) {
  const sinceMs = clock.now()
  const minutes: Minute[] = []
  bus.listen((event) => {
    if (event.kind !== 'request_ended' || event.record.status === 'cancelled') return
    const at = Math.floor(clock.now() / minuteMs)
    let last = minutes.at(-1)
    if (last?.at !== at) {
      last = { at, requests: 0, failed: 0 }
      minutes.push(last)
      if (minutes.length > mostMinutes + 1) minutes.shift()
    }
    last.requests++
    if (isFailure(event.record)) last.failed++
  })
  /** The running minute counts as one. Not whole: we have not counted for so long. */
  return (count: number) => {
    const nowMs = clock.now()
    const firstAt = Math.floor(nowMs / minuteMs) - count
    const wanted = minutes.filter(({ at }) => at > firstAt && at * minuteMs <= nowMs)
    return {
      requests: wanted.reduce((sum, minute) => sum + minute.requests, 0),
      failed: wanted.reduce((sum, minute) => sum + minute.failed, 0),
      isWhole: nowMs - sinceMs >= count * minuteMs,
    }
  }
}

/** A request that was wrong itself is not our failure; one that found no account is. */
function isFailure({ status, httpStatus }: RequestRecord): boolean {
  const isOwnFault = httpStatus >= 400 && httpStatus < 500 && httpStatus !== 429
  return status === 'error' && !isOwnFault
}
