import { describe, expect, it } from 'vitest'
import type { Affinity } from '../../../src/accounts/affinity.ts'
import type { Ask, OwnedObject } from '../../../src/domain/request.ts'
import { homeOf, ownerOf } from '../../../src/proxy/owners.ts'

/** `a`, or `a of key_1` where a key has made the object. */
function placeOf(text: string | undefined) {
  if (text === undefined) return null
  const [accountId = '', keyId = null] = text.split(' of ')
  return { accountId, keyId }
}

/** What is known of who owns what, and where a thread is at home. */
function affinity(owners: Record<string, string>, home: ReturnType<Affinity['home']> = null): Affinity {
  const known = {
    find: async ({ id }: OwnedObject) => placeOf(owners[id]),
    ownerInMemory: ({ id }: OwnedObject, keyId: string | null = null) => {
      const place = placeOf(owners[id])
      return place?.keyId === keyId ? place.accountId : null
    },
    home: () => home,
  }
  // Nothing else is asked here.
  return known as Partial<Affinity> as Affinity
}
const ask = (owned: OwnedObject[], keyId: string | null = null): Ask => ({
  ...{ requestId: 'r', model: 'm', effort: null, serviceTier: null, stream: true, keyId, inputTokens: 1_000 },
  ...{ affinityKeys: [], owned, sessionId: null, threadId: null },
})
const file = (id: string): OwnedObject => ({ kind: 'file', id })
const turnState: OwnedObject = { kind: 'turn_state', id: 't' }

describe('the owner of a request', () => {
  it.each<[string, OwnedObject[], string | null]>([
    ['is nobody when nothing is named', [], null],
    ['is nobody when nobody knows the object', [file('unknown')], null],
    ['is the account of what is named', [{ kind: 'response', id: 'r' }], 'a'],
    ['is the account on which several agree', [{ kind: 'response', id: 'r' }, file('f'), file('unknown')], 'a'],
    ['is not that of a turn state: elsewhere the input speaks for itself', [turnState], null],
  ])('%s', async (_rule, owned, accountId) => {
    const found = await ownerOf(ask(owned), affinity({ r: 'a', f: 'a', t: 'b' }))
    expect(found?.accountId ?? null).toBe(accountId)
  })

  it('cannot be two accounts', async () => {
    const both = ownerOf(ask([file('f'), file('g')]), affinity({ f: 'a', g: 'b' }))
    await expect(both).rejects.toMatchObject({ code: 'owner_unavailable' })
  })

  it.each<[OwnedObject['kind'], string]>([
    ['file', 'file_not_found'],
    ['conversation', 'conversation_not_found'],
    ['response', 'previous_response_not_found'],
  ])('is nobody whom another key may know of: %s', async (kind, code) => {
    const owned = [{ kind, id: 'x' }]
    for (const [owner, asking] of [
      ['a of key_1', 'key_2'],
      ['a of key_1', null],
      ['a', 'key_2'],
    ] as const) {
      await expect(ownerOf(ask(owned, asking), affinity({ x: owner }))).rejects.toMatchObject({ code })
    }
    expect((await ownerOf(ask(owned, 'key_1'), affinity({ x: 'a of key_1' })))?.accountId).toBe('a')
  })
})

describe('the home of a thread', () => {
  it('is not where another key’s turn began', () => {
    expect(homeOf(ask([turnState], 'key_2'), affinity({ t: 'b of key_1' })).turnStateOwner).toBeNull()
    expect(homeOf(ask([turnState], 'key_1'), affinity({ t: 'b of key_1' })).turnStateOwner).toBe('b')
  })

  const known = { accountId: 'a', warmTokens: 950, byHand: false }
  it.each([
    ['is where it was served', [], known, { home: known, turnStateOwner: null }],
    ['is nowhere yet', [], null, { home: null, turnStateOwner: null }],
    ['is where its turn began', [turnState], null, { home: { accountId: 'b', warmTokens: 900 }, turnStateOwner: 'b' }],
    [
      'is there rather than where it was before',
      [turnState],
      known,
      { home: { accountId: 'b', warmTokens: 900 }, turnStateOwner: 'b' },
    ],
    [
      'is as warm there as is known',
      [turnState],
      { accountId: 'b', warmTokens: 990, byHand: false },
      { home: { accountId: 'b', warmTokens: 990 }, turnStateOwner: 'b' },
    ],
  ])('%s', (_rule, owned, home, expected) => {
    expect(homeOf(ask(owned), affinity({ t: 'b' }, home))).toEqual(expected)
  })

  it('is not where an unknown turn state came from', () => {
    expect(homeOf(ask([turnState]), affinity({}, known))).toEqual({ home: known, turnStateOwner: null })
  })
})
