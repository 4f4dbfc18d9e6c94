import { describe, expect, it } from 'vitest'
import type { CatalogueRow } from '../../src/store/store.ts'
import { onEveryEngine } from './suite.ts'

function row(given: Partial<CatalogueRow> = {}): CatalogueRow {
  const models = [{ slug: 'gpt-5', priority: 1, nested: { list: [1, 'two', null] }, 'a "quoted" name': 'é\u2028🙂' }]
  return { plan: 'plus', clientVersion: '0.169.0', etag: 'W/"abc"', fetchedAtMs: 1_000, models, ...given }
}

onEveryEngine((context) => {
  describe('the model list of a plan', () => {
    it('comes back as it was, entry by entry', async () => {
      const { catalogues } = context.store
      expect(await catalogues.load()).toEqual([])
      await catalogues.save(row())
      await catalogues.save(row({ plan: 'free', etag: null, models: [] }))
      expect(await catalogues.load()).toEqual([row({ plan: 'free', etag: null, models: [] }), row()])
      const other = await context.database.open()
      expect(await other.catalogues.load()).toHaveLength(2)
    })

    it('is replaced by one that was fetched later, and not by one from before', async () => {
      const { catalogues } = context.store
      await catalogues.save(row({ fetchedAtMs: 2_000.4 }))
      await catalogues.save(row({ fetchedAtMs: 1_999, etag: 'late', models: [{ slug: 'old' }] }))
      expect(await catalogues.load()).toEqual([row({ fetchedAtMs: 2_000 })])
      const next = row({ fetchedAtMs: 2_000, etag: null, models: [{ slug: 'new' }] })
      await catalogues.save(next)
      expect(await catalogues.load()).toEqual([next])
    })

    it('makes way for the list of another client version, but for its own plan only', async () => {
      const { catalogues } = context.store
      await catalogues.save(row())
      await catalogues.save(row({ plan: 'pro' }))
      await catalogues.save(row({ clientVersion: '0.170.0', fetchedAtMs: 3_000 }))
      await catalogues.save(row({ clientVersion: '0.169.0', fetchedAtMs: 2_000, plan: 'plus' }))
      const kept = (await catalogues.load()).map(({ plan, clientVersion, fetchedAtMs }) => [
        plan,
        clientVersion,
        fetchedAtMs,
      ])
      expect(kept).toEqual([
        ['plus', '0.169.0', 2_000],
        ['plus', '0.170.0', 3_000],
        ['pro', '0.169.0', 1_000],
      ])
    })

    it('is one row, whoever saves at the same time', async () => {
      const { catalogues } = context.store
      const times = [5, 9, 1, 7, 3]
      await Promise.all(times.map((fetchedAtMs) => catalogues.save(row({ fetchedAtMs }))))
      expect((await catalogues.load()).map(({ fetchedAtMs }) => fetchedAtMs)).toEqual([9])
    })
  })
})
