import { beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../../src/accounts/pool.ts'
import { createLiveFeed, type LiveFeed, type Sent } from '../../../src/admin/live.ts'
import type { LiveData } from '../../../src/contract/live.ts'
import { openWays } from '../../../src/domain/egress.ts'
import type { LiveEvent } from '../../../src/domain/live.ts'
import { type Bus, createBus } from '../../../src/lib/bus.ts'
import { anAccount } from '../../support/accounts.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { requestRecord } from '../../support/stores.ts'

let bus: Bus<LiveEvent>
let clock: ManualClock
let feed: LiveFeed
let heard: Sent[]
let summed: number
let requestCount: number

beforeEach(() => {
  bus = createBus()
  clock = createManualClock()
  heard = []
  summed = 0
  requestCount = 0
  // Only this one method is asked.
  const pool = { get: (id: string) => (id === 'gone' ? null : anAccount(id)) } as unknown as Pool
  feed = createLiveFeed({
    ways: () => openWays,
    ...{ bus, clock, pool },
    async totals() {
      summed++
      // What the feed does with it does not depend on its shape.
      return { requestCount } as LiveData<'totals'>
    },
    onError(error) {
      throw error
    },
  })
})

const names = (sent: readonly Sent[] = heard) => sent.map(({ text }) => /^event: (\w+)$/m.exec(text)?.[1])
const listenToAll = () => feed.subscribe((events) => heard.push(...events))
const settle = async (ms: number) => {
  for (let left = ms; left > 0; left -= 250) {
    clock.advance(250)
    await Promise.resolve()
    await Promise.resolve()
  }
}
const request = (requestId: string, phase: 'admitted' | 'chosen' | 'streaming'): LiveEvent => ({
  ...{
    kind: 'request',
    requestId,
    phase,
    atMs: clock.now(),
    route: '/v1/responses',
    model: 'gpt-5.5',
    accountId: null,
    sourceId: null,
  },
})

describe('what happens within a quarter of a second', () => {
  it('is told once, as it stands in the end', async () => {
    listenToAll()
    for (const phase of ['admitted', 'chosen', 'streaming'] as const) bus.emit(request('r1', phase))
    bus.emit({ kind: 'request_ended', record: requestRecord('r1') })
    for (let n = 0; n < 5; n++) bus.emit({ kind: 'account', id: 'a' })
    bus.emit({ kind: 'account', id: 'gone' })
    expect(heard).toEqual([])
    await settle(250)
    expect(names().filter((name) => name !== 'totals')).toEqual(['account', 'request'])
    expect(heard.find(({ text }) => text.includes('"phase":"ended"'))?.text).toContain('"record":{')
  })

  it('is told as a resync when it is too much', async () => {
    listenToAll()
    for (let n = 0; n < 1_000; n++) bus.emit(request(`r${n}`, 'admitted'))
    await settle(250)
    const told = names().filter((name) => name !== 'totals')
    expect(told).toHaveLength(301)
    expect(told.at(-1)).toBe('resync')
  })
})

describe('what has been told', () => {
  it('is kept for those who were away, five hundred events long', async () => {
    listenToAll()
    for (let n = 0; n < 600; n++) {
      bus.emit({ kind: 'settings' })
      await settle(250)
    }
    const last = feed.newestId()
    expect(heard.at(-1)?.id).toBe(last)
    expect(heard.length).toBeGreaterThanOrEqual(600)
    expect(feed.since(last)).toEqual([])
    expect(feed.since(last - 2)?.map(({ id }) => id)).toEqual([last - 1, last])
    expect(feed.since(last - 500)).toHaveLength(500)
    expect(feed.since(last - 501)).toBeNull()
    expect(feed.since(last + 1)).toBeNull()
    expect(feed.since(0)).toBeNull()
  })

  it('is not even made into words when nobody watches, so that a late reader starts afresh', async () => {
    const before = feed.newestId()
    bus.emit({ kind: 'settings' })
    await settle(250)
    expect(feed.since(before)).toBeNull()
    listenToAll()
    await settle(250)
    expect(names()).toEqual(['totals'])
  })

  it('has ids far above those of any earlier start', async () => {
    listenToAll()
    for (let n = 0; n < 1_000; n++) bus.emit(request(`r${n}`, 'admitted'))
    await settle(1_000)
    const bigger = createLiveFeed({
      ways: () => openWays,
      ...{ bus, clock, pool: {} as Pool, onError: () => {} },
      totals: async () => ({}) as LiveData<'totals'>,
    })
    expect(bigger.newestId()).toBeGreaterThan(feed.newestId())
    expect(Number.isSafeInteger(bigger.newestId())).toBe(true)
    expect(bigger.since(feed.newestId())).toBeNull()
  })
})

describe('the sums', () => {
  it('are made only while somebody watches, and only after something happened', async () => {
    bus.emit({ kind: 'settings' })
    await settle(10_000)
    expect(summed).toBe(0)
    const leave = listenToAll()
    await settle(60_000)
    expect(summed).toBe(1)
    bus.emit({ kind: 'settings' })
    await settle(60_000)
    expect(summed).toBe(2)
    leave()
    bus.emit({ kind: 'settings' })
    await settle(10_000)
    expect(summed).toBe(2)
  })

  it('come at most every two seconds, the last change included, and not when they are the same', async () => {
    listenToAll()
    await settle(250)
    for (let n = 0; n < 40; n++) {
      requestCount++
      bus.emit({ kind: 'settings' })
      await settle(250)
    }
    await settle(4_000)
    const told = heard.filter(({ text }) => text.includes('event: totals'))
    expect(told.length).toBeGreaterThan(4)
    expect(told.length).toBeLessThanOrEqual(7)
    expect(told.at(-1)?.text).toContain('"requestCount":40')
    bus.emit({ kind: 'settings' })
    await settle(4_000)
    expect(heard.filter(({ text }) => text.includes('event: totals'))).toHaveLength(told.length)
  })
})
