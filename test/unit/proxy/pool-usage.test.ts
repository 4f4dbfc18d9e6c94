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
    expect(poolUsage(pool, nowMs)).toEqual({
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
    })
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
