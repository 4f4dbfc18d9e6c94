import { describe, expect, it } from 'vitest'
import { choose, type Decision, type RoutingAsk } from '../../../src/balancer/choose.ts'
import { exclusionOf, lacksModel } from '../../../src/balancer/eligibility.ts'
import { strategies } from '../../../src/balancer/strategies.ts'
import { type Account, healthy } from '../../../src/domain/account.ts'
import { Settings, type StrategyName } from '../../../src/domain/settings.ts'
import { aBlock, anAccount, aWindow, nowMs, seededRandom } from '../../support/accounts.ts'

const names = Object.keys(strategies) as StrategyName[]
const ask = (given: Partial<RoutingAsk> = {}): RoutingAsk => ({
  model: 'gpt-5',
  ownerId: null,
  preferredId: null,
  tried: new Set(),
  lacking: new Set(),
  seed: 'seed',
  ...given,
})
const leastUsed = { strategy: 'least_used' } as const
const resting = (id: string, untilMs: number) =>
  anAccount(id, { health: { ...healthy, failures: 3, blocked: aBlock('errors', { untilMs, endIsKnown: false }) } })
const used = (id: string, percent: number, given: Partial<Account> = {}) =>
  anAccount(id, { windows: [aWindow('short', percent)], ...given })
const paused = (id: string) => anAccount(id, { health: { ...healthy, paused: true } })

describe('the choice', () => {
  const [a, b] = [used('a', 10), used('b', 20)]
  it.each<[string, Account[], Partial<RoutingAsk>, string | null, Decision['because']]>([
    ['is the first by rank', [b, a], {}, 'a', 'ranked_first'],
    ['is the only one there is', [b], {}, 'b', 'only_one'],
    ['is the only one left', [a, b], { tried: new Set(['a']) }, 'b', 'only_one'],
    ['is nobody in an empty pool', [], {}, null, 'none_eligible'],
    ['is nobody when all have been tried', [a, b], { tried: new Set(['a', 'b']) }, null, 'none_eligible'],
    ['is the account of the thread', [a, b], { preferredId: 'b' }, 'b', 'affinity'],
    ['is another when the thread’s account is out', [a, paused('b')], { preferredId: 'b' }, 'a', 'only_one'],
    ['is another when the thread’s account is gone', [a, b], { preferredId: 'gone' }, 'a', 'ranked_first'],
    [
      'leaves the thread’s account when that is nearly used up',
      [a, used('b', 96)],
      { preferredId: 'b' },
      'a',
      'ranked_first',
    ],
    ['stays with it when nobody is safer', [used('a', 97), used('b', 96)], { preferredId: 'a' }, 'a', 'affinity'],
    ['leaves it when it is used up', [used('a', 97), used('b', 100)], { preferredId: 'b' }, 'a', 'ranked_first'],
    ['is the owner, however full', [a, used('b', 100)], { ownerId: 'b' }, 'b', 'owner'],
    ['is the owner before the thread’s account', [a, b], { ownerId: 'b', preferredId: 'a' }, 'b', 'owner'],
    ['is nobody when the owner is out', [a, paused('b')], { ownerId: 'b' }, null, 'none_eligible'],
    ['is nobody when the owner is gone', [a, b], { ownerId: 'gone' }, null, 'none_eligible'],
    ['is nobody when the owner was tried', [a, b], { ownerId: 'b', tried: new Set(['b']) }, null, 'none_eligible'],
    [
      'is the one that rests shortest when all rest',
      [resting('a', nowMs + 9), resting('b', nowMs + 5)],
      {},
      'b',
      'last_resort',
    ],
    ['is no resting one while another is fit', [resting('a', nowMs + 9), used('b', 100)], {}, 'b', 'only_one'],
    [
      'is the resting owner, and not another that rests shorter',
      [resting('a', nowMs + 9), resting('b', nowMs + 5)],
      { ownerId: 'a' },
      'a',
      'last_resort',
    ],
    [
      'is not a resting account when the owner is out',
      [resting('a', nowMs + 9), paused('b')],
      { ownerId: 'b' },
      null,
      'none_eligible',
    ],
    [
      'is no resting account that was tried',
      [resting('a', nowMs + 9)],
      { tried: new Set(['a']) },
      null,
      'none_eligible',
    ],
  ])('%s', (_rule, pool, given, accountId, because) => {
    expect(choose(pool, ask(given), leastUsed, nowMs)).toMatchObject({ accountId, because })
  })

  it('is no resting account that lacks the model', () => {
    const rests = { ...resting('a', nowMs + 9), models: new Set(['gpt-4']) }
    const blocked = anAccount('b', { models: new Set(['gpt-5']), health: { ...healthy, blocked: aBlock('window') } })
    expect(choose([rests, blocked], ask(), leastUsed, nowMs).accountId).toBeNull()
  })

  it('is no account that said itself that it lacks the model', () => {
    expect(choose([a, b], ask({ lacking: new Set(['a']) }), leastUsed, nowMs)).toMatchObject({
      accountId: 'b',
      excluded: [{ accountId: 'a', exclusion: { reason: 'model_unavailable', model: 'gpt-5' } }],
    })
  })

  it('says of everybody why it was or was not taken', () => {
    const pool = [
      used('a', 10),
      paused('b'),
      anAccount('c', { models: new Set(['gpt-4']) }),
      used('d', 99, { inFlight: 2 }),
    ]
    const withModel = { ...used('e', 30), models: new Set(['gpt-5']) }
    expect(choose([...pool, withModel], ask({ tried: new Set(['e']) }), leastUsed, nowMs)).toEqual({
      accountId: 'a',
      because: 'ranked_first',
      strategy: 'least_used',
      ranked: [
        { accountId: 'a', rank: -10, edge: 0, inFlight: 0 },
        { accountId: 'd', rank: -100, edge: 2, inFlight: 2 },
      ],
      excluded: [
        { accountId: 'b', exclusion: { reason: 'paused' } },
        { accountId: 'c', exclusion: { reason: 'model_unavailable', model: 'gpt-5' } },
        { accountId: 'e', exclusion: { reason: 'already_tried' } },
      ],
    })
  })
})

function randomPool(seed: number): { pool: Account[]; given: RoutingAsk } {
  const random = seededRandom(seed)
  const percent = () => random.pick([0, 10, 50, 94, 95, 99, 100])
  const ids = ['a', 'b', 'c', 'd', 'e'].slice(0, random.below(6))
  const pool = ids.map((id) => {
    const blocked = random.below(2)
      ? null
      : aBlock(random.pick(['burst', 'window', 'plan', 'errors']), { untilMs: nowMs + random.below(4) - 1 })
    const signIn = random.pick(['ok', 'ok', 'ok', 'ok', 'reauth_required', 'deactivated'] as const)
    return anAccount(id, {
      plan: random.pick(['plus', 'pro', 'free', 'new']),
      health: { ...healthy, blocked, signIn, paused: random.below(6) === 0 },
      windows: [aWindow('short', percent()), aWindow('weekly', percent())].slice(0, random.below(3)),
      models: random.pick([null, new Set(['gpt-5']), new Set(['gpt-4'])]),
      inFlight: random.below(3),
      lastChosenAtMs: random.below(3),
    })
  })
  const id = () => random.pick([null, null, 'a', 'b', 'c', 'gone'])
  const tried = new Set(ids.filter(() => random.below(5) === 0))
  const lacking = new Set(ids.filter(() => random.below(9) === 0))
  return { pool, given: { model: 'gpt-5', ownerId: id(), preferredId: id(), tried, lacking, seed: `seed ${seed}` } }
}

describe.each(names)('whatever the pool, %s', (strategy) => {
  it('keeps the rules of the choice', () => {
    for (let seed = 0; seed < 3_000; seed++) {
      const { pool, given } = randomPool(seed)
      const decision = choose(pool, given, { strategy }, nowMs)
      const { accountId, because, ranked, excluded } = decision
      const rule = `seed ${seed}`
      expect(choose(structuredClone(pool), { ...given }, { strategy }, nowMs), rule).toEqual(decision)
      const listed = [...ranked, ...excluded].map((one) => one.accountId)
      expect(listed.toSorted(), `${rule} lists everybody once`).toEqual(pool.map(({ id }) => id).toSorted())
      const fits = ({ id }: Account) => (given.ownerId ?? id) === id && !given.tried.has(id) && !given.lacking.has(id)
      const mayServe = pool.filter(
        (one) => fits(one) && !exclusionOf(one, nowMs) && !lacksModel(one, given.model, pool),
      )
      expect(ranked.map((one) => one.accountId).toSorted(), `${rule} ranks the eligible`).toEqual(
        mayServe.map(({ id }) => id).toSorted(),
      )
      expect((accountId === null) === (because === 'none_eligible'), rule).toBe(true)
      expect((because === 'last_resort') === (accountId !== null && ranked.length === 0), rule).toBe(true)
      const chosen = pool.find(({ id }) => id === accountId)
      if (accountId !== null) expect(chosen && fits(chosen), `${rule} asks the owner only, and nobody twice`).toBe(true)
      if (because === 'last_resort') expect(chosen?.health.blocked?.by, rule).toBe('errors')
      const preferred = ranked.find((one) => one.accountId === given.preferredId)
      const safest = Math.min(...ranked.map(({ edge }) => edge))
      if (preferred && given.ownerId === null) {
        expect(because === 'affinity', `${rule} keeps the thread unless another is safer`).toBe(
          preferred.edge === safest,
        )
      }
      if (because === 'ranked_first') expect(accountId, rule).toBe(ranked[0]?.accountId)
      if (ranked.length > 0) expect(ranked[0]?.edge, `${rule} puts the safest first`).toBe(safest)
    }
  })
})

it('every strategy of the settings has a way to rank, and there is a default', () => {
  expect(names.toSorted()).toEqual([...Settings.shape.strategy.unwrap().options].toSorted())
  expect(names).toContain(Settings.parse({}).strategy)
})
