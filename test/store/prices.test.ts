import { describe, expect, it } from 'vitest'
import { builtIn, costMicroUsd } from '../../src/domain/price.ts'
import { SafeFetchError, type safeFetch } from '../../src/lib/safe-fetch.ts'
import { createPriceKeeper } from '../../src/reports/prices.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import { createManualClock } from '../support/clock.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const startMs = Date.UTC(2026, 2, 28)
const day = 86_400_000
const usage = { input: 1_000_000, cached: 0, output: 0, reasoning: 0 }

onEveryEngine((context) => {
  const clock = createManualClock(startMs)
  const answering = (body: unknown, status = 200): typeof safeFetch => {
    return async () => ({
      status,
      headers: {},
      body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    })
  }
  const keeper = async (get?: typeof safeFetch) => {
    const made = createPriceKeeper({ store: context.store.prices, clock, ...(get && { get }) })
    await made.load()
    return made
  }

  describe('prices', () => {
    it('are the built-in ones until somebody says otherwise, and again when that is taken back', async () => {
      const prices = await keeper()
      const cost = (model: string) => costMicroUsd(prices.now(), model, null, usage)
      expect(prices.list().every(({ source, sinceMs }) => source === 'built_in' && sinceMs === null)).toBe(true)
      expect([cost('gpt-5.5'), cost('my-model-2')]).toEqual([5_000_000, null])
      await prices.override('gpt-5.5', { standard: [1, 1, 1] })
      await prices.override('my-model', { standard: [2, 1, 1], flex: [0.5, 0.5, 0.5] })
      expect([cost('gpt-5.5-2026-01-01'), cost('my-model-2'), cost('gpt-5.5-pro')]).toEqual([
        1_000_000, 2_000_000, 30_000_000,
      ])
      expect(costMicroUsd(prices.now(), 'my-model', 'flex', usage)).toBe(500_000)
      expect(prices.get('gpt-5.5')).toMatchObject({ source: 'override', sinceMs: startMs })
      expect(await prices.removeOverride('gpt-5.5')).toBe(true)
      expect(await prices.removeOverride('gpt-5.5')).toBe(false)
      expect([cost('gpt-5.5'), prices.get('gpt-5.5')?.source]).toEqual([5_000_000, 'built_in'])
    })

    it('come to another process when it looks', async () => {
      const [one, other] = [await keeper(), await keeper()]
      await one.override('gpt-5.5', { standard: [1, 1, 1] })
      expect(other.get('gpt-5.5')?.source).toBe('built_in')
      await other.refresh()
      expect(other.get('gpt-5.5')?.source).toBe('override')
      expect((await keeper()).get('gpt-5.5')?.source).toBe('override')
    })

    it('of a list replace what it names and nothing else, and never what a person has said', async () => {
      const entry = (input: number) => ({
        litellm_provider: 'openai',
        input_cost_per_token: input,
        output_cost_per_token: 3e-5,
      })
      const prices = await keeper(
        answering({
          'gpt-5.5': { ...entry(7e-6), cache_read_input_token_cost: 5e-7 },
          'gpt-5.4': { ...entry(2.5e-6), output_cost_per_token: 1.5e-5, cache_read_input_token_cost: 2.5e-7 },
          'gpt-9': entry(1e-6),
        }),
      )
      await prices.override('gpt-9', { standard: [9, 9, 9] })
      const { changed, unchanged } = await prices.fetch('https://prices.example/list.json')
      expect(changed.map(({ model, before }) => [model, before?.standard ?? null])).toEqual([
        ['gpt-5.5', [5, 0.5, 30]],
        ['gpt-9', null],
      ])
      expect(unchanged).toBe(1)
      expect(prices.get('gpt-5.5')).toMatchObject({
        source: 'fetched',
        price: { standard: [7, 0.5, 30], flex: [2.5, 0.25, 15] },
      })
      expect(prices.get('gpt-9')).toMatchObject({ source: 'override', price: { standard: [9, 9, 9] } })
      await prices.removeOverride('gpt-9')
      expect(prices.get('gpt-9')).toMatchObject({ source: 'fetched', price: { standard: [1, 1, 30] } })
      expect(await prices.fetch('https://prices.example/list.json')).toEqual({ changed: [], unchanged: 3 })
    })

    it.each<[string, typeof safeFetch, RegExp]>([
      ['an error', answering('', 404), /answers 404/],
      ['no JSON', answering('<html>'), /not JSON/],
      ['another JSON', answering({ hello: 1 }), /no prices/],
      ['a private address', () => Promise.reject(new SafeFetchError('refused', 'That address is private.')), /private/],
    ])('are left alone by %s', async (_what, get, message) => {
      const prices = await keeper(get)
      await expect(prices.fetch('https://prices.example')).rejects.toMatchObject({
        code: 'price_list_unusable',
        message: expect.stringMatching(message),
      })
      expect(await context.store.prices.list()).toEqual([])
    })
  })

  describe('the cost of requests of the past', () => {
    it('is computed anew in steps, with every sum, and for accounts only', async () => {
      const { requests, requestSums } = context.store
      const of = (id: string, given = {}) =>
        requestRecord(id, { model: 'gpt-5.5', usage, costMicroUsd: 7, keyId: null, ...given })
      await requests.add([
        of('old', { atMs: startMs - 1 }),
        of('a', { atMs: startMs }),
        of('b', { atMs: startMs + 1, serviceTier: 'priority' }),
        of('unpriced', { atMs: startMs + 2, model: 'nobody-knows', costMicroUsd: 3 }),
        of('source', { atMs: startMs + 3, sourceId: 'src_1' }),
        of('failed', { atMs: startMs + 4, usage: null, costMicroUsd: null }),
        of('same', { atMs: startMs + 5, costMicroUsd: 5_000_000 }),
      ])
      await requestSums.fold({ beforeMs: startMs + day, minRows: 1 })
      const costOf = ({
        model,
        serviceTier,
        usage: tokens,
      }: {
        model: string
        serviceTier: string | null
        usage: typeof usage
      }) => costMicroUsd(builtIn, model, serviceTier, tokens)
      const reprice = async () => {
        let changed = 0
        for (let after: { atMs: number; name: string } | null = { atMs: startMs, name: '' }; after !== null; ) {
          const step = await requests.reprice({ after, untilMs: startMs + day, limit: 2, costOf })
          changed += step.changed
          after = step.last
        }
        return changed
      }
      expect(await reprice()).toBe(3)
      const costs = (await requests.page({ limit: 20, cursor: null })).items.map((one) => [one.id, one.costMicroUsd])
      expect(Object.fromEntries(costs)).toEqual({
        ...{ old: 7, a: 5_000_000, b: 12_500_000, unpriced: null, source: 7, failed: null, same: 5_000_000 },
      })
      const sums = async () => {
        const query = { sinceMs: startMs - day, untilMs: startMs + day, bucketMs: day }
        const read = await createTraffic(context.store).sums(query)
        expect(read).toEqual(await requests.sums(query))
        return read.map((row) => row.costMicroUsd)
      }
      expect(await sums()).toEqual([7, 22_500_007])
      while (await requestSums.fold({ beforeMs: startMs + day, minRows: 1 }));
      expect(await sums()).toEqual([7, 22_500_007])
      expect(await reprice()).toBe(0)
      expect(await sums()).toEqual([7, 22_500_007])
    })
  })
})
