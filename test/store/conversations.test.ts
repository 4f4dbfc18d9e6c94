import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RequestRecord } from '../../src/domain/request.ts'
import { createConversations } from '../../src/reports/conversations.ts'
import type { RequestFilter } from '../../src/store/request-store.ts'
import { recordsOf, someRequests } from '../support/requests.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const hour = 3_600_000
const day = 24 * hour
const startMs = Date.UTC(2026, 2, 28)
const nameOf = ({ threadId, sessionId }: RequestRecord) => threadId ?? sessionId

onEveryEngine((context) => {
  const pages = async (filter: RequestFilter, limit: number, rows?: number) => {
    const conversations = createConversations(context.store, rows)
    const seen: string[] = []
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
      const page = await conversations.page({ limit, cursor, filter: { inConversation: '', ...filter } })
      expect(page.items.length).toBeLessThanOrEqual(limit)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    }
    return seen
  }

  describe('conversations', () => {
    it('come in the order of their last request that fits, each once, page by page', async () => {
      const [requests = []] = fc.sample(someRequests(startMs, 3 * day, 200, 150), { numRuns: 1, seed: 5 })
      const records = recordsOf(requests).map((one, n) => ({
        ...one,
        threadId: n % 4 === 0 ? null : `t/${n % 13}`,
        sessionId: n % 8 === 0 ? null : `s_${n % 7}`,
      }))
      await context.store.requests.add(records)
      const newestFirst = records.toSorted((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1))
      const fits: [RequestFilter, (one: RequestRecord) => boolean][] = [
        [{}, () => true],
        [{ accountIds: ['acc_1'] }, ({ accountId }) => accountId === 'acc_1'],
        [{ keyIds: ['key_1', ''] }, ({ keyId }) => keyId === 'key_1' || keyId === null],
        [{ untilMs: startMs + day }, ({ atMs }) => atMs < startMs + day],
        [{ inConversation: 'T/1' }, (one) => nameOf(one)?.includes('t/1') === true],
      ]
      for (const [filter, isFit] of fits) {
        const expected = [...new Set(newestFirst.filter(isFit).flatMap((one) => nameOf(one) ?? []))]
        for (const [limit, rows] of [
          [3, undefined],
          [1, 4],
          [50, 10],
        ] as const) {
          expect(await pages(filter, limit, rows)).toEqual(expected)
        }
      }
    }, 60_000)

    it('that go on while they are read come again at the top, and nowhere else', async () => {
      const { requests } = context.store
      const of = (id: string, atMs: number, threadId: string) => requestRecord(id, { atMs: startMs + atMs, threadId })
      await requests.add([of('a', 1, 'one'), of('b', 2, 'two'), of('c', 3, 'three')])
      const conversations = createConversations(context.store)
      const ask = (cursor: string | null) => conversations.page({ limit: 1, cursor, filter: { inConversation: '' } })
      const first = await ask(null)
      await requests.add([of('d', 9, 'two')])
      const second = await ask(first.nextCursor)
      expect([first, second].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(['three', 'one'])
      expect((await ask(null)).items[0]?.id).toBe('two')
    })

    it('have the sums of their requests by what those have in common', async () => {
      const { requests } = context.store
      const of = (id: string, given: Partial<RequestRecord>) =>
        requestRecord(id, { atMs: startMs, threadId: null, sessionId: 's/1', ...given })
      await requests.add([
        of('a', {}),
        of('b', { atMs: startMs + 5 }),
        of('c', { atMs: startMs + 3, model: 'other', status: 'error', moved: true, usage: null, costMicroUsd: null }),
        of('d', { threadId: 's/2' }),
      ])
      const found = await context.store.requests.conversation('s/1', 10)
      expect(found).toMatchObject({ id: 's/1', isThread: false, firstMs: startMs, lastMs: startMs + 5, isCut: false })
      expect(found?.parts.toSorted((a, b) => b.requests - a.requests)).toMatchObject([
        { model: 'gpt-5', status: 'success', requests: 2, inputTokens: 200, costMicroUsd: 2_468, totalMs: 1_800 },
        { model: 'other', status: 'error', moved: true, requests: 1, inputTokens: 0, costMicroUsd: 0 },
      ])
      expect(await context.store.requests.conversation('s/2', 10)).toMatchObject({ isThread: true })
      expect(await context.store.requests.conversation('s/3\0', 10)).toBeNull()
      const cut = await context.store.requests.conversation('s/1', 2)
      expect(cut).toMatchObject({ isCut: true, firstMs: startMs, lastMs: startMs + 5 })
    })
  })
})
