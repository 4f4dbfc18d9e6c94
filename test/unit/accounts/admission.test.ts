import { describe, expect, it } from 'vitest'
import { aBlock, anAccount, anAilingAccount, nowMs } from '../../support/accounts.ts'
import { type QueueRig, queueRig, type Visit } from '../../support/queue-rig.ts'

const two = [anAccount('a'), anAccount('b')]
const places = (maxStreams: number, given = {}) => ({ maxStreams, maxTurnStarts: 99, ...given })
const owned = (ownerId: string) => ({ ownerId })
const states = (...visits: Visit[]) => visits.map(({ state }) => state).join(' ')

async function visits(rig: QueueRig, count: number, given: Parameters<QueueRig['visit']>[0] = {}): Promise<Visit[]> {
  const all = Array.from({ length: count }, () => rig.visit(given))
  await rig.settle()
  return all
}

async function released(rig: QueueRig, visit: Visit | undefined): Promise<void> {
  visit?.lease?.release()
  await rig.settle()
}

describe('a request', () => {
  it('gets a place at once while there is one, and is counted in', async () => {
    const rig = await queueRig(two, places(1))
    const [one, other] = await visits(rig, 2)
    expect(states(one as Visit, other as Visit)).toBe('admitted admitted')
    expect(one?.admitted?.waitedMs).toBe(0)
    expect(rig.pool.accounts().map(({ inFlight, starting }) => [inFlight, starting])).toEqual([
      [1, 1],
      [1, 1],
    ])
    expect(rig.pool.get('a')?.unseenTokens).toBe(1_000)
  })

  it('waits for a place, and takes the one that becomes free', async () => {
    const rig = await queueRig(two, places(1))
    const [one] = await visits(rig, 2)
    const third = rig.visit()
    await rig.settle()
    expect([third.state, rig.admission.waiting()]).toEqual(['waiting', 1])
    rig.clock.advance(4_000)
    await released(rig, one)
    expect(third).toMatchObject({
      state: 'admitted',
      waitedMs: 4_000,
      admitted: { isCrowdedOut: false, waitedMs: 4_000 },
    })
    expect(rig.admission.waiting()).toBe(0)
  })

  it('waits for the start of another’s answer, where starts are bounded', async () => {
    const rig = await queueRig([anAccount('a')], { maxStreams: 9, maxTurnStarts: 1 })
    const [one] = await visits(rig, 1)
    const next = rig.visit()
    await rig.settle()
    expect(next.state).toBe('waiting')
    one?.lease?.started()
    await rig.settle()
    expect(next.state).toBe('admitted')
  })

  it('waits until its time is over, and is told why there was nobody', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    await visits(rig, 1)
    const next = rig.visit({}, 7_000)
    rig.clock.advance(6_999)
    await rig.settle()
    expect(next.state).toBe('waiting')
    rig.clock.advance(1)
    await rig.settle()
    expect(next).toMatchObject({
      ...{ state: 'refused', waitedMs: 7_000, lease: null },
      admitted: { isCrowdedOut: false, decision: { excluded: [{ exclusion: { reason: 'busy', cap: 'streams' } }] } },
    })
    expect(rig.admission.waiting()).toBe(0)
  })

  it('does not wait for what only a person can mend, nor without time', async () => {
    const rig = await queueRig([anAilingAccount('a', { paused: true })])
    const [one] = await visits(rig, 1)
    expect(one).toMatchObject({ state: 'refused', admitted: { decision: { because: 'none_eligible' } } })
    const busy = await queueRig([anAccount('a')], places(1))
    await visits(busy, 1)
    const next = busy.visit({}, 0)
    await busy.settle()
    expect(next.state).toBe('refused')
  })

  it('leaves the queue when its client goes', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    const [one] = await visits(rig, 1)
    const next = rig.visit()
    await rig.settle()
    next.abort()
    await rig.settle()
    expect([next.state, rig.admission.waiting()]).toEqual(['aborted', 0])
    await released(rig, one)
    expect(rig.pool.get('a')).toMatchObject({ inFlight: 0, starting: 0, unseenTokens: 0 })
  })

  it('goes at once when what it waited for cannot come any more', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    await visits(rig, 1)
    const next = rig.visit()
    await rig.settle()
    rig.pool.report('a', { kind: 'paused' })
    await rig.settle()
    expect(next).toMatchObject({ state: 'refused', waitedMs: 0 })
  })
})

describe('a rest that ends by itself', () => {
  const burst = (ms: number) =>
    ({ kind: 'refused', by: 'burst', code: 'x', untilMs: nowMs + ms, window: null, meter: null }) as const

  it('is waited out, if it ends in time', async () => {
    const rig = await queueRig([anAilingAccount('a', { blocks: [aBlock('burst', { untilMs: nowMs + 2_000 })] })])
    const [one] = await visits(rig, 1)
    const late = rig.visit({}, 1_999)
    await rig.settle()
    expect(late.state).toBe('refused')
    rig.clock.advance(2_000)
    await rig.settle()
    expect(one).toMatchObject({ state: 'admitted', waitedMs: 2_000 })
  })

  it('counts at the very end of the time to wait', async () => {
    const rig = await queueRig([anAilingAccount('a', { blocks: [aBlock('burst', { untilMs: nowMs + 2_000 })] })])
    const visit = rig.visit({}, 2_000)
    rig.clock.advance(2_000)
    await rig.settle()
    expect(visit.state).toBe('admitted')
  })

  it('wakes who waits for a place on another account', async () => {
    const resting = anAilingAccount('b', { blocks: [aBlock('burst', { untilMs: nowMs + 2_000 })] })
    const rig = await queueRig([anAccount('a'), resting], places(1))
    await visits(rig, 1)
    const next = rig.visit()
    rig.clock.advance(2_000)
    await rig.settle()
    expect(next).toMatchObject({ state: 'admitted', waitedMs: 2_000, admitted: { decision: { accountId: 'b' } } })
  })

  it('wakes also who began to wait before it began', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    const [one] = await visits(rig, 1)
    const next = rig.visit()
    await rig.settle()
    rig.pool.report('a', burst(3_000))
    await released(rig, one)
    expect(next.state).toBe('waiting')
    rig.clock.advance(3_000)
    await rig.settle()
    expect(next).toMatchObject({ state: 'admitted', waitedMs: 3_000 })
  })

  it('is the end of waiting when it lasts longer than the request may wait', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    await visits(rig, 1)
    const next = rig.visit()
    await rig.settle()
    rig.pool.report('a', burst(60_000))
    await rig.settle()
    expect(next).toMatchObject({ state: 'refused', waitedMs: 0 })
  })
})

describe('a place that becomes free', () => {
  it('goes to who waits longest, of one key', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    const [one] = await visits(rig, 1)
    const [first, second] = await visits(rig, 2)
    await released(rig, one)
    expect(states(first as Visit, second as Visit)).toBe('admitted waiting')
  })

  it('goes to the key that has less in flight', async () => {
    const rig = await queueRig([anAccount('a')], places(5))
    const greedy = await visits(rig, 4, { keyId: 'greedy' })
    await visits(rig, 1, { keyId: 'modest' })
    const [early] = await visits(rig, 1, { keyId: 'greedy' })
    const [late] = await visits(rig, 1, { keyId: 'modest' })
    const [newcomer] = await visits(rig, 1, { keyId: null })
    await released(rig, greedy[0])
    expect(states(early as Visit, late as Visit, newcomer as Visit)).toBe('waiting waiting admitted')
    await released(rig, greedy[1])
    expect(states(early as Visit, late as Visit)).toBe('waiting admitted')
    await released(rig, greedy[2])
    expect(early?.state).toBe('admitted')
  })

  it('is found by who can use it, however many before it cannot', async () => {
    const rig = await queueRig(two, places(1))
    const [, onB] = [rig.visit(owned('a')), rig.visit(owned('b'))]
    await rig.settle()
    const bound = await visits(rig, 20, owned('a'))
    const free = rig.visit()
    await rig.settle()
    await released(rig, onB)
    expect([free.state, free.admitted?.decision.accountId]).toEqual(['admitted', 'b'])
    expect(new Set(bound.map(({ state }) => state))).toEqual(new Set(['waiting']))
  })

  it('is given away once, though a release is told twice', async () => {
    const rig = await queueRig([anAccount('a')], places(1))
    const [one] = await visits(rig, 1)
    const [first, second] = await visits(rig, 2)
    one?.lease?.release()
    one?.lease?.release()
    one?.lease?.started()
    await rig.settle()
    expect(states(first as Visit, second as Visit)).toBe('admitted waiting')
    expect(rig.pool.get('a')).toMatchObject({ inFlight: 1, starting: 1 })
  })
})

describe('a full queue', () => {
  it('turns away who comes', async () => {
    const rig = await queueRig([anAccount('a')], places(1, { maxWaiting: 2 }))
    const all = await visits(rig, 4)
    expect(states(...all)).toBe('admitted waiting waiting refused')
    expect(all[3]?.admitted).toMatchObject({ isCrowdedOut: true, lease: null })
  })

  it('makes room for another key: the one with most in it gives its youngest up', async () => {
    const rig = await queueRig([anAccount('a')], places(1, { maxWaiting: 3 }))
    await visits(rig, 1)
    const greedy = await visits(rig, 3, { keyId: 'greedy' })
    const [modest, again, third] = await visits(rig, 3, { keyId: 'modest' })
    expect(states(...greedy)).toBe('waiting waiting refused')
    expect(greedy[2]?.admitted).toMatchObject({ isCrowdedOut: true })
    expect(states(modest as Visit, again as Visit, third as Visit)).toBe('waiting refused refused')
    expect(rig.admission.waiting()).toBe(3)
  })

  it('of no places lets nobody wait', async () => {
    const rig = await queueRig([anAccount('a')], places(1, { maxWaiting: 0 }))
    const all = await visits(rig, 2)
    expect(states(...all)).toBe('admitted refused')
  })
})

describe('a key with a share of the pool', () => {
  /** Ten places on each of two accounts. */
  const ten = places(10)
  const ofKey = (keyId: string, sharePercent: number | null) => ({ keyId, sharePercent })

  it('may have more as long as nobody else wants any', async () => {
    const rig = await queueRig(two, ten)
    expect(states(...(await visits(rig, 20, ofKey('k', 25))))).not.toContain('waiting')
  })

  it('gets no more than its share while others have some, and is told so', async () => {
    const rig = await queueRig(two, ten)
    const [other] = await visits(rig, 1, ofKey('other', null))
    const all = await visits(rig, 7, ofKey('k', 25))
    expect(all.filter(({ state }) => state === 'admitted')).toHaveLength(5)
    const late = rig.visit(ofKey('k', 25), 0)
    await rig.settle()
    expect(late.admitted?.decision).toMatchObject({
      accountId: null,
      excluded: [
        { exclusion: { reason: 'busy', cap: 'share', inFlight: 5, limit: 5 } },
        { accountId: expect.any(String) },
      ],
    })
    await released(rig, all[0])
    expect(all.filter(({ state }) => state === 'admitted')).toHaveLength(6)
    await released(rig, other)
    expect(states(...all)).not.toContain('waiting')
  })

  it('lets others come first when places become free, until it is below its share', async () => {
    const rig = await queueRig(two, ten)
    const greedy = await visits(rig, 20, ofKey('k', 25))
    const [more, others] = [await visits(rig, 3, ofKey('k', 25)), await visits(rig, 12, ofKey('other', null))]
    for (const one of greedy.slice(0, 12)) await released(rig, one)
    expect(states(...others)).not.toContain('waiting')
    expect(states(...more)).toBe('waiting waiting waiting')
    // Eight of its own are left, and five it may have.
    for (const one of greedy.slice(12, 15)) await released(rig, one)
    expect(states(...more)).toBe('waiting waiting waiting')
    await released(rig, greedy[15])
    expect(states(...more)).toBe('admitted waiting waiting')
  })

  it('counts the accounts that can serve, and always has one place', async () => {
    const rig = await queueRig([anAccount('a'), anAilingAccount('b', { paused: true })], ten)
    await visits(rig, 1, ofKey('other', null))
    expect(states(...(await visits(rig, 3, ofKey('k', 20))))).toBe('admitted admitted waiting')
    expect(states(...(await visits(rig, 2, ofKey('small', 1))))).toBe('admitted waiting')
  })

  it('does not keep those of its own sort waiting who have no share', async () => {
    const rig = await queueRig(two, places(1))
    await visits(rig, 1, ofKey('other', null))
    const [mine, more] = await visits(rig, 2, ofKey('k', 1))
    const [free] = await visits(rig, 1, ofKey('free', null))
    expect([mine?.state, more?.state, free?.state]).toEqual(['admitted', 'waiting', 'waiting'])
    await released(rig, mine)
    expect([more?.state, free?.state].toSorted()).toEqual(['admitted', 'waiting'])
  })
})

describe('a key that may use some accounts only', () => {
  it('waits for one of them, and stands in nobody’s way', async () => {
    const rig = await queueRig(two, places(1))
    const scope = { accountIds: ['a'], tags: null }
    const [mine, next] = await visits(rig, 2, { keyId: 'k', scope })
    expect([mine?.state, next?.state]).toEqual(['admitted', 'waiting'])
    const [other] = await visits(rig, 1)
    expect(other?.state).toBe('admitted')
    await released(rig, other)
    expect(next?.state).toBe('waiting')
    await released(rig, mine)
    expect(next?.state).toBe('admitted')
    expect(next?.admitted?.decision).toMatchObject({
      accountId: 'a',
      excluded: [{ accountId: 'b', exclusion: { reason: 'not_in_scope' } }],
    })
  })
})
