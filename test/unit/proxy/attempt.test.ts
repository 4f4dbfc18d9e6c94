import { describe, expect, it } from 'vitest'
import { touchAccount } from '../../../src/proxy/attempt.ts'
import { learn } from '../../../src/proxy/send.ts'
import type { UpstreamError } from '../../../src/upstream/upstream-error.ts'
import type { Verdict } from '../../../src/upstream/verdict.ts'
import { aMeter, anAccount, anAsk, nowMs } from '../../support/accounts.ts'
import { queueRig } from '../../support/queue-rig.ts'

const error = (given: Partial<UpstreamError> = {}): UpstreamError => ({
  ...{ status: 429, code: 'said', message: 'Said.', param: null, plan: null, resetsAtMs: null },
  ...given,
})
const spark = 'gpt-5.3-codex-spark'
const meters = [{ ...aMeter('GPT-5.3-Codex-Spark', 10), key: 'codex_spark' }]
const inTen = error({ resetsAtMs: nowMs + 10_000 })

describe('a verdict', () => {
  it.each<[string, Verdict, string, object]>([
    [
      'a used-up window',
      { kind: 'limited', by: 'window', error: inTen },
      'gpt-5',
      { blocks: [{ by: 'window', window: 'short', meter: null, untilMs: nowMs + 10_000 }] },
    ],
    [
      'a used-up limit of the model',
      { kind: 'limited', by: 'window', error: inTen },
      spark,
      { blocks: [{ by: 'window', meter: 'codex_spark' }] },
    ],
    [
      'a throttle, of the model too',
      { kind: 'limited', by: 'burst', error: inTen },
      spark,
      { blocks: [{ by: 'burst', meter: null, window: null }] },
    ],
    [
      'a plan without the right',
      { kind: 'limited', by: 'plan', error: error() },
      'gpt-5',
      { blocks: [{ by: 'plan', endIsKnown: false }] },
    ],
    [
      'too many at once',
      { kind: 'limited', by: 'concurrency', error: error() },
      'gpt-5',
      { blocks: [], concurrency: { limit: 2 } },
    ],
    [
      'a lost sign-in',
      { kind: 'sign_in_lost', as: 'deactivated', error: error() },
      'gpt-5',
      { signIn: 'deactivated', signInReason: 'said' },
    ],
  ])('of %s touches its account so', async (_what, verdict, model, health) => {
    const { pool } = await queueRig([anAccount('a', { meters, inFlight: 0 }), anAccount('b')])
    const leases = [1, 2, 3].map(() => pool.lease('a'))
    touchAccount(pool, 'a', verdict, model)
    expect(pool.get('a')?.health).toMatchObject(health)
    expect(pool.get('b')?.health.blocks).toEqual([])
    for (const lease of leases) lease.release()
  })

  it.each<Verdict>([
    { kind: 'relay' },
    { kind: 'transient', error: error() },
    { kind: 'unauthorized', error: error() },
    { kind: 'try_another', scope: 'egress', error: error() },
    { kind: 'try_another', scope: 'capability', error: error() },
    { kind: 'unreadable', error: error() },
    { kind: 'continuation_lost', error: error() },
    { kind: 'unreachable', error: error() },
    { kind: 'client_fault', error: error() },
    { kind: 'model_unavailable', error: error() },
  ])('$kind alone touches no account’s health', async (verdict) => {
    const { pool } = await queueRig([anAccount('a')])
    const before = pool.get('a')
    touchAccount(pool, 'a', verdict, 'gpt-5')
    expect(pool.get('a')).toBe(before)
  })

  it('that a model is not offered is remembered of that account and model', async () => {
    const { pool } = await queueRig([anAccount('a'), anAccount('b')])
    touchAccount(pool, 'a', { kind: 'model_unavailable', error: error() }, 'gpt-5')
    expect(pool.choose(anAsk()).excluded.map(({ accountId }) => accountId)).toEqual(['a'])
    expect(pool.choose(anAsk({ model: 'gpt-6' })).excluded).toEqual([])
  })
})

describe('a rate limit event', () => {
  const limits = { primary: { used_percent: 61, window_minutes: 300 } }
  it.each([
    ['as text', JSON.stringify({ rate_limits: limits })],
    ['as an object', { rate_limits: limits }],
  ])('%s is learned', async (_how, data) => {
    const { pool } = await queueRig([anAccount('a')])
    learn(pool, 'a', data, nowMs)
    expect(pool.get('a')?.windows).toMatchObject([{ kind: 'short', usedPercent: 61, source: 'event' }])
  })

  it('that nobody can read teaches nothing', async () => {
    const { pool } = await queueRig([anAccount('a')])
    learn(pool, 'a', '{"rate_limits":', nowMs)
    expect(pool.get('a')?.windows).toEqual([])
  })
})
