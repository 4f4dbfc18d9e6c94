import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../../src/domain/stored.ts'
import { otherVault } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

function stored(id: string, given: Partial<StoredObject> = {}): StoredObject {
  return {
    ...{ kind: 'response', id, keyId: null, status: 'completed', background: false, model: 'gpt-5', previousId: null },
    ...{ threadId: 'kept_1', createdAtMs: 1_000, aliveUntilMs: null, metadata: { topic: 'é\0🙂' } },
    input: [{ role: 'user', content: `A secret of ${id}\0\u2028` }],
    output: { id, status: 'completed', output: [{ type: 'message' }] },
    ...given,
  } as StoredObject
}

const name = (id: string, keyId: string | null = null, kind: StoredObject['kind'] = 'response') => ({ kind, id, keyId })
const bounds = { sinceMs: 0, maxBytes: 1_000_000 }
const running = { status: 'in_progress', aliveUntilMs: 5_000 } as const

onEveryEngine((context, engine) => {
  const responses = () => context.store.responses

  describe('a kept response', () => {
    it('comes back as it was, from another store too', async () => {
      const one = stored('resp_1', { background: true, previousId: 'resp_0', model: null })
      expect(await responses().add(one)).toBe(true)
      expect(await responses().add(stored('resp_1', { keyId: 'another' }))).toBe(false)
      expect(await responses().get(name('resp_1'))).toEqual(one)
      const other = await context.database.open()
      expect(await other.responses.get(name('resp_1'))).toEqual(one)
    })

    it('exists for its own key and kind only', async () => {
      await responses().add(stored('resp_1', { keyId: 'key_1' }))
      await responses().add(stored('chat_1', { kind: 'chat' }))
      for (const asked of [
        ...[name('resp_1'), name('resp_1', 'key_2'), name('resp_1', 'key_1', 'chat'), name('chat_1')],
        ...[name('resp_\0'), name('')],
      ]) {
        expect(await responses().get(asked)).toBeNull()
        expect(await responses().remove(asked)).toBe(false)
        expect(await responses().setMetadata(asked, {})).toBe(false)
      }
      expect(await responses().get(name('resp_1', 'key_1'))).not.toBeNull()
      expect(await responses().get(name('chat_1', null, 'chat'))).not.toBeNull()
    })

    it('is gone with everything when it is removed', async () => {
      await responses().add(stored('resp_1', running))
      await responses().addEvents('resp_1', [{ sequence: 0, text: 'a' }], 1_000)
      expect(await responses().remove(name('resp_1'))).toBe(true)
      expect(await responses().get(name('resp_1'))).toBeNull()
      expect(await responses().events('resp_1', -1, 10)).toEqual([])
      expect(await responses().addEvents('resp_1', [{ sequence: 1, text: 'b' }], 1_000)).toBe(false)
      expect(await responses().change('resp_1', { status: 'completed' })).toBe(false)
    })

    it('changes until it is over, and not after', async () => {
      await responses().add(stored('resp_1', { ...running, output: { id: 'resp_1' } }))
      expect(await responses().change('resp_1', { aliveUntilMs: 6_000 })).toBe(true)
      const output = { id: 'resp_1', status: 'cancelled', more: 'x'.repeat(1_000) }
      expect(await responses().change('resp_1', { status: 'cancelled', output, aliveUntilMs: null })).toBe(true)
      expect(await responses().change('resp_1', { status: 'completed', output: {} })).toBe(false)
      expect(await responses().get(name('resp_1'))).toMatchObject({ status: 'cancelled', output, aliveUntilMs: null })
    })

    it('gets other metadata', async () => {
      await responses().add(stored('chat_1', { kind: 'chat', keyId: 'key_1' }))
      expect(await responses().setMetadata(name('chat_1', 'key_1', 'chat'), { a: 'b' })).toBe(true)
      expect(await responses().get(name('chat_1', 'key_1', 'chat'))).toMatchObject({ metadata: { a: 'b' } })
    })

    it('cannot be read with another key of the installation', async () => {
      await responses().add(stored('resp_1'))
      await expect(context.database.open(otherVault)).rejects.toThrow()
    })

    it(
      'is changed once, whoever ends it at the same time',
      async () => {
        await responses().add(stored('resp_1', running))
        const other = await context.database.open()
        const ended = await Promise.all([
          responses().change('resp_1', { status: 'completed' }),
          other.responses.change('resp_1', { status: 'cancelled' }),
        ])
        expect(ended.filter(Boolean)).toHaveLength(1)
      },
      engine.name === 'PGlite' ? 20_000 : 5_000,
    )
  })

  describe('a conversation of responses', () => {
    it('is followed back to its beginning', async () => {
      await responses().add(stored('resp_1'))
      await responses().add(stored('resp_2', { previousId: 'resp_1' }))
      await responses().add(stored('resp_3', { previousId: 'resp_2' }))
      const chain = await responses().chain(name('resp_3'), bounds)
      expect(chain).toMatchObject({ kind: 'found', isWhole: true })
      expect(chain.kind === 'found' && chain.objects.map(({ id }) => id)).toEqual(['resp_3', 'resp_2', 'resp_1'])
      await responses().remove(name('resp_1'))
      expect(await responses().chain(name('resp_3'), bounds)).toMatchObject({ kind: 'found', isWhole: false })
    })

    it('ends where another key’s begins, where it is too old, and where it is too large', async () => {
      await responses().add(stored('resp_1', { keyId: 'key_1' }))
      await responses().add(stored('resp_2', { previousId: 'resp_1', createdAtMs: 2_000 }))
      expect(await responses().chain(name('resp_2'), bounds)).toMatchObject({ kind: 'found', isWhole: false })
      expect(await responses().chain(name('resp_1'), bounds)).toEqual({ kind: 'foreign' })
      expect(await responses().chain(name('resp_0'), bounds)).toEqual({ kind: 'unknown' })
      expect(await responses().chain(name('resp_2'), { ...bounds, sinceMs: 3_000 })).toEqual({ kind: 'unknown' })
      expect(await responses().chain(name('resp_2'), { ...bounds, maxBytes: 20 })).toEqual({ kind: 'too_large' })
    })
  })

  describe('the events of a response', () => {
    const events = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, place) => ({ sequence: from + place, text: `event ${from + place}\0é` }))

    it('come back from any place, in order, some rows at a time', async () => {
      await responses().add(stored('resp_1', running))
      expect(await responses().lastSequence('resp_1')).toBe(-1)
      for (const [from, to] of [
        [0, 3],
        [3, 4],
        [4, 9],
      ] as const)
        expect(await responses().addEvents('resp_1', events(from, to), 1_000)).toBe(true)
      expect(await responses().events('resp_1', -1, 10)).toEqual(events(0, 9))
      expect(await responses().events('resp_1', 5, 10)).toEqual(events(6, 9))
      expect(await responses().events('resp_1', 1, 1)).toEqual(events(2, 3))
      expect(await responses().events('resp_1', 8, 10)).toEqual([])
      expect(await responses().lastSequence('resp_1')).toBe(8)
      // Written, but the maker did not hear of it: the same once more, with what came in between.
      expect(await responses().addEvents('resp_1', events(4, 11), 1_000)).toBe(true)
      expect(await responses().events('resp_1', -1, 10)).toEqual(events(0, 11))
      await responses().removeEvents('resp_1')
      expect(await responses().events('resp_1', -1, 10)).toEqual([])
    })

    it('are not added to what is over', async () => {
      await responses().add(stored('resp_1'))
      expect(await responses().addEvents('resp_1', events(0, 1), 1_000)).toBe(false)
    })
  })

  describe('signs of life', () => {
    it('hold what is being made, and tell what was left behind', async () => {
      await responses().add(stored('resp_1', running))
      await responses().add(stored('resp_2', { ...running, status: 'queued' }))
      await responses().add(stored('resp_3'))
      expect(await responses().lost(5_000, 10)).toEqual([])
      expect(await responses().renew(['resp_1', 'resp_3', 'resp_9'], 9_000.5)).toEqual(['resp_1'])
      expect(await responses().renew([], 9_000)).toEqual([])
      expect((await responses().lost(6_000, 10)).map(({ id }) => id)).toEqual(['resp_2'])
      expect(await responses().lost(10_000, 1)).toHaveLength(1)
    })
  })

  describe('a list of what is kept', () => {
    it('is paged in either order, and narrowed', async () => {
      for (let place = 0; place < 7; place++)
        await responses().add(
          stored(`chat_${place}`, {
            ...{ kind: 'chat', createdAtMs: 1_000 + Math.floor(place / 2), model: place % 2 ? 'odd' : 'even' },
            metadata: { third: String(place % 3), all: 'yes' },
          }),
        )
      await responses().add(stored('resp_1'))
      await responses().add(stored('chat_other', { kind: 'chat', keyId: 'key_1' }))
      const query = { kind: 'chat', keyId: null, sinceMs: 0, after: null, order: 'asc', limit: 3 } as const
      const idsOf = async (change: object) => {
        const { items, hasMore } = await responses().page({ ...query, ...change })
        return [items.map(({ id }) => id.slice(5)).join(''), hasMore]
      }
      expect(await idsOf({})).toEqual(['012', true])
      expect(await idsOf({ after: 'chat_2' })).toEqual(['345', true])
      expect(await idsOf({ after: 'chat_5' })).toEqual(['6', false])
      expect(await idsOf({ order: 'desc', after: 'chat_4', limit: 10 })).toEqual(['3210', false])
      expect(await idsOf({ model: 'odd', limit: 2 })).toEqual(['13', true])
      expect(await idsOf({ metadata: { third: '1', all: 'yes' }, limit: 2 })).toEqual(['14', false])
      expect(await idsOf({ metadata: { third: '9' } })).toEqual(['', false])
      expect(await idsOf({ sinceMs: 1_002 })).toEqual(['456', false])
      await expect(responses().page({ ...query, after: 'chat_other' })).rejects.toMatchObject({
        code: 'invalid_request',
      })
    })
  })

  describe('what is too old', () => {
    it('is deleted piece by piece', async () => {
      for (let place = 0; place < 5; place++)
        await responses().add(stored(`old_${place}`, { createdAtMs: 100 + place }))
      await responses().add(stored('resp_1', { ...running, createdAtMs: 900 }))
      await responses().addEvents('resp_1', [{ sequence: 0, text: 'a' }], 900)
      const before = { objectsMs: 500, eventsMs: 950 }
      const more: boolean[] = []
      do more.push(await responses().prune(before, 2))
      while (more.at(-1))
      expect(more).toEqual([true, true, false])
      expect(await responses().get(name('old_4'))).toBeNull()
      expect(await responses().get(name('resp_1'))).not.toBeNull()
      expect(await responses().lastSequence('resp_1')).toBe(-1)
    })
  })
})
