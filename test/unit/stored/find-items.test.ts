import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../../../src/domain/stored.ts'
import { findItems } from '../../../src/stored/find-items.ts'
import type { Recording } from '../../../src/stored/recording.ts'

function stored(id: string, itemIds: readonly string[], given: Partial<StoredObject> = {}): StoredObject {
  return {
    ...{ kind: 'response', id, keyId: 'key_1', status: 'completed', background: false, model: 'm', previousId: null },
    ...{ threadId: `thread of ${id}`, createdAtMs: 0, aliveUntilMs: null, metadata: {}, input: [] },
    output: { id, output: itemIds.map((itemId) => ({ type: 'message', id: itemId, of: id })) },
    ...given,
  } as StoredObject
}

/** `bytes`: what each kept response is said to have. */
async function find(
  ids: readonly string[],
  { active = [], kept = [], bytes = 1 }: { active?: StoredObject[]; kept?: StoredObject[]; bytes?: number },
) {
  const lookedUp: number[] = []
  const opened: string[] = []
  const found = await findItems(new Set(ids), 'key_1', {
    // Only the object of a recording is looked at.
    active: active.map((object) => ({ object: () => object }) as unknown as Recording),
    store: {
      async holders(_keyId, itemIds) {
        lookedUp.push(itemIds.length)
        return itemIds.flatMap((itemId) => {
          const holder = kept.find(({ output }) => JSON.stringify(output).includes(`"${itemId}"`))
          return holder ? [{ itemId, responseId: holder.id, bytes }] : []
        })
      },
    },
    async find({ id }) {
      opened.push(id)
      return kept.find((one) => one.id === id) ?? null
    },
    ...{ sinceMs: 0, maxBytes: 100 },
  })
  return { of: (id: string) => found.get(id)?.item.of, found, lookedUp, opened }
}

describe('items that are looked for by their ids', () => {
  it('come from what is being made here, the newest of it, before the store is asked for the rest', async () => {
    const active = [
      stored('r1', ['a', 'b']),
      stored('r2', ['b']),
      stored('r3', ['b'], { keyId: 'key_2' }),
      stored('c1', ['b'], { kind: 'chat' }),
    ]
    const { of, found, lookedUp } = await find(['a', 'b', 'c'], { active, kept: [stored('r0', ['a', 'c'])] })
    expect([of('a'), of('b'), of('c')]).toEqual(['r1', 'r2', 'r0'])
    expect(found.get('b')?.threadId).toBe('thread of r2')
    expect(lookedUp).toEqual([1])
  })

  it('are looked up a hundred at a time, and each response is opened once', async () => {
    const ids = Array.from({ length: 250 }, (_, place) => `item ${place}`)
    const kept = [stored('r1', ids.slice(0, 200)), stored('r2', ids.slice(200, 240))]
    const { found, lookedUp, opened } = await find(ids, { kept })
    expect(found.size).toBe(240)
    expect(lookedUp).toEqual([100, 100, 50])
    expect(opened).toEqual(['r1', 'r2'])
  })

  it('are refused when too much would have to be opened for them, and nothing is', async () => {
    const kept = [stored('r1', ['a', 'b']), stored('r2', ['c'])]
    expect((await find(['a', 'b'], { kept, bytes: 100 })).found.size).toBe(2)
    await expect(find(['a', 'c'], { kept, bytes: 51 })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { param: 'input' },
    })
  })
})
