import { describe, expect, it } from 'vitest'
import { choose, type Decision, type RoutingAsk } from '../../../src/balancer/choose.ts'
import { strategies } from '../../../src/balancer/strategies.ts'
import type { Account } from '../../../src/domain/account.ts'
import { Settings } from '../../../src/domain/settings.ts'
import {
  aBlock,
  aMeter,
  anAccount,
  anAilingAccount,
  anAsk,
  aWindow,
  nowMs,
  withSettings,
} from '../../support/accounts.ts'

const usageWeighted = withSettings({ strategy: 'usage_weighted' })
const rest = (untilMs: number) => ({ failures: 3, blocks: [aBlock('errors', { untilMs, endIsKnown: false })] })
const resting = (id: string, untilMs: number, given: Partial<Account> = {}) => anAilingAccount(id, rest(untilMs), given)
const used = (id: string, percent: number, given: Partial<Account> = {}) =>
  anAccount(id, { windows: [aWindow('short', percent)], ...given })
const paused = (id: string) => anAilingAccount(id, { paused: true })
const homeIs = (accountId: string) => ({ home: { accountId, warmTokens: 9_000 } })

describe('the choice', () => {
  const [a, b] = [used('a', 10), used('b', 20)]
  it.each<[string, Account[], Partial<RoutingAsk>, string | null, Decision['because']]>([
    ['is the first by rank', [b, a], {}, 'a', 'ranked_first'],
    ['is the only one there is', [b], {}, 'b', 'only_one'],
    ['is the only one left', [a, b], { tried: new Set(['a']) }, 'b', 'only_one'],
    ['is nobody in an empty pool', [], {}, null, 'none_eligible'],
    ['is nobody when all have been tried', [a, b], { tried: new Set(['a', 'b']) }, null, 'none_eligible'],
    ['is the account of the thread', [a, b], homeIs('b'), 'b', 'affinity'],
    ['is another when the thread’s account is out', [a, paused('b')], homeIs('b'), 'a', 'only_one'],
    ['is another when the thread’s account is gone', [a, b], homeIs('gone'), 'a', 'ranked_first'],
    ['leaves the thread’s account when that is nearly used up', [a, used('b', 96)], homeIs('b'), 'a', 'ranked_first'],
    ['stays with it when nobody is safer', [used('a', 97), used('b', 96)], homeIs('a'), 'a', 'affinity'],
    ['leaves it when it is used up', [used('a', 97), used('b', 100)], homeIs('b'), 'a', 'ranked_first'],
    ['is the owner, however full', [a, used('b', 100)], { ownerId: 'b' }, 'b', 'owner'],
    ['is the owner before the thread’s account', [a, b], { ownerId: 'b', ...homeIs('a') }, 'b', 'owner'],
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
    expect(choose(pool, anAsk(given), usageWeighted, nowMs)).toMatchObject({ accountId, because })
  })

  it('is no resting account that lacks the model', () => {
    const rests = resting('a', nowMs + 9, { models: new Set(['gpt-4']) })
    const blocked = anAilingAccount('b', { blocks: [aBlock('window')] }, { models: new Set(['gpt-5']) })
    expect(choose([rests, blocked], anAsk(), usageWeighted, nowMs).accountId).toBeNull()
  })

  it('is no account that said itself that it lacks the model', () => {
    expect(choose([a, b], anAsk({ lacking: new Set(['a']) }), usageWeighted, nowMs)).toMatchObject({
      accountId: 'b',
      excluded: [{ accountId: 'a', exclusion: { reason: 'model_unavailable', model: 'gpt-5' } }],
    })
  })

  it('says of everybody why it was or was not taken', () => {
    const pool = [
      used('a', 10),
      paused('b'),
      anAccount('c', { models: new Set(['gpt-4']) }),
      used('d', 100, { inFlight: 2 }),
      used('e', 30, { models: new Set(['gpt-5']) }),
    ]
    expect(choose(pool, anAsk({ tried: new Set(['e']) }), usageWeighted, nowMs)).toEqual({
      accountId: 'a',
      because: 'ranked_first',
      strategy: 'usage_weighted',
      panic: false,
      move: null,
      candidates: 2,
      ranked: [
        { accountId: 'a', rank: -10, edge: 0, inFlight: 0, parts: { tightestPercent: 10, longPercent: 0 } },
        {
          ...{ accountId: 'd', rank: expect.closeTo(-100, 1), edge: 2, inFlight: 2 },
          parts: { tightestPercent: 100, longPercent: expect.closeTo(0.06) },
        },
      ],
      excluded: [
        { accountId: 'b', exclusion: { reason: 'paused' } },
        { accountId: 'c', exclusion: { reason: 'model_unavailable', model: 'gpt-5' } },
        { accountId: 'e', exclusion: { reason: 'already_tried' } },
      ],
    })
  })

  it('keeps the best of many, and how many there were', () => {
    const pool = Array.from({ length: 50 }, (_, at) => used(`a${at}`, (at * 37) % 50))
    const { candidates, ranked } = choose(pool, anAsk(), usageWeighted, nowMs)
    expect(candidates).toBe(50)
    expect(ranked.length).toBeGreaterThanOrEqual(10)
    expect(ranked.map(({ parts }) => parts.tightestPercent)).toEqual(ranked.map((_, at) => at))
  })
})

describe('tags', () => {
  const pool = [anAccount('a', { tags: ['work'] }), anAccount('b', { tags: ['home', 'night'] }), anAccount('c')]
  it.each([
    ['everybody when none is asked for', [], 'a b c'],
    ['those with the tag', ['work'], 'a'],
    ['those with any of several', ['work', 'night'], 'a b'],
    ['nobody when nobody has it', ['other'], ''],
  ])('let serve %s', (_who, onlyTags, ids) => {
    const { ranked, excluded } = choose(pool, anAsk(), withSettings({ onlyTags }), nowMs)
    const names = ranked.map(({ accountId }) => accountId).toSorted()
    expect(names.join(' ')).toBe(ids)
    for (const { exclusion } of excluded) expect(exclusion).toEqual({ reason: 'not_tagged' })
  })
})

describe('the accounts of a key', () => {
  const pool = [anAccount('a', { tags: ['work'] }), anAccount('b', { tags: ['home', 'night'] }), anAccount('c')]
  it.each<[string, { accountIds: string[] | null; tags: string[] | null } | null, string]>([
    ['everybody where there is none', null, 'a b c'],
    ['those that are named', { accountIds: ['a', 'c'], tags: null }, 'a c'],
    ['those with a tag', { accountIds: null, tags: ['night', 'work'] }, 'a b'],
    ['those that are named and those with a tag', { accountIds: ['c'], tags: ['work'] }, 'a c'],
    ['nobody where those are gone', { accountIds: ['gone'], tags: null }, ''],
    ['nobody where nobody has the tag any more', { accountIds: null, tags: ['other'] }, ''],
  ])('let serve %s', (_who, scope, ids) => {
    const { ranked, excluded } = choose(pool, anAsk({ scope }), withSettings(), nowMs)
    const names = ranked.map(({ accountId }) => accountId).toSorted()
    expect(names.join(' ')).toBe(ids)
    for (const { exclusion } of excluded) expect(exclusion).toEqual({ reason: 'not_in_scope' })
  })
})

describe('a move of a thread', () => {
  const home = { accountId: 'a', warmTokens: 100_000 }
  const reasonOf = (pool: Account[], given: Partial<RoutingAsk> = {}) =>
    choose(pool, anAsk({ home, ...given }), usageWeighted, nowMs).move?.reason
  const b = used('b', 50)
  it.each<[string, Account[], string]>([
    ['its account is paused', [paused('a'), b], 'paused'],
    ['its account is blocked', [anAilingAccount('a', { blocks: [aBlock('burst')] }), b], 'blocked'],
    ['its account has no place free', [used('a', 0, { inFlight: 24 }), b], 'busy'],
    ['its account is near its edge', [used('a', 96), b], 'edge'],
    ['its account is not there any more', [b], 'gone'],
    [
      'its account lacks the model',
      [used('a', 0, { models: new Set(['x']) }), used('b', 0, { models: new Set(['gpt-5']) })],
      'model_unavailable',
    ],
  ])('says why: %s', (_why, pool, reason) => expect(reasonOf(pool)).toBe(reason))

  it('says that the request has tried the account', () => {
    expect(reasonOf([used('a', 0), b], { tried: new Set(['a']) })).toBe('already_tried')
  })

  it('has its price in percent of the new account’s windows', () => {
    const { move } = choose([used('a', 96), b], anAsk({ home }), usageWeighted, nowMs)
    expect(move).toEqual({
      ...{ fromAccountId: 'a', reason: 'edge', warmTokens: 100_000 },
      shortPercent: expect.closeTo((90_000 * 100) / (225 * 20_000)),
      longPercent: expect.closeTo((90_000 * 100) / (7_560 * 20_000)),
    })
  })

  it('is none where the thread stays, has no account yet, or finds nobody', () => {
    expect(choose([used('a', 0), b], anAsk({ home }), usageWeighted, nowMs).move).toBeNull()
    expect(choose([used('a', 0), b], anAsk(), usageWeighted, nowMs).move).toBeNull()
    expect(choose([paused('a')], anAsk({ home }), usageWeighted, nowMs).move).toBeNull()
  })
})

describe('a model with a meter of its own', () => {
  const spark = anAsk({ model: 'gpt-5.3-codex-spark' })
  const meter = (percent: number) => [{ ...aMeter('GPT-5.3-Codex-Spark', percent), key: 'codex_spark' }]
  const full = { blocks: [aBlock('window', { window: 'weekly' })] }
  const sparkFull = { blocks: [aBlock('window', { window: 'short', meter: 'codex_spark' })] }

  it('is served by an account whose windows are used up, as long as the meter is not', () => {
    const pool = [anAilingAccount('a', full, { meters: meter(20) })]
    expect(choose(pool, spark, usageWeighted, nowMs).accountId).toBe('a')
    expect(choose(pool, anAsk(), usageWeighted, nowMs).accountId).toBeNull()
  })

  it('is not served where the meter is used up, and other models are', () => {
    const pool = [anAilingAccount('a', sparkFull, { meters: meter(20) }), anAccount('b', { meters: meter(100) })]
    expect(choose(pool, spark, usageWeighted, nowMs)).toMatchObject({
      accountId: null,
      excluded: [{ exclusion: { reason: 'meter_used_up' } }, { exclusion: { reason: 'meter_used_up' } }],
    })
    expect(choose(pool, anAsk(), usageWeighted, nowMs).candidates).toBe(2)
  })

  it('is kept back by a person before it is by its meter', () => {
    const pool = [anAilingAccount('a', { paused: true, ...sparkFull }, { meters: meter(100) })]
    expect(choose(pool, spark, usageWeighted, nowMs).excluded).toEqual([
      { accountId: 'a', exclusion: { reason: 'paused' } },
    ])
  })

  it('goes to who has most left of the meter, whatever the windows show', () => {
    const pool = [used('a', 5, { meters: meter(60) }), used('b', 90, { meters: meter(10) })]
    expect(choose(pool, spark, usageWeighted, nowMs).accountId).toBe('b')
    expect(choose(pool, anAsk(), usageWeighted, nowMs).accountId).toBe('a')
  })
})

describe('places', () => {
  it('are taken: nobody serves, and each bound is named', () => {
    const pool = [
      anAccount('a', { inFlight: 24 }),
      anAccount('b', { inFlight: 12, starting: 12 }),
      anAilingAccount('c', { concurrency: { limit: 3, untilMs: nowMs + 1 } }, { inFlight: 3 }),
      anAilingAccount('d', { failures: 3 }, { inFlight: 1, starting: 1 }),
    ]
    const { accountId, excluded } = choose(pool, anAsk(), usageWeighted, nowMs)
    expect(accountId).toBeNull()
    expect(excluded.map(({ exclusion }) => exclusion)).toEqual([
      { reason: 'busy', cap: 'streams', inFlight: 24, limit: 24 },
      { reason: 'busy', cap: 'turn_starts', inFlight: 12, limit: 12 },
      { reason: 'busy', cap: 'upstream', inFlight: 3, limit: 3 },
      { reason: 'probing' },
    ])
  })

  it('are one after a rest, until an answer came', () => {
    const after = anAilingAccount('a', { failures: 4 })
    expect(choose([after], anAsk(), usageWeighted, nowMs).accountId).toBe('a')
    const tried = { ...after, inFlight: 1, starting: 1 }
    expect(choose([tried, used('b', 90)], anAsk(), usageWeighted, nowMs).accountId).toBe('b')
    const served = { ...tried, health: { ...tried.health, failures: 0 } }
    expect(choose([served, used('b', 90)], anAsk(), usageWeighted, nowMs).accountId).toBe('a')
  })
})

describe('when nearly everybody rests after failures', () => {
  const four = ['a', 'b', 'c', 'd'].map((id, at) => resting(id, nowMs + 1_000 * (9 - at)))
  const panicked = (pool: Account[], given: Partial<RoutingAsk> = {}) =>
    choose(pool, anAsk(given), usageWeighted, nowMs)

  it('rests are not heeded, and the decision says so', () => {
    const decision = panicked([...four, used('e', 50)])
    expect(decision).toMatchObject({ panic: true, because: 'ranked_first', candidates: 5, excluded: [] })
    expect(decision.accountId).not.toBe('e')
  })

  it('it takes more than four fifths', () => {
    expect(panicked([...four, used('e', 50), used('f', 50)])).toMatchObject({ panic: false, candidates: 2 })
  })

  it('those that are busy count among those that work', () => {
    const busy = ['e', 'f'].map((id) => used(id, 0, { inFlight: 24 }))
    expect(panicked([...four, ...busy])).toMatchObject({ panic: false, accountId: null })
  })

  it('only one is asked when nobody at all is fit: the one that rests shortest', () => {
    expect(panicked(four)).toMatchObject({ panic: true, because: 'last_resort', accountId: 'd', candidates: 1 })
  })

  it('nothing but rests is overridden', () => {
    const limited = (id: string) => {
      const blocks = [aBlock('window', { untilMs: nowMs + 1 }), aBlock('errors', { untilMs: nowMs + 9_000 })]
      return anAilingAccount(id, { failures: 3, blocks })
    }
    expect(panicked([limited('a')])).toMatchObject({ accountId: null, panic: false })
    expect(panicked([limited('a'), ...four, paused('f')])).toMatchObject({ accountId: 'd', candidates: 1 })
  })

  it('nobody gets more than its places', () => {
    const [one, two] = [resting('a', nowMs + 5, { inFlight: 24 }), resting('b', nowMs + 9)]
    expect(panicked([one, two])).toMatchObject({ panic: true, accountId: 'b' })
    expect(panicked([one])).toMatchObject({
      ...{ panic: true, accountId: null, because: 'none_eligible' },
      excluded: [{ accountId: 'a', exclusion: { reason: 'busy', cap: 'streams', inFlight: 24, limit: 24 } }],
    })
  })
})

it('every strategy of the settings has a way to rank, and there is a default', () => {
  const names = Object.keys(strategies)
  expect(names.toSorted()).toEqual([...Settings.shape.strategy.unwrap().options].toSorted())
  expect(names).toContain(Settings.parse({}).strategy)
})
