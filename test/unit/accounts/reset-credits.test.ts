import { beforeEach, describe, expect, it } from 'vitest'
import type { AccountCalls } from '../../../src/accounts/account-calls.ts'
import type { CreditLists } from '../../../src/accounts/credit-lists.ts'
import type { Pool } from '../../../src/accounts/pool.ts'
import { createPoolRedeemer } from '../../../src/accounts/pool-redemption.ts'
import { createRedeemer, type RedeemAsk, type Redeemer } from '../../../src/accounts/reset-credits.ts'
import { TokenError } from '../../../src/accounts/tokens.ts'
import type { ResetCredits } from '../../../src/domain/reset-credit.ts'
import { defaultSettings } from '../../../src/domain/settings.ts'
import { TransportError } from '../../../src/upstream/transport-error.ts'
import { poolRig } from '../../support/pool-rig.ts'
import { aCredit, held } from '../../support/reset-credits.ts'

type Reply = { status: number; json: unknown } | Error
type Sent = { accountId: string; redeem_request_id: string; credit_id?: string }

const rig = poolRig()
const answer = (code: string) => ({ status: 200, json: { code, windows_reset: code === 'reset' ? 2 : 0 } })
const refusal = (status: number, message = 'No.') => ({ status, json: { error: { message } } })
const lost = new TransportError('broken', new Error('lost'))
const unsent = new TransportError('unreachable', new Error('refused'))

/** What the upstream answers, in this order, and what it was sent. */
let replies: Reply[]
let sent: Sent[]
let lists: Map<string, ResetCredits>
let polled: string[]
let pool: Pool
let redeemer: Redeemer
let creditLists: CreditLists

beforeEach(async () => {
  replies = []
  sent = []
  polled = []
  lists = new Map([
    [rig.a, held(aCredit('credit-a', 9), aCredit('credit-a2', 5))],
    [rig.b, held(aCredit('credit-b', 9))],
  ])
  pool = await rig.loaded()
  const calls: AccountCalls = {
    get: () => Promise.reject(new Error('Nobody asks.')),
    async post(accountId, _path, body) {
      sent.push({ accountId, ...(body as Omit<Sent, 'accountId'>) })
      const reply = replies.shift()
      if (reply === undefined) throw new Error('The test expects no more calls.')
      if (reply instanceof Error) throw reply
      return { ...reply, etag: null, text: JSON.stringify(reply.json) }
    },
  }
  creditLists = {
    read: async (id) => lists.get(id) ?? held(),
    ofPool: async () => lists,
    forget: () => {},
  }
  redeemer = createRedeemer({
    ...{ store: rig.store, pool, calls, lists: creditLists, clock: rig.clock, onError: () => {} },
    usagePoll: { poll: async (id) => polled.push(id) > 0 },
  })
})

const redeem = (given: Partial<RedeemAsk> = {}) =>
  redeemer.redeem({ accountId: rig.a, by: 'operator', creditId: null, id: null, ...given })
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing was refused',
    (error) => error.code,
  )

describe('a redemption', () => {
  it.each(['reset', 'already_redeemed', 'nothing_to_reset', 'no_credit'])(
    'shows and keeps the outcome %s',
    async (code) => {
      replies = [answer(code)]
      const redemption = await redeem({ id: 'key' })
      expect(redemption).toMatchObject({ id: 'key', outcome: code, settledAtMs: rig.clock.now() })
      expect(await rig.store.redemptions.get('key')).toEqual(redemption)
      expect(await redeem({ id: 'key' })).toEqual(redemption)
      expect(sent).toHaveLength(1)
    },
  )

  it('uses the credit that is lost soonest, unless it is told which', async () => {
    replies = [answer('reset'), answer('reset')]
    await redeem()
    await redeem({ creditId: 'credit-a' })
    expect(sent.map(({ credit_id }) => credit_id)).toEqual(['credit-a2', 'credit-a'])
    expect(new Set(sent.map(({ redeem_request_id }) => redeem_request_id)).size).toBe(2)
  })

  it('lifts what the used-up windows held, and looks at the usage again', async () => {
    replies = [answer('reset'), answer('nothing_to_reset')]
    for (const id of [rig.a, rig.b]) pool.windowUsedUp(id, 'usage_limit_reached', rig.clock.now() + 1e6)
    await redeem()
    await redeem({ accountId: rig.b })
    expect(pool.get(rig.a)?.health.blocks).toEqual([])
    expect(pool.get(rig.b)?.health.blocks).toHaveLength(1)
    expect(polled).toEqual([rig.a])
  })

  it('is stored before it is sent', async () => {
    const seen: unknown[] = []
    replies = [answer('reset')]
    const { push } = sent
    sent.push = (one) => {
      seen.push(rig.store.redemptions.get(one.redeem_request_id))
      return push.call(sent, one)
    }
    await redeem({ id: 'key' })
    expect(await Promise.all(seen)).toMatchObject([{ id: 'key', startedAtMs: rig.clock.now() }])
  })

  it('ends without a call where the account holds nothing', async () => {
    lists.set(rig.a, held(aCredit('old', 9, 'redeemed')))
    expect(await redeem({ id: 'key' })).toMatchObject({ outcome: 'no_credit', windowsReset: 0 })
    expect(await rig.store.redemptions.list(rig.a, 9)).toMatchObject([{ id: 'key', outcome: 'no_credit' }])
    expect(sent).toEqual([])
  })

  it('is sent without a name where the upstream counts credits that it does not list', async () => {
    lists.set(rig.a, { ...held(), availableCount: 1 })
    replies = [answer('reset')]
    await redeem({ id: 'key' })
    expect(sent).toEqual([{ accountId: rig.a, redeem_request_id: 'key' }])
  })

  it('does not begin with a credit that cannot be used, or that another account holds', async () => {
    lists.set(rig.a, held(aCredit('spent', 9, 'redeemed'), aCredit('expired', -1)))
    for (const creditId of ['spent', 'expired', 'credit-b']) {
      expect(await codeOf(redeem({ creditId }))).toBe('reset_credit_unavailable')
    }
    expect(await codeOf(redeem({ accountId: 'acc_gone' }))).toBe('account_not_found')
    expect(await rig.store.redemptions.list(rig.a, 9)).toEqual([])
  })

  it('is one at a time on each account', async () => {
    replies = [answer('reset'), answer('nothing_to_reset'), answer('reset')]
    const outcomes = await Promise.all([redeem(), redeem(), redeem({ accountId: rig.b })])
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['nothing_to_reset', 'reset', 'reset'])
  })
})

describe('a redemption of which nobody knows how it ended', () => {
  it.each<[string, Reply]>([
    ['its reply was lost', lost],
    ['the upstream was silent', new TransportError('aborted', new Error('timeout'))],
    ['the upstream failed', refusal(500)],
    ['an edge failed', { status: 502, json: null }],
    ['another one may be under way', refusal(409)],
    ['the answer makes no sense', { status: 200, json: { ok: true } }],
  ])('stays pending when %s, and is repeated with the same key and credit', async (_why, reply) => {
    replies = [reply, answer('already_redeemed')]
    const pending = await redeem()
    expect(pending).toMatchObject({ outcome: 'pending', settledAtMs: null, error: expect.any(String) })
    lists.set(rig.a, held())
    expect(await redeem()).toMatchObject({ id: pending.id, outcome: 'already_redeemed', error: null })
    expect(sent[1]).toEqual(sent[0])
    expect(polled).toEqual([rig.a])
  })

  it('bars another key and another credit on its account, by name, and nothing on other accounts', async () => {
    replies = [lost, answer('reset')]
    await redeem({ id: 'key', creditId: 'credit-a' })
    await expect(redeem({ id: 'other' })).rejects.toMatchObject({
      code: 'redemption_pending',
      message: expect.stringContaining('redemption key on'),
    })
    expect(await codeOf(redeem({ id: 'key', creditId: 'credit-a2' }))).toBe('redemption_pending')
    expect(await codeOf(redeem({ creditId: 'credit-a2' }))).toBe('redemption_pending')
    expect(await codeOf(redeem({ id: 'key', accountId: rig.b }))).toBe('invalid_request')
    expect((await redeem({ accountId: rig.b })).outcome).toBe('reset')
    expect(sent).toHaveLength(2)
  })

  it.each<[string, Reply, string]>([
    ['for now', refusal(429), 'pending'],
    ['for its token', refusal(401), 'pending'],
    ['because it cannot be reached', unsent, 'pending'],
    ['because the token cannot be renewed', new TokenError('later', 'x'), 'pending'],
    ['for what is asked', refusal(404), 'failed'],
  ])('is not taken for refused when its repetition is refused %s', async (_why, reply, outcome) => {
    replies = [lost, reply]
    await redeem()
    expect((await redeem()).outcome).toBe(outcome)
  })
})

describe('a redemption that the upstream refuses', () => {
  it.each<[string, Reply, string]>([
    ['says why', refusal(403, 'Not for you.'), 'Not for you.'],
    ['may be tried again soon', refusal(429, 'Slow down.'), 'Slow down.'],
    ['was never sent', unsent, 'The upstream cannot be reached.'],
  ])('has failed when it %s, and another may begin', async (_why, reply, error) => {
    replies = [reply, answer('reset')]
    expect(await redeem({ id: 'key' })).toMatchObject({ outcome: 'failed', error, settledAtMs: rig.clock.now() })
    expect(polled).toEqual([])
    expect((await redeem()).outcome).toBe('reset')
  })
})

describe('a client’s redemption', () => {
  const forPool = (id: string, creditId: string | null = null) =>
    createPoolRedeemer({
      ...{ store: rig.store, pool, lists: creditLists, redeemer, clock: rig.clock },
      settings: () => defaultSettings,
    }).redeem({ id, creditId })
  const figures = (id: string, usedPercent: number) => pool.read(id, rig.figure(usedPercent))

  it('goes to the account where it gives most, and keeps to it under the same id', async () => {
    figures(rig.a, 20)
    figures(rig.b, 90)
    replies = [lost, answer('reset')]
    expect((await forPool('key')).outcome).toBe('pending')
    figures(rig.a, 100)
    expect(await forPool('key')).toMatchObject({ outcome: 'reset', creditId: 'credit-b' })
    expect(await forPool('key')).toMatchObject({ outcome: 'reset' })
    expect(sent.map(({ accountId }) => accountId)).toEqual([rig.b, rig.b])
    expect(await rig.store.redemptions.get('key')).toMatchObject({ by: 'client', accountId: rig.b })
  })

  it('goes to the account that holds the credit', async () => {
    figures(rig.b, 90)
    replies = [answer('reset')]
    await forPool('key', 'credit-a')
    expect(sent).toEqual([{ accountId: rig.a, redeem_request_id: 'key', credit_id: 'credit-a' }])
  })

  it('passes by an account with a pending one, and says so when there is no other', async () => {
    figures(rig.a, 90)
    replies = [lost, answer('reset')]
    await forPool('first')
    await forPool('second')
    expect(sent.map(({ accountId }) => accountId)).toEqual([rig.a, rig.b])
    lists.delete(rig.b)
    await expect(forPool('third')).rejects.toMatchObject({ message: expect.stringContaining('redemption first') })
  })

  it.each<[string, string | null, string]>([
    ['no account holds one that can be used', null, 'no_credit'],
    ['the credit is used', 'used', 'already_redeemed'],
    ['the credit has expired', 'expired', 'no_credit'],
    ['nobody holds the credit', 'unknown', 'no_credit'],
  ])('ends without a call when %s', async (_why, creditId, outcome) => {
    lists = new Map([[rig.a, held(aCredit('used', 9, 'redeemed'), aCredit('expired', -1, 'expired'))]])
    expect(await forPool('key', creditId)).toMatchObject({ outcome })
    expect(sent).toEqual([])
  })
})
