import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../../src/domain/stored.ts'
import { onEveryEngine } from './suite.ts'

function stored(id: string, given: Partial<StoredObject> = {}): StoredObject {
  return {
    ...{ kind: 'response', id, keyId: null, status: 'completed', background: false, model: 'gpt-5', previousId: null },
    ...{ threadId: 'kept_1', createdAtMs: 1_000, aliveUntilMs: null, metadata: {} },
    input: [{ id: `in_${id}`, role: 'user', content: 'hi' }],
    output: { id, status: 'completed', output: [{ type: 'message', id: `out_${id}` }] },
    ...given,
  } as StoredObject
}

const running = { status: 'in_progress', aliveUntilMs: 5_000 } as const

onEveryEngine((context) => {
  const responses = () => context.store.responses
  const holdersOf = async (itemIds: string[], keyId: string | null = null, sinceMs = 0) =>
    (await responses().holders(keyId, itemIds, sinceMs)).map(({ itemId, responseId }) => `${itemId} ${responseId}`)

  describe('an item of a kept response', () => {
    it('is found by its id, in the input and in the output, with the size of what holds it', async () => {
      const one = stored('r1')
      await responses().add(one)
      await responses().add(stored('r2'))
      expect(await holdersOf(['out_r2', 'nobody', 'in_r1', 'out_r1'])).toEqual(['out_r2 r2', 'in_r1 r1', 'out_r1 r1'])
      const [holder] = await responses().holders(null, ['in_r1'], 0)
      const bytes = JSON.stringify(one.input).length + JSON.stringify(one.output).length
      expect(holder).toEqual({ itemId: 'in_r1', responseId: 'r1', bytes })
      expect(await holdersOf([])).toEqual([])
    })

    it('is found for its own key only', async () => {
      await responses().add(stored('r1', { keyId: 'key_1' }))
      expect(await holdersOf(['out_r1'], 'key_1')).toEqual(['out_r1 r1'])
      for (const other of [null, 'key_2', '']) expect(await holdersOf(['out_r1'], other)).toEqual([])
    })

    it('is the latest of those with its id, and not too old', async () => {
      const input = [{ id: 'twice' }]
      await responses().add(stored('r2', { createdAtMs: 3_000, input }))
      await responses().add(stored('r1', { createdAtMs: 2_000, input }))
      expect(await holdersOf(['twice', 'out_r1'])).toEqual(['twice r2', 'out_r1 r1'])
      expect(await holdersOf(['twice', 'out_r1'], null, 2_001)).toEqual(['twice r2'])
      expect(await holdersOf(['twice'], null, 3_001)).toEqual([])
      await responses().remove({ kind: 'response', id: 'r2', keyId: null })
      expect(await holdersOf(['twice'])).toEqual(['twice r1'])
    })

    it('becomes known when the response ends', async () => {
      await responses().add(stored('r1', { ...running, keyId: 'key_1', output: { id: 'r1' } }))
      expect(await holdersOf(['in_r1', 'out_r1'], 'key_1')).toEqual(['in_r1 r1'])
      const output = { id: 'r1', status: 'completed', output: [{ id: 'out_r1' }, { id: 'in_r1' }] }
      await responses().change('r1', { status: 'completed', output, aliveUntilMs: null })
      expect(await holdersOf(['in_r1', 'out_r1'], 'key_1')).toEqual(['in_r1 r1', 'out_r1 r1'])
    })

    it('is gone with the response, and with its time', async () => {
      await responses().add(stored('r1'))
      await responses().add(stored('r2', { createdAtMs: 2_000 }))
      await responses().remove({ kind: 'response', id: 'r1', keyId: null })
      expect(await holdersOf(['in_r1', 'out_r1'])).toEqual([])
      await responses().prune({ objectsMs: 2_001, eventsMs: 0 }, 10)
      expect(await holdersOf(['out_r2'])).toEqual([])
    })

    it('has any id that a client may think of, several times in one response too', async () => {
      const odd = ['a\0b', '\u{1f600}', 'x'.repeat(5_000), '" or 1=1', '\ud800']
      const output = { id: 'r1', output: [...odd, ...odd].map((id) => ({ id })) }
      expect(await responses().add(stored('r1', { input: [null, 7, { id: '' }, { id: 4 }], output }))).toBe(true)
      expect(await holdersOf(odd)).toHaveLength(odd.length)
      expect(await holdersOf(['', 'ab', 'null'])).toEqual([])
    })

    it('is none of a chat completion', async () => {
      await responses().add(stored('c1', { kind: 'chat' }))
      expect(await holdersOf(['in_c1', 'out_c1'])).toEqual([])
    })
  })
})
