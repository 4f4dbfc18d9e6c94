import { describe, expect, it } from 'vitest'
import { defaultSettings } from '../../src/domain/settings.ts'
import { onEveryEngine } from './suite.ts'

const by = { kind: 'session', name: 'abc' } as const

onEveryEngine((context) => {
  describe('settings', () => {
    it('are the defaults until somebody changes them', async () => {
      const { settings } = context.store
      expect(await settings.load()).toMatchObject({ values: defaultSettings, revision: 0 })
      await settings.change({ affinityMinutes: 5 }, { by, atMs: 1 })
      await settings.change({ affinityMinutes: 7, strategy: 'fill_first' }, { by, atMs: 2 })
      const { values } = await settings.load()
      expect(values).toEqual({ ...defaultSettings, affinityMinutes: 7, strategy: 'fill_first' })
    })

    it('are never stored when they are not valid', async () => {
      const { settings } = context.store
      await expect(settings.change({ affinityMinutes: -1 }, { by, atMs: 1 })).rejects.toThrow()
      expect(await settings.load()).toMatchObject({ values: defaultSettings, revision: 0 })
    })

    it('count the changes of each group, and say who made the last one', async () => {
      const { settings } = context.store
      await settings.change({ affinityMinutes: 5 }, { by, atMs: 10 })
      await settings.change({ affinityMinutes: 6, maxStreams: 3 }, { by: { kind: 'local', name: null }, atMs: 20 })
      const state = await settings.load()
      expect(state.groups.routing).toEqual({ version: 2, updatedAtMs: 20, updatedBy: { kind: 'local', name: null } })
      expect(state.groups.limits).toEqual({ version: 1, updatedAtMs: 20, updatedBy: { kind: 'local', name: null } })
      expect(state.groups.clients).toEqual({ version: 0, updatedAtMs: null, updatedBy: null })
      expect(state.revision).toBe(2)
      expect(await settings.revision()).toBe(2)
    })

    it('keep their version when a change changes nothing', async () => {
      const { settings } = context.store
      await settings.change({ onlyTags: ['work'] }, { by, atMs: 10 })
      const again = await settings.change(
        { onlyTags: ['work'], maxStreams: defaultSettings.maxStreams },
        { by, atMs: 20 },
      )
      expect(again).toMatchObject({ kind: 'changed', state: { revision: 1, groups: { routing: { version: 1 } } } })
      expect((await settings.load()).groups.routing).toEqual({ version: 1, updatedAtMs: 10, updatedBy: by })
    })

    it('are not changed by whoever has seen an older version', async () => {
      const { settings } = context.store
      await settings.change({ affinityMinutes: 5 }, { by, atMs: 10 })
      const stale = await settings.change(
        { affinityMinutes: 6 },
        { by, atMs: 20, expected: { group: 'routing', version: 0 } },
      )
      expect(stale).toMatchObject({ kind: 'stale', state: { values: { affinityMinutes: 5 } } })
      expect((await settings.load()).values.affinityMinutes).toBe(5)
      // Another group does not make it stale.
      await settings.change({ maxStreams: 3 }, { by, atMs: 30 })
      const expected = { group: 'routing', version: 1 } as const
      expect(await settings.change({ affinityMinutes: 6 }, { by, atMs: 40, expected })).toMatchObject({
        kind: 'changed',
        before: { affinityMinutes: 5, maxStreams: 3 },
        state: { values: { affinityMinutes: 6, maxStreams: 3 } },
      })
    })

    it('lose nothing when they are changed at the same time, and only one of those that expect the same comes through', async () => {
      const { settings } = context.store
      const expected = { group: 'limits', version: 0 } as const
      const ended = await Promise.all([
        settings.change({ affinityMinutes: 5 }, { by, atMs: 1 }),
        settings.change({ relativeTopK: 3 }, { by, atMs: 1 }),
        settings.change({ maxStreams: 2 }, { by, atMs: 1, expected }),
        settings.change({ maxTurnStarts: 2 }, { by, atMs: 1, expected }),
      ])
      expect(ended.map(({ kind }) => kind).toSorted()).toEqual(['changed', 'changed', 'changed', 'stale'])
      const { values, groups } = await settings.load()
      expect(values).toMatchObject({ affinityMinutes: 5, relativeTopK: 3 })
      expect(groups).toMatchObject({ routing: { version: 2 }, limits: { version: 1 } })
    })
  })
})
