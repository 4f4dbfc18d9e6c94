import { describe, expect, it } from 'vitest'
import type { RequestFilter } from '../../src/store/request-store.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const hour = 3_600_000

onEveryEngine((context) => {
  describe('sums of requests', () => {
    it('count each bucket by itself, by the time of arrival, and name only those that have requests', async () => {
      const { requests } = context.store
      await requests.add([
        requestRecord('early', { atMs: hour - 1 }),
        requestRecord('first', { atMs: hour }),
        requestRecord('wrong', { atMs: 2 * hour - 1, status: 'error', usage: null, costMicroUsd: null }),
        requestRecord('gone', {
          atMs: 3 * hour,
          status: 'cancelled',
          usage: { input: 7, cached: 3, output: 2, reasoning: 0 },
        }),
        requestRecord('late', { atMs: 4 * hour }),
      ])
      expect(await requests.sums({ sinceMs: hour, untilMs: 4 * hour, bucketMs: hour })).toEqual([
        {
          atMs: hour,
          ...{ requests: 2, errors: 1, cancelled: 0 },
          ...{ inputTokens: 100, cachedTokens: 20, outputTokens: 30, costMicroUsd: 1_234 },
        },
        {
          atMs: 3 * hour,
          ...{ requests: 1, errors: 0, cancelled: 1 },
          ...{ inputTokens: 7, cachedTokens: 3, outputTokens: 2, costMicroUsd: 1_234 },
        },
      ])
      expect(await requests.sums({ sinceMs: 5 * hour, untilMs: 9 * hour, bucketMs: hour })).toEqual([])
    })

    it('may be those of one key, or of what came without one', async () => {
      const { requests } = context.store
      await requests.add([
        requestRecord('a', { atMs: 1, keyId: 'key_1' }),
        requestRecord('b', { atMs: 2, keyId: 'key_2' }),
        requestRecord('c', { atMs: 3 }),
        requestRecord('d', { atMs: hour, keyId: 'key_1' }),
      ])
      const countOf = async (given: { keyId?: string | null }) =>
        (await requests.sums({ sinceMs: 0, untilMs: 2 * hour, bucketMs: hour, ...given })).map((one) => one.requests)
      expect(await countOf({})).toEqual([3, 1])
      expect(await countOf({ keyId: 'key_1' })).toEqual([1, 1])
      expect(await countOf({ keyId: null })).toEqual([1])
      expect(await countOf({ keyId: 'key_3' })).toEqual([])
    })

    it('may exceed what a 32-bit number holds', async () => {
      const { requests } = context.store
      const usage = { input: 2_000_000_000, cached: 0, output: 1, reasoning: 0 }
      await requests.add(
        ['a', 'b', 'c'].map((id) => requestRecord(id, { atMs: 1, usage, costMicroUsd: 2_000_000_000 })),
      )
      const [sums] = await requests.sums({ sinceMs: 0, untilMs: 24 * hour, bucketMs: 24 * hour })
      expect(sums).toMatchObject({ atMs: 0, inputTokens: 6_000_000_000, costMicroUsd: 6_000_000_000 })
    })
  })

  describe('a page of the log', () => {
    const seed = () =>
      context.store.requests.add([
        requestRecord('r1', {
          atMs: 1,
          accountId: 'acc_1',
          model: 'gpt-5.5',
          status: 'success',
          client: 'codex_cli_rs/0.1',
        }),
        requestRecord('r2', {
          atMs: 2,
          accountId: 'acc_2',
          model: 'gpt-5.5',
          status: 'error',
          errorCode: 'server_error',
        }),
        requestRecord('r3', {
          atMs: 3,
          accountId: 'acc_1',
          model: 'mini',
          status: 'cancelled',
          client: null,
          threadId: null,
        }),
        requestRecord('r4', {
          atMs: 4,
          accountId: null,
          model: null,
          status: 'error',
          errorMessage: 'It was 100% full',
        }),
        requestRecord('r5', {
          atMs: 5,
          accountId: 'acc_3',
          model: 'mini',
          status: 'success',
          threadId: "it's_a_thread",
        }),
      ])
    const found = async (filter: RequestFilter) => {
      const { items } = await context.store.requests.page({ limit: 10, cursor: null, filter })
      return items.map(({ id }) => id).join(' ')
    }

    it.each<[string, RequestFilter, string]>([
      ['nothing', {}, 'r5 r4 r3 r2 r1'],
      ['empty lists', { accountIds: [], models: [], statuses: [], search: '' }, 'r5 r4 r3 r2 r1'],
      ['an account', { accountIds: ['acc_1'] }, 'r3 r1'],
      ['two accounts', { accountIds: ['acc_1', 'acc_2'] }, 'r3 r2 r1'],
      ['a model', { models: ['mini'] }, 'r5 r3'],
      ['two outcomes', { statuses: ['error', 'cancelled'] }, 'r4 r3 r2'],
      ['a time, its beginning included and its end not', { sinceMs: 2, untilMs: 4 }, 'r3 r2'],
      [
        'all of these',
        { accountIds: ['acc_1'], models: ['gpt-5.5', 'mini'], statuses: ['success'], untilMs: 9, search: 'codex' },
        'r1',
      ],
      ['what fits nothing together', { accountIds: ['acc_2'], models: ['mini'] }, ''],
      ['text in the error code', { search: 'server_err' }, 'r2'],
      ['text in any case', { search: 'CODEX_cli' }, 'r5 r4 r2 r1'],
      ['a percent sign', { search: '100% f' }, 'r4'],
      ['only a percent sign', { search: '%' }, 'r4'],
      ['an underscore', { search: 's_a' }, 'r5'],
      ['an underscore that is no wildcard', { search: 'g_t' }, ''],
      ['a quote', { search: "it's" }, 'r5'],
      ['an escape character', { search: '!' }, ''],
      ['a backslash', { search: '\\' }, ''],
      ['text that would be SQL', { search: "' or 1=1 --" }, ''],
      ['a NUL, which no text can hold', { search: 'ser\0ver', accountIds: ['acc_2\0'], models: ['gpt-5.5'] }, 'r2'],
    ])('is narrowed to %s', async (_what, filter, expected) => {
      await seed()
      expect(await found(filter)).toBe(expected)
    })

    it('keeps its filter from page to page', async () => {
      const { requests } = context.store
      const many = Array.from({ length: 20 }, (_, n) =>
        requestRecord(`r${n}`, { atMs: Math.floor(n / 4), status: n % 2 ? 'error' : 'success' }),
      )
      await requests.add(many)
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page = await requests.page({ limit: 3, cursor, filter: { statuses: ['error'] } })
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== null)
      expect(seen.toSorted()).toEqual(
        many
          .filter(({ status }) => status === 'error')
          .map(({ id }) => id)
          .toSorted(),
      )
    })

    it('has no request whose id nothing can have', async () => {
      expect(await context.store.requests.get('a\0b')).toBeNull()
    })
  })
})
