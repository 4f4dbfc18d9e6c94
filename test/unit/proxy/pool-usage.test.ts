import { describe, expect, it } from 'vitest'
import { type Account, healthy } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { poolUsage, relayedHeaders } from '../../../src/proxy/pool-usage.ts'
import type { Head } from '../../../src/upstream/opening.ts'
import { aBlock, anAccount, aWindow, nowMs } from '../../support/accounts.ts'
import { createFakeAnswer } from '../../support/fake-answer.ts'

const epoch = (ms: number) => (nowMs + ms) / 1_000
const used = (id: string, short: number, weekly: number, given: Partial<Account> = {}) =>
  anAccount(id, {
    windows: [aWindow('short', short), aWindow('weekly', weekly, { resetAtMs: nowMs + 48 * hourMs })],
    ...given,
  })
const paused = { health: { ...healthy, paused: true } }

function headersFor(accounts: Account[], headers: Head['headers'] = {}): Record<string, string> {
  const answer = createFakeAnswer({ headers })
  const head: Head = { status: 200, headers, opening: [], firstEvent: null, ended: false, failure: null, answer }
  return relayedHeaders(head, accounts, nowMs)
}

describe('the headers of an answer', () => {
  it('give the figures of the pool, weighted by capacity', () => {
    expect(headersFor([used('a', 100, 80, { plan: 'pro' }), used('b', 0, 10)])).toEqual({
      'x-codex-primary-used-percent': '87',
      'x-codex-primary-window-minutes': '300',
      'x-codex-primary-reset-at': String(epoch(hourMs)),
      'x-codex-secondary-used-percent': '70.9',
      'x-codex-secondary-window-minutes': '10080',
      'x-codex-secondary-reset-at': String(epoch(48 * hourMs)),
    })
  })

  it('give no figures of one account, whatever it said', () => {
    const said = { 'x-codex-primary-used-percent': '99', 'set-cookie': ['a=1'], 'cf-ray': 'x', server: 'y' }
    expect(headersFor([], said)).toEqual({})
  })

  it('keep what means something to the client', () => {
    const said = { 'x-codex-turn-state': 'opaque', 'openai-model': 'gpt-5', 'openai-processing-ms': '12' }
    expect(headersFor([], said)).toEqual(said)
  })

  it.each<[string, Account[], object]>([
    [
      'accounts that a person took out',
      [used('a', 40, 0), used('b', 90, 90, paused)],
      { 'x-codex-primary-used-percent': '40' },
    ],
    [
      'windows that have ended',
      [anAccount('a', { windows: [aWindow('short', 90, { resetAtMs: nowMs })] })],
      { 'x-codex-primary-used-percent': '0' },
    ],
  ])('do not count %s', (_what, accounts, expected) => expect(headersFor(accounts)).toMatchObject(expected))

  it('put a pool that has weekly windows only into the first slot', () => {
    const headers = headersFor([anAccount('a', { windows: [aWindow('weekly', 7, { resetAtMs: null })] })])
    expect(headers).toEqual({ 'x-codex-primary-used-percent': '7', 'x-codex-primary-window-minutes': '10080' })
  })
})

describe('the usage call', () => {
  it('answers for the pool in the upstream’s own shape', () => {
    const credits = { has: true, unlimited: false, balance: 2.5, readAtMs: nowMs }
    const pool = [used('a', 50, 10, { credits }), used('b', 51, 10, { credits, plan: 'pro' })]
    expect(poolUsage(pool, nowMs, 3)).toEqual({
      plan_type: 'pro',
      rate_limit: {
        allowed: true,
        limit_reached: false,
        primary_window: {
          used_percent: 51,
          limit_window_seconds: 18_000,
          reset_after_seconds: 3_600,
          reset_at: epoch(hourMs),
        },
        secondary_window: {
          used_percent: 10,
          limit_window_seconds: 604_800,
          reset_after_seconds: 172_800,
          reset_at: epoch(48 * hourMs),
        },
      },
      credits: {
        has_credits: true,
        unlimited: false,
        balance: '5',
        approx_local_messages: null,
        approx_cloud_messages: null,
      },
      additional_rate_limits: [],
      code_review_rate_limit: null,
      spend_control: { reached: false, individual_limit: null },
      rate_limit_reached_type: null,
      promo: null,
      rate_limit_reset_credits: { available_count: 3 },
    })
  })

  it('gives each limit of certain models over the accounts that have it, weighted as the windows are', () => {
    const spark = (percent: number, key = 'codex_spark', feature: string | null = 'codex_bengalfox') => ({
      ...{ key, name: 'GPT-Spark', feature },
      windows: [aWindow('short', percent)],
    })
    const pool = [
      anAccount('a', { plan: 'pro', meters: [spark(100)], windows: [aWindow('short', 7)] }),
      anAccount('b', { meters: [spark(0), spark(100, 'other', null)] }),
      anAccount('c', { meters: [spark(0)], ...paused }),
      anAccount('d'),
    ]
    const shown = (used_percent: number) => ({
      primary_window: {
        used_percent,
        limit_window_seconds: 18_000,
        reset_after_seconds: 3_600,
        reset_at: epoch(hourMs),
      },
      secondary_window: null,
    })
    expect(poolUsage(pool, nowMs)).toMatchObject({
      additional_rate_limits: [
        {
          limit_name: 'GPT-Spark',
          metered_feature: 'codex_bengalfox',
          rate_limit: { allowed: true, limit_reached: false, ...shown(87) },
        },
        { metered_feature: 'other', rate_limit: { allowed: false, limit_reached: true, ...shown(100) } },
      ],
      rate_limit: shown(7),
    })
  })

  it.each<[string, (string | null)[], string]>([
    [
      'of every account',
      ['workspace_owner_credits_depleted', 'workspace_owner_credits_depleted'],
      'workspace_owner_credits_depleted',
    ],
    [
      'that fits all when they differ',
      ['workspace_owner_credits_depleted', 'rate_limit_reached'],
      'rate_limit_reached',
    ],
    ['that fits all when some say nothing', ['workspace_owner_credits_depleted', null], 'rate_limit_reached'],
  ])('says which limit is reached by the word %s', (_which, words, type) => {
    const pool = words.map((limitReached, index) => used(String(index), 100, 0, { limitReached }))
    expect(poolUsage(pool, nowMs)).toMatchObject({ rate_limit_reached_type: { type } })
    expect(poolUsage([...pool, used('free', 0, 0)], nowMs)).toMatchObject({ rate_limit_reached_type: null })
  })

  it('leaves open what is not known of reset credits', () => {
    expect(poolUsage([], nowMs)).toMatchObject({ rate_limit_reset_credits: null })
    expect(poolUsage([], nowMs, 0)).toMatchObject({ rate_limit_reset_credits: { available_count: 0 } })
  })

  it.each<[string, Account[], boolean, boolean]>([
    ['is open while one account has room', [used('a', 100, 0), used('b', 99, 99)], true, false],
    ['is closed when every account is full', [used('a', 100, 0), used('b', 0, 100)], false, true],
    [
      'is closed when the ones with room are out',
      [used('a', 0, 0, paused), used('b', 0, 0, { health: { ...healthy, blocks: [aBlock('window')] } })],
      false,
      true,
    ],
    ['has reached no limit without accounts', [], false, false],
  ])('%s', (_rule, accounts, allowed, limit_reached) => {
    expect(poolUsage(accounts, nowMs)).toMatchObject({ rate_limit: { allowed, limit_reached } })
  })

  it('of an empty pool says nothing of windows and credits', () => {
    expect(poolUsage([], nowMs)).toMatchObject({
      plan_type: 'unknown',
      rate_limit: { primary_window: null, secondary_window: null },
      credits: { has_credits: false, unlimited: false, balance: null },
    })
  })
})
