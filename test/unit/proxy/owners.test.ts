import { describe, expect, it } from 'vitest'
import type { Affinity } from '../../../src/accounts/affinity.ts'
import type { Ask, OwnedObject } from '../../../src/domain/request.ts'
import { homeOf, ownerOf } from '../../../src/proxy/owners.ts'

/** What is known of who owns what, and where a thread is at home. */
function affinity(owners: Record<string, string>, home: ReturnType<Affinity['home']> = null): Affinity {
  const known = {
    owner: async ({ id }: OwnedObject) => owners[id] ?? null,
    ownerInMemory: ({ id }: OwnedObject) => owners[id] ?? null,
    home: () => home,
  }
  // Nothing else is asked here.
  return known as Partial<Affinity> as Affinity
}
const ask = (owned: OwnedObject[]): Ask => ({
  ...{ requestId: 'r', model: 'm', effort: null, serviceTier: null, stream: true, keyId: null, inputTokens: 1_000 },
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
    const found = await ownerOf(owned, affinity({ r: 'a', f: 'a', t: 'b' }))
    expect(found?.accountId ?? null).toBe(accountId)
  })

  it('cannot be two accounts', async () => {
    const both = ownerOf([file('f'), file('g')], affinity({ f: 'a', g: 'b' }))
    await expect(both).rejects.toMatchObject({ code: 'owner_unavailable' })
  })
})

describe('the home of a thread', () => {
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
