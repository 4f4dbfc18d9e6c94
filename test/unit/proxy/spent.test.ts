import { describe, expect, it } from 'vitest'
import { type Account, type Health, healthy } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import { openAiBody } from '../../../src/errors.ts'
import { spentPoolError } from '../../../src/proxy/spent.ts'
import { aBlock, aMeter, anAccount, aWindow, nowMs } from '../../support/accounts.ts'

const withHealth = (id: string, health: Partial<Health>, given: Partial<Account> = {}) =>
  anAccount(id, { health: { ...healthy, ...health }, ...given })
const windowUntil = (ms: number, endIsKnown = true) => aBlock('window', { untilMs: nowMs + ms, endIsKnown })
const spent = (id: string, ms: number, plan = 'plus', endIsKnown = true) =>
  withHealth(id, { blocks: [windowUntil(ms, endIsKnown)] }, { plan })
const paused = withHealth('paused', { paused: true })
const signedOut = withHealth('out', { signIn: 'reauth_required' })
const closed = withHealth('closed', { signIn: 'deactivated' })
const burst = (ms: number) => withHealth('burst', { blocks: [aBlock('burst', { untilMs: nowMs + ms })] })
const resting = (ms: number) =>
  withHealth('resting', { blocks: [aBlock('errors', { untilMs: nowMs + ms, endIsKnown: false })] })

describe('when no account is left, the client is told', () => {
  it.each<[string, Account[], object]>([
    [
      'when the limit ends',
      [spent('a', hourMs)],
      { code: 'usage_limit_reached', details: { resetsAtMs: nowMs + hourMs, plan: 'plus' } },
    ],
    [
      'the earliest end, with its plan',
      [spent('a', 3 * hourMs), spent('b', hourMs, 'pro'), spent('c', 2 * hourMs)],
      { code: 'usage_limit_reached', details: { resetsAtMs: nowMs + hourMs, plan: 'pro' } },
    ],
    [
      'an end that the upstream named rather than an assumed one',
      [spent('a', 60_000, 'free', false), spent('b', hourMs)],
      { code: 'usage_limit_reached', details: { resetsAtMs: nowMs + hourMs, plan: 'plus' } },
    ],
    [
      'no end when none was named',
      [spent('a', 60_000, 'plus', false)],
      { code: 'usage_limit_reached', details: { resetsAtMs: null, plan: 'plus' } },
    ],
    [
      'when a plan gets its right back',
      [withHealth('a', { blocks: [aBlock('plan')] })],
      { code: 'usage_limit_reached', details: { resetsAtMs: nowMs + 600_000 } },
    ],
    [
      'of the limit, although others are paused',
      [paused, signedOut, spent('a', hourMs)],
      { code: 'usage_limit_reached' },
    ],
    [
      'nothing of an account that is out of use besides',
      [withHealth('a', { paused: true, blocks: [windowUntil(60_000)] }), spent('b', hourMs)],
      { details: { resetsAtMs: nowMs + hourMs } },
    ],
    [
      'to try again when one is only throttled',
      [spent('a', hourMs), burst(20_500)],
      { code: 'no_accounts', details: { retryAfterSeconds: 21 } },
    ],
    [
      'to try again when one only rests',
      [resting(30_000), spent('a', hourMs)],
      { code: 'no_accounts', details: { retryAfterSeconds: 30 } },
    ],
    ['the shortest of several waits', [burst(20_000), resting(5_000)], { details: { retryAfterSeconds: 5 } }],
    ['to wait a second at least', [burst(1)], { details: { retryAfterSeconds: 1 } }],
    [
      'what keeps each account',
      [paused, signedOut, closed, { ...paused, id: 'p2' }],
      {
        code: 'no_accounts',
        message: 'No account can serve: 2 paused, 1 waiting for a new sign-in, 1 closed by the upstream.',
      },
    ],
  ])('%s', (_what, pool, expected) => expect(spentPoolError(pool, 'gpt-5', nowMs)).toMatchObject(expected))

  it.each<[string, Account[]]>([
    ['one is fit', [spent('a', hourMs), anAccount('b')]],
    ['one is full by its figures only', [anAccount('b', { windows: [aWindow('short', 100)] })]],
    ['a block has just ended', [spent('a', 0)]],
  ])('nothing of the kind when %s', (_when, pool) => expect(spentPoolError(pool, 'gpt-5', nowMs)).toBeNull())

  describe('for a model with a meter of its own', () => {
    const meters = [aMeter('Spark', 10)]
    const full = [aMeter('Spark', 100)]
    const refused = { blocks: [aBlock('window', { meter: 'spark', untilMs: nowMs + 60_000 })] }
    const told = (pool: Account[], model = 'spark') => spentPoolError(pool, model, nowMs)

    it.each<[string, Account[], object]>([
      ['when its limit ends', [withHealth('a', refused, { meters })], { details: { resetsAtMs: nowMs + 60_000 } }],
      ['when its full window resets', [anAccount('a', { meters: full })], { details: { resetsAtMs: nowMs + hourMs } }],
      [
        'of a throttle of the whole account',
        [withHealth('a', { blocks: [aBlock('burst', { untilMs: nowMs + 5_000 })] }, { meters })],
        { code: 'no_accounts', details: { retryAfterSeconds: 5 } },
      ],
    ])('%s', (_what, pool, expected) => expect(told(pool)).toMatchObject(expected))

    it('nothing, when only the account’s windows are used up', () => {
      expect(told([{ ...spent('a', hourMs), meters }])).toBeNull()
      expect(told([{ ...spent('a', hourMs), meters }], 'gpt-5')).not.toBeNull()
      expect(told([withHealth('a', refused, { meters })], 'gpt-5')).toBeNull()
    })
  })

  it('in the upstream’s own shape, from which Codex makes its limit message', () => {
    const error = spentPoolError([spent('a', 90_500)], 'gpt-5', nowMs)
    expect(error && openAiBody(error, nowMs)).toEqual({
      error: {
        type: 'usage_limit_reached',
        code: 'usage_limit_reached',
        message: 'The usage limit has been reached. Try again in 2 min.',
        param: null,
        plan_type: 'plus',
        resets_at: Math.ceil((nowMs + 90_500) / 1_000),
        resets_in_seconds: 91,
      },
    })
  })
})
