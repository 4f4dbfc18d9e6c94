import { describe, expect, it } from 'vitest'
import { createAffinity } from '../../../src/accounts/affinity.ts'
import { dayMs, minuteMs } from '../../../src/domain/quota.ts'
import type { OwnedObject } from '../../../src/domain/request.ts'
import type { AffinityRow, OwnerRow, Store } from '../../../src/store/store.ts'
import { nowMs } from '../../support/accounts.ts'
import { createManualClock } from '../../support/clock.ts'

/** An affinity on a store that is two lists. */
function rig(ttlMinutes = 30) {
  const clock = createManualClock(nowMs)
  const rows = { affinities: [] as AffinityRow[], owners: [] as OwnerRow[] }
  const state = { ttlMinutes, asked: 0 }
  const affinityStore: Partial<Store['affinity']> = {
    async save({ affinities, owners }) {
      rows.affinities.push(...affinities)
      rows.owners.push(...owners)
    },
    load: async () => rows,
    async owner({ kind, id }, atMs) {
      state.asked++
      return (
        rows.owners.findLast((row) => row.kind === kind && row.id === id && row.expiresAtMs > atMs)?.accountId ?? null
      )
    },
  }
  // Only these methods are called.
  const store = { affinity: affinityStore } as Store
  const make = () => createAffinity({ store, clock, ttlMs: () => state.ttlMinutes * minuteMs, onError: () => {} })
  return { affinity: make(), make, clock, rows, state }
}

const response: OwnedObject = { kind: 'response', id: 'resp_1' }
const turnState: OwnedObject = { kind: 'turn_state', id: 'x'.repeat(3_000) }

describe('a thread', () => {
  it('stays with the account that served it, by its strongest key', () => {
    const { affinity } = rig()
    affinity.bind(['thread:T1', 'session:S'], 'a')
    affinity.bind(['thread:T2', 'session:S'], 'b')
    expect(affinity.preferred(['thread:T1', 'session:S'])).toBe('a')
    expect(affinity.preferred(['thread:T2', 'session:S'])).toBe('b')
    expect(affinity.preferred(['thread:T3', 'session:S'])).toBe('b')
    expect(affinity.preferred(['thread:T3'])).toBeNull()
    expect(affinity.preferred([])).toBeNull()
  })

  it('is kept alive by each turn, and forgotten half an hour after the last one', () => {
    const { affinity, clock } = rig()
    for (let turn = 0; turn < 5; turn++) {
      affinity.bind(['thread:T'], 'a')
      clock.advance(29 * minuteMs)
      expect(affinity.preferred(['thread:T'])).toBe('a')
    }
    clock.advance(minuteMs)
    expect(affinity.preferred(['thread:T'])).toBeNull()
  })

  it('is written again only when its end has moved', async () => {
    const { affinity, clock, rows } = rig()
    for (let turn = 0; turn < 10; turn++) {
      affinity.bind(['thread:T'], 'a')
      clock.advance(20_000)
    }
    await affinity.flush()
    expect(rows.affinities).toHaveLength(4)
    affinity.bind(['thread:T'], 'b')
    await affinity.flush()
    expect(rows.affinities.at(-1)).toMatchObject({ accountId: 'b' })
  })

  it('goes to nobody in particular when that is switched off', () => {
    const { affinity, state } = rig(0)
    affinity.bind(['thread:T'], 'a')
    expect(affinity.preferred(['thread:T'])).toBeNull()
    state.ttlMinutes = 30
    affinity.bind(['thread:T'], 'a')
    expect(affinity.preferred(['thread:T'])).toBe('a')
  })
})

describe('an object', () => {
  it('belongs to its account for a day, and each kind has names of its own', async () => {
    const { affinity, clock } = rig()
    affinity.own(response, 'a')
    affinity.own({ kind: 'file', id: 'resp_1' }, 'b')
    affinity.own(turnState, 'b')
    expect(affinity.ownerInMemory(response)).toBe('a')
    expect(await affinity.owner({ kind: 'file', id: 'resp_1' })).toBe('b')
    expect(affinity.ownerInMemory(turnState)).toBe('b')
    clock.advance(dayMs)
    expect(affinity.ownerInMemory(response)).toBeNull()
    expect(await affinity.owner(response)).toBeNull()
  })

  it('that is seen again lives on, also when it had been forgotten', () => {
    const { affinity, clock } = rig()
    affinity.own(turnState, 'a')
    clock.advance(dayMs / 2)
    affinity.own(turnState, 'a')
    clock.advance(dayMs / 2)
    expect(affinity.ownerInMemory(turnState)).toBe('a')
    clock.advance(dayMs)
    expect(affinity.ownerInMemory(turnState)).toBeNull()
    affinity.own(turnState, 'a')
    expect(affinity.ownerInMemory(turnState)).toBe('a')
  })

  it('is not written again with every answer', async () => {
    const { affinity, rows } = rig()
    for (let answer = 0; answer < 10; answer++) affinity.own(turnState, 'a')
    await affinity.flush()
    expect(rows.owners).toHaveLength(1)
  })

  it('is looked up in the store only when memory does not know it', async () => {
    const { affinity, make, state } = rig()
    affinity.own(response, 'a')
    await affinity.flush()
    expect(await affinity.owner(response)).toBe('a')
    expect(state.asked).toBe(0)
    expect(await make().owner(response)).toBe('a')
    expect(state.asked).toBe(1)
  })
})

describe('what is remembered', () => {
  it('survives a restart', async () => {
    const { affinity, make } = rig()
    affinity.bind(['thread:T'], 'a')
    affinity.own(turnState, 'b')
    await affinity.flush()
    const again = make()
    await again.load()
    expect(again.preferred(['thread:T'])).toBe('a')
    expect(again.ownerInMemory(turnState)).toBe('b')
  })

  it('says nothing of what clients call their threads', async () => {
    const { affinity, rows } = rig()
    affinity.bind(['thread:secret-name'], 'a')
    affinity.own({ kind: 'file', id: 'secret-name' }, 'a')
    await affinity.flush()
    expect(rows.affinities[0]?.key).toMatch(/^[0-9a-f]{32}$/)
    expect(rows.owners[0]?.id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('of one account can be forgotten', () => {
    const { affinity } = rig()
    for (let thread = 0; thread < 100; thread++) {
      affinity.bind([`thread:${thread}`], thread % 2 ? 'a' : 'b')
      affinity.own({ kind: 'response', id: String(thread) }, thread % 2 ? 'a' : 'b')
    }
    affinity.forget('a')
    for (let thread = 0; thread < 100; thread++) {
      const expected = thread % 2 ? null : 'b'
      expect(affinity.preferred([`thread:${thread}`])).toBe(expected)
      expect(affinity.ownerInMemory({ kind: 'response', id: String(thread) })).toBe(expected)
    }
  })
})
