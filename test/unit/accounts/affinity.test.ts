import { afterEach, describe, expect, it } from 'vitest'
import { createAffinity } from '../../../src/accounts/affinity.ts'
import type { AffinityKey, AffinityKind } from '../../../src/domain/affinity.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import type { OwnedKind, OwnedObject } from '../../../src/domain/request.ts'
import { fingerprint } from '../../../src/lib/secrets.ts'
import type { AffinityRow, OwnerRow, Store } from '../../../src/store/store.ts'
import { nowMs } from '../../support/accounts.ts'
import { affinityRow } from '../../support/affinities.ts'
import { createManualClock } from '../../support/clock.ts'
import { engines, type TestDatabase } from '../../support/stores.ts'

let database: TestDatabase | null = null
afterEach(async () => {
  await database?.dispose()
  database = null
})

/** An affinity on a real store, which notes what is written and asked, and can be broken. */
async function rig(ttlMinutes = 30) {
  const [sqlite] = engines()
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  const real = await database.open()
  const clock = createManualClock(nowMs)
  const written = { affinities: [] as AffinityRow[], owners: [] as OwnerRow[] }
  const state = { ttlMinutes, asked: 0, broken: false, errors: 0 }
  const store: Store = {
    ...real,
    affinity: {
      ...real.affinity,
      async save(rows) {
        if (state.broken) throw new Error('The disk is full.')
        await real.affinity.save(rows)
        written.affinities.push(...rows.affinities)
        written.owners.push(...rows.owners)
      },
      async owner(object, atMs) {
        state.asked++
        return real.affinity.owner(object, atMs)
      },
    },
  }
  const onError = () => void state.errors++
  const make = () => createAffinity({ store, clock, ttlMs: () => state.ttlMinutes * minuteMs, onError })
  const affinity = make()
  return { affinity, make, clock, store, written, state, home: (...keys: AffinityKey[]) => affinity.home(keys) }
}

const key = (kind: AffinityKind, id: string): AffinityKey => ({ kind, id })
const thread = key('thread', 'T')
const session = key('session', 'S')
const digest = (text: string) => fingerprint(text).slice(0, 32)
const response: OwnedObject = { kind: 'response', id: 'resp_1' }
const turnState: OwnedObject = { kind: 'turn_state', id: 'x'.repeat(3_000) }

describe('a thread', () => {
  it('stays with the account that served it, by its strongest key', async () => {
    const { affinity, home } = await rig()
    affinity.bind([key('thread', 'T1'), session], 'a')
    affinity.bind([key('thread', 'T2'), session], 'b')
    expect(home(key('thread', 'T1'), session)?.accountId).toBe('a')
    expect(home(key('thread', 'T2'), session)?.accountId).toBe('b')
    expect(home(key('thread', 'T3'), session)?.accountId).toBe('b')
    expect(home(key('thread', 'T3'))).toBeNull()
    expect(home()).toBeNull()
  })

  it('is not taken for a session or a prompt cache key of the same name', async () => {
    const { affinity, home } = await rig()
    affinity.bind([key('thread', 'x')], 'a')
    affinity.bind([key('cache', 'x')], 'b')
    expect(home(key('session', 'x'))).toBeNull()
    expect(home(key('cache', 'x'))?.accountId).toBe('b')
  })

  it('is kept alive by each turn, and forgotten half an hour after the last one', async () => {
    const { affinity, clock, home } = await rig()
    for (let turn = 0; turn < 5; turn++) {
      affinity.bind([thread], 'a')
      clock.advance(29 * minuteMs)
      expect(home(thread)?.accountId).toBe('a')
    }
    clock.advance(minuteMs)
    expect(home(thread)).toBeNull()
  })

  it('lives on from the end of an answer that took longer than it would have lived', async () => {
    const { affinity, clock, home } = await rig()
    affinity.bind([thread], 'a')
    clock.advance(40 * minuteMs)
    affinity.warmed([thread], 'a', 90_000)
    expect(home(thread)).toMatchObject({ accountId: 'a', warmTokens: 90_000 })
    clock.advance(29 * minuteMs)
    expect(home(thread)?.accountId).toBe('a')
  })

  it('goes to nobody in particular while that is switched off, at once', async () => {
    const { affinity, state, written, home } = await rig()
    affinity.bind([thread], 'a')
    state.ttlMinutes = 0
    expect(home(thread)).toBeNull()
    affinity.bind([thread], 'b')
    affinity.warmed([thread], 'a', 1)
    await affinity.flush()
    expect(written.affinities).toMatchObject([{ accountId: 'a', warmTokens: 0 }])
    state.ttlMinutes = 30
    affinity.bind([thread], 'b')
    expect(home(thread)?.accountId).toBe('b')
  })

  it('lives no longer than is set now', async () => {
    const { affinity, clock, state, home } = await rig(60)
    affinity.bind([thread], 'a')
    clock.advance(20 * minuteMs)
    state.ttlMinutes = 15
    expect(home(thread)).toBeNull()
  })
})

describe('the warm tokens of a thread', () => {
  it('are what the last answer left, as long as the thread stays', async () => {
    const { affinity, home } = await rig()
    affinity.bind([thread], 'a')
    expect(home(thread)).toMatchObject({ accountId: 'a', warmTokens: 0 })
    affinity.warmed([thread], 'a', 40_000.4)
    affinity.bind([thread], 'a')
    expect(home(thread)).toMatchObject({ accountId: 'a', warmTokens: 40_000 })
    affinity.warmed([thread], 'a', 12_000)
    expect(home(thread)?.warmTokens).toBe(12_000)
  })

  it('begin at nothing after a move, whatever an answer of the account before still reports', async () => {
    const { affinity, home } = await rig()
    affinity.bind([thread], 'a')
    affinity.warmed([thread], 'a', 40_000)
    affinity.bind([thread], 'b')
    expect(home(thread)).toMatchObject({ accountId: 'b', warmTokens: 0 })
    affinity.warmed([thread], 'a', 50_000)
    expect(home(thread)).toMatchObject({ accountId: 'b', warmTokens: 0 })
    affinity.warmed([key('thread', 'unheard of')], 'a', 50_000)
    expect(home(key('thread', 'unheard of'))).toBeNull()
  })

  it('are gone ten minutes after the last use, while the thread stays', async () => {
    const { affinity, clock, home } = await rig()
    affinity.bind([thread], 'a')
    affinity.warmed([thread], 'a', 40_000)
    clock.advance(10 * minuteMs - 1)
    expect(home(thread)).toMatchObject({ accountId: 'a', warmTokens: 40_000 })
    clock.advance(1)
    expect(home(thread)).toMatchObject({ accountId: 'a', warmTokens: 0 })
  })

  it('are no more than a shared beginning for a new thread of the same session', async () => {
    const { affinity, home } = await rig()
    affinity.bind([thread, session], 'a')
    affinity.warmed([thread, session], 'a', 5_000)
    expect(home(key('thread', 'new'), session)).toMatchObject({ accountId: 'a', warmTokens: 5_000 })
    affinity.warmed([thread, session], 'a', 120_000)
    expect(home(key('thread', 'new'), session)).toMatchObject({ accountId: 'a', warmTokens: 8_000 })
    expect(home(thread, session)).toMatchObject({ accountId: 'a', warmTokens: 120_000 })
    expect(home(session)).toMatchObject({ accountId: 'a', warmTokens: 120_000 })
  })
})

describe('what is written', () => {
  it('is a new home at once, and later uses once a minute', async () => {
    const { affinity, clock, written } = await rig()
    affinity.bind([thread], 'a')
    await affinity.flush()
    expect(written.affinities).toHaveLength(1)
    for (let turn = 0; turn < 10; turn++) {
      affinity.bind([thread], 'a')
      affinity.warmed([thread], 'a', 1_000 * (turn + 1))
      clock.advance(5_000)
    }
    expect(written.affinities).toHaveLength(1)
    clock.advance(11_000)
    await settled(() => written.affinities.length === 2)
    expect(written.affinities[1]).toMatchObject({
      ...{ warmTokens: 10_000, usedAtMs: nowMs + 45_000, expiresAtMs: nowMs + 45_000 + 30 * minuteMs },
    })
    clock.advance(hourMs)
    await affinity.flush()
    expect(written.affinities).toHaveLength(2)
  })

  it('is what is true at the time of writing, once for all changes that wait', async () => {
    const { affinity, written } = await rig()
    for (let turn = 0; turn < 40; turn++) affinity.bind([thread], turn % 2 ? 'a' : 'b')
    await affinity.flush()
    expect(written.affinities).toMatchObject([{ accountId: 'a' }])
  })

  it('is not lost while the store is out of order', async () => {
    const { affinity, clock, store, state } = await rig()
    state.broken = true
    for (let minute = 0; minute < 20; minute++) {
      for (let i = 0; i < 30; i++) affinity.bind([key('thread', `T${i}`)], 'a')
      clock.advance(minuteMs)
    }
    await settled(() => state.errors > 0)
    await expect(affinity.flush()).rejects.toThrow('The disk is full.')
    state.broken = false
    await affinity.flush()
    const { affinities } = await store.affinity.load(clock.now())
    expect(affinities).toHaveLength(30)
    expect(new Set(affinities.map(({ usedAtMs }) => usedAtMs))).toEqual(new Set([nowMs + 19 * minuteMs]))
  })

  it('says nothing of what clients call their threads, and is found by the names of earlier releases', async () => {
    const { affinity, written } = await rig()
    affinity.bind([key('thread', 'secret'), key('session', 'secret'), key('cache', 'secret')], 'a')
    affinity.own({ kind: 'file', id: 'secret' }, 'a')
    await affinity.flush()
    const stored = written.affinities.map((row) => [row.kind, row.key]).toSorted()
    expect(stored).toEqual([
      ['cache', digest('cache:secret')],
      ['session', digest('session:secret')],
      ['thread', digest('thread:secret')],
    ])
    expect(written.owners.map(({ id }) => id)).toEqual([digest('secret')])
    expect(affinity.digestOf([thread, session])).toBe(digest('thread:T'))
    expect(affinity.digestOf([])).toBeNull()
  })
})

describe('an object', () => {
  it.each<[OwnedKind, number]>([
    ['response', dayMs],
    ['file', dayMs],
    ['conversation', dayMs],
    ['turn_state', 2 * hourMs],
  ])('of kind %s belongs to its account for %d ms, and has a name of its own', async (kind, lifeMs) => {
    const { affinity, clock } = await rig()
    const others = (['response', 'file', 'conversation', 'turn_state'] as const).filter((one) => one !== kind)
    affinity.own({ kind, id: 'x' }, 'a')
    clock.advance(lifeMs - 1)
    expect(affinity.ownerInMemory({ kind, id: 'x' })).toBe('a')
    for (const other of others) expect(await affinity.owner({ kind: other, id: 'x' })).toBeNull()
    clock.advance(1)
    expect(affinity.ownerInMemory({ kind, id: 'x' })).toBeNull()
    expect(await affinity.owner({ kind, id: 'x' })).toBeNull()
  })

  it('that is seen again lives on, also when it had been forgotten', async () => {
    const { affinity, clock } = await rig()
    affinity.own(turnState, 'a')
    clock.advance(hourMs)
    affinity.own(turnState, 'a')
    clock.advance(hourMs)
    expect(affinity.ownerInMemory(turnState)).toBe('a')
    clock.advance(2 * hourMs)
    expect(affinity.ownerInMemory(turnState)).toBeNull()
    affinity.own(turnState, 'a')
    expect(affinity.ownerInMemory(turnState)).toBe('a')
  })

  it('is not written again with every answer', async () => {
    const { affinity, written } = await rig()
    for (let answer = 0; answer < 10; answer++) affinity.own(turnState, 'a')
    await affinity.flush()
    for (let answer = 0; answer < 10; answer++) affinity.own(turnState, 'a')
    await affinity.flush()
    expect(new Set(written.owners.map(({ accountId }) => accountId))).toEqual(new Set(['a']))
    expect(written.owners).toHaveLength(1)
  })

  it('is looked up in the store only when memory does not know it', async () => {
    const { affinity, make, state } = await rig()
    affinity.own(response, 'a')
    await affinity.flush()
    expect(await affinity.owner(response)).toBe('a')
    expect(state.asked).toBe(0)
    expect(await make().owner(response)).toBe('a')
    expect(state.asked).toBe(1)
  })

  it('that turned out to be gone is nobody’s at once and after a restart, until somebody has it again', async () => {
    const { affinity, make } = await rig()
    affinity.own(response, 'a')
    await affinity.flush()
    affinity.disown(response)
    expect(affinity.ownerInMemory(response)).toBeNull()
    expect(await affinity.owner(response)).toBeNull()
    await affinity.flush()
    const again = make()
    await again.load()
    expect(await again.owner(response)).toBeNull()
    affinity.own(response, 'b')
    expect(await affinity.owner(response)).toBe('b')
    await affinity.flush()
    expect(await make().owner(response)).toBe('b')
  })

  it('that only the store knows can be disowned too', async () => {
    const { affinity, make } = await rig()
    affinity.own(response, 'a')
    await affinity.flush()
    const other = make()
    other.disown(response)
    await other.flush()
    expect(await make().owner(response)).toBeNull()
  })
})

describe('what is remembered', () => {
  it('survives a restart, with what is warm', async () => {
    const { affinity, make, clock } = await rig()
    affinity.bind([thread], 'a')
    affinity.warmed([thread], 'a', 33_000)
    affinity.own(turnState, 'b')
    await affinity.flush()
    clock.advance(minuteMs)
    const again = make()
    await again.load()
    expect(again.home([thread])).toMatchObject({ accountId: 'a', warmTokens: 33_000 })
    expect(again.ownerInMemory(turnState)).toBe('b')
  })

  it('is taken over from a release that did not note the last use', async () => {
    const { make, store, clock } = await rig()
    const row = affinityRow(digest('thread:T'), { usedAtMs: 0, warmTokens: 0, expiresAtMs: nowMs + 20 * minuteMs })
    await store.affinity.save({ affinities: [row], owners: [] })
    const again = make()
    await again.load()
    clock.advance(20 * minuteMs - 1)
    expect(again.home([thread])).toMatchObject({ accountId: 'acc_1', warmTokens: 0 })
    clock.advance(1)
    expect(again.home([thread])).toBeNull()
  })

  it('of one account can be forgotten, and does not come back from what waits', async () => {
    const { affinity, store, home } = await rig()
    for (let i = 0; i < 100; i++) {
      affinity.bind([key('thread', String(i))], i % 2 ? 'a' : 'b')
      affinity.own({ kind: 'response', id: String(i) }, i % 2 ? 'a' : 'b')
    }
    affinity.forget('a')
    for (let i = 0; i < 100; i++) {
      const expected = i % 2 ? null : 'b'
      expect(home(key('thread', String(i)))?.accountId ?? null).toBe(expected)
      expect(affinity.ownerInMemory({ kind: 'response', id: String(i) })).toBe(expected)
    }
    await affinity.flush()
    const { affinities, owners } = await store.affinity.load(nowMs)
    expect(new Set([...affinities, ...owners].map(({ accountId }) => accountId))).toEqual(new Set(['b']))
  })

  it('is the newest of more keys than memory has room for', async () => {
    const { affinity, home } = await rig()
    for (let i = 0; i < 50_010; i++) affinity.bind([key('thread', String(i))], 'a')
    expect(home(key('thread', '9'))).toBeNull()
    expect(home(key('thread', '10'))?.accountId).toBe('a')
  })
})

describe('a person', () => {
  const three = ['T1', 'T2', 'T3'].map((id) => key('thread', id))

  async function filled() {
    const given = await rig()
    for (const one of three) given.affinity.bind([one], 'a')
    given.affinity.bind([session], 'a')
    given.affinity.bind([key('thread', 'T4')], 'b')
    for (const one of [...three, session]) given.affinity.warmed([one], 'a', 9_000)
    return given
  }

  it('moves threads by their digests: cold, stored, and for all turns that come', async () => {
    const { affinity, make, home } = await filled()
    const keys = [digest('thread:T1'), digest('thread:T2'), digest('thread:T4'), digest('thread:unknown')]
    expect(await affinity.move({ keys }, 'b')).toBe(2)
    expect(home(key('thread', 'T1'))).toMatchObject({ accountId: 'b', warmTokens: 0 })
    expect(home(key('thread', 'T3'))).toMatchObject({ accountId: 'a', warmTokens: 9_000 })
    // A turn that was under way on the account before ends.
    affinity.warmed([key('thread', 'T1')], 'a', 10_000)
    const again = make()
    await again.load()
    expect(again.home([key('thread', 'T1')])).toMatchObject({ accountId: 'b', warmTokens: 0 })
    expect(again.home([key('thread', 'T3')])).toMatchObject({ accountId: 'a', warmTokens: 9_000 })
    expect(await affinity.move({ keys }, 'b')).toBe(0)
  })

  it('is minded after a restart too, until an answer has begun where the thread was put', async () => {
    const { affinity, make, home } = await filled()
    expect(home(key('thread', 'T1'))).toMatchObject({ byHand: false })
    await affinity.move({ keys: [digest('thread:T1')] }, 'b')
    const again = make()
    await again.load()
    for (const one of [affinity, again])
      expect(one.home([key('thread', 'T1')])).toEqual({ accountId: 'b', warmTokens: 0, byHand: true })
    again.bind([key('thread', 'T1')], 'b')
    expect(again.home([key('thread', 'T1')])).toEqual({ accountId: 'b', warmTokens: 0, byHand: false })
    affinity.bind([key('thread', 'T1')], 'c')
    expect(home(key('thread', 'T1'))).toEqual({ accountId: 'c', warmTokens: 0, byHand: false })
  })

  it('moves all that one account has, and prolongs nothing by it', async () => {
    const { affinity, clock, home } = await filled()
    clock.advance(20 * minuteMs)
    expect(await affinity.move({ fromAccountId: 'a' }, 'c')).toBe(4)
    expect([...three, session].map((one) => home(one)?.accountId)).toEqual(['c', 'c', 'c', 'c'])
    expect(home(key('thread', 'T4'))?.accountId).toBe('b')
    clock.advance(10 * minuteMs)
    expect(home(key('thread', 'T1'))).toBeNull()
    expect(await affinity.move({ fromAccountId: 'c' }, 'a')).toBe(0)
  })

  it('is not told that threads were moved when that could not be stored', async () => {
    const { affinity, state } = await filled()
    await affinity.flush()
    state.broken = true
    await expect(affinity.move({ fromAccountId: 'a' }, 'b')).rejects.toThrow('The disk is full.')
  })

  it.each([
    ['by their digests', { keys: [digest('thread:T1'), digest('thread:T2'), 'unknown'] }, 2, ['T3', 'T4']],
    ['of one account', { filter: { accountId: 'a' } }, 4, ['T4']],
    ['of one kind', { filter: { kind: 'thread' as const } }, 4, []],
    ['of one kind and account', { filter: { accountId: 'b', kind: 'thread' as const } }, 1, ['T1', 'T2', 'T3']],
    ['all', { filter: {} }, 5, []],
  ])('forgets threads %s, in memory and in the store', async (_name, which, count, left) => {
    const { affinity, make, home } = await filled()
    expect(await affinity.purge(which)).toBe(count)
    expect(await affinity.purge(which)).toBe(0)
    await affinity.flush()
    const again = make()
    await again.load()
    for (const known of [home, (one: AffinityKey) => again.home([one])])
      expect(['T1', 'T2', 'T3', 'T4'].filter((id) => known(key('thread', id)) !== null)).toEqual(left)
  })

  it('does not lose a thread that is bound anew while others are purged', async () => {
    const { affinity, make } = await filled()
    const purged = affinity.purge({ filter: {} })
    affinity.bind([thread], 'c')
    await purged
    await affinity.flush()
    const again = make()
    await again.load()
    expect(again.home([thread])?.accountId).toBe('c')
  })
})

/** Lets writes that a timer began come to their end. */
async function settled(isDone: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !isDone(); turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(isDone()).toBe(true)
}
