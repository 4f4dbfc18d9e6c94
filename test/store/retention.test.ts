import { describe, expect, it } from 'vitest'
import { runRetention } from '../../src/jobs/retention.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import { createManualClock } from '../support/clock.ts'
import { recordsOf } from '../support/requests.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const day = 86_400_000
const nowMs = Date.UTC(2026, 5, 1)
const forEver = { requestLogDays: 0, requestDetailDays: 0, usageHistoryDays: 0, auditDays: 0 }

onEveryEngine((context, engine) => {
  const run = (given: Partial<typeof forEver>) =>
    runRetention({ store: context.store, clock: createManualClock(nowMs), settings: () => ({ ...forEver, ...given }) })
  const log = async () => (await context.store.requests.page({ limit: 1_000, cursor: null })).items

  describe('what is old', () => {
    it('goes from the log, to the moment, and stays in the sums', async () => {
      const { store } = context
      const ages = [0, 9, 10, 10.001, 11, 400]
      await store.requests.add(ages.map((days) => requestRecord(`r${days}`, { atMs: nowMs - days * day })))
      await store.requestSums.fold({ beforeMs: nowMs, minRows: 1 })
      await run({ requestLogDays: 10 })
      expect((await log()).map(({ id }) => id)).toEqual(['r0', 'r9', 'r10'])
      const sums = await createTraffic(store).sums({ sinceMs: 0, untilMs: nowMs + day, bucketMs: day })
      expect(sums.reduce((total, { requests }) => total + requests, 0)).toBe(6)
    })

    it('loses its attempts and decision before, each once, however many are of one millisecond', async () => {
      const { store } = context
      const many = Array.from({ length: 450 }, () => ({ atMs: nowMs - 30 * day }))
      await store.requests.add(recordsOf([...many, { atMs: nowMs - 40 * day }, { atMs: nowMs - 5 * day }]))
      await run({ requestDetailDays: 10 })
      const kept = (await log()).filter(({ decision }) => decision !== null)
      expect(kept.map(({ id }) => id)).toEqual(['req_0451'])
      expect(kept[0]?.attempts).toHaveLength(1)
      expect((await log()).filter(({ attempts }) => attempts.length === 0)).toHaveLength(451)
      expect(await store.retention.countOlder('details', nowMs - 10 * day, 1_000)).toBe(0)
    })

    it('is all kept where people want it so', async () => {
      const { store } = context
      await store.requests.add([requestRecord('old', { atMs: 1 })])
      const entry = { action: 'a.b', actor: { kind: 'local', name: null, address: null }, requestId: null } as const
      const audit = (id: string, atMs: number) =>
        store.audit.add({ ...entry, id, atMs, target: null, outcome: 'success', before: null, after: null })
      await audit('one', 1)
      await audit('two', nowMs - 20 * day)
      const hour = (atMs: number) => ({
        ...{ accountId: 'acc_1', kind: 'short' as const, atMs, lastPercent: 1, minPercent: 1, maxPercent: 1 },
        ...{ burnedPercent: 0, resetAtMs: null, samples: 1 },
      })
      await store.usage.saveHours([hour(0), hour(nowMs - 50 * day)])
      await run({})
      const counts = async () => [
        (await log()).length,
        (await store.usage.hours(0)).length,
        (await store.audit.page({ limit: 10, cursor: null })).items.length,
      ]
      expect(await counts()).toEqual([1, 2, 2])
      expect((await log())[0]?.decision).not.toBeNull()
      expect(await store.retention.countOlder('audit', nowMs - 30 * day, 10)).toBe(1)
      expect(await store.retention.countOlder('usageHours', nowMs, 1)).toBe(1)
      await run({ usageHistoryDays: 60, auditDays: 30 })
      expect(await counts()).toEqual([1, 1, 1])
    })

    it('ends when the server stops', async () => {
      const { store } = context
      await store.requests.add([requestRecord('old', { atMs: 1 })])
      const deps = { store, clock: createManualClock(nowMs), settings: () => ({ ...forEver, requestLogDays: 1 }) }
      await runRetention(deps, () => true)
      expect(await log()).toHaveLength(1)
    })
  })

  it('says about how much there is', async () => {
    const { store } = context
    await store.requests.add(recordsOf(Array.from({ length: 50 }, (_, n) => ({ atMs: nowMs - n }))))
    await store.requestSums.fold({ beforeMs: nowMs, minRows: 1 })
    const { requests, requestSums, audit } = await store.retention.sizes()
    expect([requests.rows, requestSums.rows, audit.rows]).toEqual([50, 2, 0])
    expect(requests.bytes).toBeGreaterThan(50 * 200)
    const { bytes, freeBytes } = await store.retention.database()
    expect(bytes).toBeGreaterThan(requests.bytes)
    expect(freeBytes === null).toBe(engine.name !== 'SQLite')
  })

  it.runIf(engine.name === 'SQLite')('gives room back to the system when much of the file is empty', async () => {
    const { store } = context
    const errorMessage = 'x'.repeat(30_000)
    for (let n = 0; n < 30; n++) {
      const batch = Array.from({ length: 50 }, () => ({ atMs: nowMs - 20 * day, errorMessage }))
      await store.requests.add(recordsOf(batch, `b${n}`))
    }
    const before = await store.retention.database()
    await run({ requestLogDays: 10 })
    const after = await store.retention.database()
    expect(before.bytes).toBeGreaterThan(40_000_000)
    expect(after.bytes).toBeLessThan(before.bytes / 2)
    expect(await log()).toEqual([])
  })
})
