import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientFamily } from '../../src/domain/client-family.ts'
import type { RequestRecord } from '../../src/domain/request.ts'
import { createRequestLog } from '../../src/reports/request-log.ts'
import type { RequestFilter } from '../../src/store/request-store.ts'
import { recordsOf, someRequests } from '../support/requests.ts'
import { onEveryEngine } from './suite.ts'

const hour = 3_600_000
const day = 24 * hour
const startMs = Date.UTC(2026, 2, 28)

const named = <T extends string>(...values: T[]) => fc.option(fc.subarray(values), { nil: undefined })
const filters: fc.Arbitrary<RequestFilter> = fc.record({
  accountIds: named('acc_1', 'acc_2', 'acc_9', ''),
  keyIds: named('key_1', ''),
  models: named('gpt-5.5', ''),
  clients: named('codex_cli_rs', 'OpenAI/Python', ''),
  efforts: named('none', ''),
  statuses: named('success', 'error', 'cancelled'),
  sinceMs: fc.option(
    fc.nat(20 * day).map((ms) => startMs + ms),
    { nil: undefined },
  ),
})

function fits(one: RequestRecord, filter: RequestFilter): boolean {
  const has = (values: readonly string[] | undefined, value: string | null) =>
    values === undefined || values.length === 0 || values.includes(value ?? '')
  return (
    has(filter.accountIds, one.accountId) &&
    has(filter.keyIds, one.keyId) &&
    has(filter.models, one.model) &&
    has(filter.clients, clientFamily(one.client)) &&
    has(filter.efforts, one.effort) &&
    has(filter.statuses, one.status) &&
    one.atMs >= (filter.sinceMs ?? 0)
  )
}

onEveryEngine((context) => {
  describe('the log, read in small steps', () => {
    it('has what fits, in order, each once, whatever is skipped', async () => {
      const { store } = context
      const [requests = []] = fc.sample(someRequests(startMs, 20 * day, 300, 250), { numRuns: 1, seed: 3 })
      const dense = Array.from({ length: 200 }, (_, n) => ({ atMs: startMs + 3 * day + n, accountId: 'acc_1' }))
      const records = recordsOf([...requests, ...dense])
      await store.requests.add(records)
      for (let n = 0; n < 40; n++) await store.requestSums.fold({ beforeMs: Number.MAX_SAFE_INTEGER, minRows: 1 })
      const log = createRequestLog(store, 5)
      const newestFirst = records.toSorted((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1))
      await fc.assert(
        fc.asyncProperty(filters, fc.integer({ min: 1, max: 60 }), async (filter, limit) => {
          const seen: string[] = []
          for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
            const page = await log.page({ limit, cursor, filter })
            expect(page.items.length).toBeLessThanOrEqual(limit)
            seen.push(...page.items.map(({ id }) => id))
            cursor = page.nextCursor
          }
          expect(seen).toEqual(newestFirst.filter((one) => fits(one, filter)).map(({ id }) => id))
        }),
        { numRuns: 20 },
      )
    }, 120_000)

    it('looks at no more than a few thousand rows for one page, and goes on from there', async () => {
      const { store } = context
      await store.requests.add(
        recordsOf(Array.from({ length: 300 }, (_, n) => ({ atMs: startMs + n, totalMs: n === 0 ? 9_000 : 5 }))),
      )
      const filter = { slowerThanMs: 1_000 }
      const first = await createRequestLog(store, 3).page({ limit: 10, cursor: null, filter })
      expect(first.items).toEqual([])
      expect(first.nextCursor).not.toBeNull()
      const second = await createRequestLog(store, 3).page({ limit: 10, cursor: first.nextCursor, filter })
      expect(second.items.map(({ id }) => id)).toEqual(['req_0000'])
    })

    it('passes over months without anything that fits in one page', async () => {
      const { store } = context
      const busy = Array.from({ length: 290 }, (_, n) => ({ atMs: startMs + 5 * day + n * hour, accountId: 'acc_1' }))
      await store.requests.add(recordsOf([{ atMs: startMs, accountId: 'rare' }, ...busy]))
      const page = await createRequestLog(store, 5).page({ limit: 10, cursor: null, filter: { accountIds: ['rare'] } })
      expect(page.items.map(({ id }) => id)).toEqual(['req_0000'])
    })

    it('names error codes with how many had them, up to a number', async () => {
      const { store } = context
      const of = (code: string | null, count: number) =>
        Array.from({ length: count }, (_, n) => ({ atMs: startMs + n, errorCode: code }))
      await store.requests.add(recordsOf([...of('b', 7), ...of(null, 3), ...of('a', 2)]))
      const query = { sinceMs: startMs, untilMs: startMs + day, limit: 9, countTo: 5 }
      expect(await store.requests.errorCodes(query)).toEqual([
        { code: 'a', requests: 2 },
        { code: 'b', requests: 5 },
      ])
      expect(await store.requests.errorCodes({ ...query, limit: 1 })).toEqual([{ code: 'a', requests: 2 }])
      expect(await store.requests.errorCodes({ ...query, sinceMs: startMs + 2 })).toEqual([{ code: 'b', requests: 5 }])
    })
  })
})
