import { expect, it } from 'vitest'
import type { LiveEvent } from '../../../src/domain/live.ts'
import { minuteMs } from '../../../src/domain/quota.ts'
import { createBus } from '../../../src/lib/bus.ts'
import { createRequestCounts } from '../../../src/notifications/request-counts.ts'
import { createManualClock } from '../../support/clock.ts'
import { requestRecord } from '../../support/stores.ts'

function counting() {
  const clock = createManualClock()
  const bus = createBus<LiveEvent>()
  const counts = createRequestCounts(bus, clock)
  const end = (given: object) => bus.emit({ kind: 'request_ended', record: requestRecord('r', given) })
  return { clock, counts, end }
}

it('requests count as they end, for as many minutes as are asked for', () => {
  const { clock, counts, end } = counting()
  end({ status: 'success', httpStatus: 200 })
  clock.advance(minuteMs)
  end({ status: 'error', httpStatus: 502 })
  expect(counts(1)).toEqual({ requests: 1, failed: 1, isWhole: true })
  expect(counts(2)).toEqual({ requests: 2, failed: 1, isWhole: false })
  clock.advance(minuteMs)
  expect(counts(1)).toEqual({ requests: 0, failed: 0, isWhole: true })
  expect(counts(3)).toMatchObject({ requests: 2 })
  clock.advance(100 * minuteMs)
  expect(counts(60)).toEqual({ requests: 0, failed: 0, isWhole: true })
})

it('what the client got wrong or gave up is no failure', () => {
  const { counts, end } = counting()
  end({ status: 'cancelled', httpStatus: 200 })
  end({ status: 'error', httpStatus: 400 })
  end({ status: 'error', httpStatus: 401 })
  end({ status: 'error', httpStatus: 429 })
  end({ status: 'error', httpStatus: 200 })
  end({ status: 'error', httpStatus: 503 })
  expect(counts(5)).toMatchObject({ requests: 5, failed: 3 })
})

it('an hour is the most that is remembered', () => {
  const { clock, counts, end } = counting()
  for (let minute = 0; minute < 200; minute++) {
    end({ status: 'success', httpStatus: 200 })
    clock.advance(minuteMs)
  }
  expect(counts(60).requests).toBe(59)
  expect(counts(200).requests).toBeLessThanOrEqual(61)
})
