import { describe, expect, it } from 'vitest'
import { choose } from '../../../src/balancer/choose.ts'
import type { Account } from '../../../src/domain/account.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import type { Settings } from '../../../src/domain/settings.ts'
import { nothingLeft, type Search } from '../../../src/proxy/nothing-left.ts'
import type { Owner } from '../../../src/proxy/owners.ts'
import type { Fault } from '../../../src/proxy/refusal.ts'
import type { Turn } from '../../../src/proxy/turn.ts'
import { aBlock, anAccount, anAilingAccount, anAsk, nowMs, withSettings } from '../../support/accounts.ts'
import { aGuest } from '../../support/principal.ts'
import { queueRig } from '../../support/queue-rig.ts'

const turn = (given: Partial<Turn> = {}): Turn => ({
  ask: {
    ...{ requestId: 'req_1', model: 'gpt-5', effort: null, serviceTier: null, stream: true, keyId: null },
    ...{ inputTokens: 10, affinityKeys: [], owned: [], sessionId: null, threadId: null },
  },
  ...{
    headers: {},
    guest: aGuest,
    body: Buffer.alloc(0),
    dropBody() {},
    route: '/backend-api/codex/responses',
    startedAtMs: nowMs,
  },
  ...{
    signal: new AbortController().signal,
    isPrewarm: false,
    source: null,
    attempts: [],
    waitedMs: 0,
    decision: null,
    held: null,
    transport: null,
  },
  ...given,
})
const owner = (kind: Owner['object']['kind'], accountId = 'a'): Owner => ({ accountId, object: { kind, id: 'x' } })
const fault = (kind: Fault['kind'], message = 'Said by the upstream.'): Search['last'] => {
  const error = { status: 500, code: 'server_error', message, param: null, plan: null, resetsAtMs: null }
  return { fault: { kind, error } as Fault, head: null }
}

/** What a client is told when nobody of the pool could be asked. */
async function told(pool: Account[], search: Partial<Search> = {}, given: Partial<Settings> = {}, asked = turn()) {
  const settings = withSettings(given)
  const rig = await queueRig(pool, settings)
  const ask = anAsk({
    ownerId: search.owner?.accountId ?? null,
    tried: search.last ? new Set(pool.map(({ id }) => id)) : new Set(),
  })
  const decision = choose(pool, ask, settings, nowMs)
  expect(decision.accountId).toBeNull()
  const whole = { owner: null, homeId: null, last: null, isCrowdedOut: false, ...search }
  return nothingLeft(asked, decision, whole, { pool: rig.pool, clock: rig.clock, maxWaiting: settings.maxWaiting })
}

const spent = (id: string) => anAilingAccount(id, { blocks: [aBlock('window', { untilMs: nowMs + hourMs })] })
const busy = (id: string, given: Partial<Account> = {}) => anAccount(id, { inFlight: 24, ...given })

describe('when nobody can be asked, the client is told', () => {
  it.each<[string, Account[], Partial<Search>, Partial<Settings>, object]>([
    [
      'that too many wait',
      [busy('a')],
      { isCrowdedOut: true },
      { maxWaiting: 7 },
      { code: 'overloaded', details: { retryAfterSeconds: 5 }, message: expect.stringContaining('7 requests') },
    ],
    [
      'which bound was reached, and whose',
      [busy('a'), anAilingAccount('b', { paused: true })],
      {},
      {},
      { code: 'account_cap_reached', message: expect.stringMatching(/account a .*24, setting maxStreams/) },
    ],
    [
      'on how many',
      [busy('a'), busy('b')],
      {},
      {},
      { code: 'account_cap_reached', message: expect.stringContaining('2 accounts') },
    ],
    [
      'which of the bounds',
      [anAccount('a', { inFlight: 2, starting: 2 })],
      {},
      { maxTurnStarts: 2 },
      { message: expect.stringContaining('maxTurnStarts') },
    ],
    ['that there is no account yet', [], {}, {}, { code: 'no_accounts', message: expect.stringContaining('imported') }],
    [
      'when the limit ends',
      [spent('a')],
      {},
      {},
      { code: 'usage_limit_reached', details: { resetsAtMs: nowMs + hourMs } },
    ],
    [
      'when the limit of those ends that have the model',
      [{ ...spent('a'), models: new Set(['gpt-5']) }, anAccount('b', { models: new Set(['x']) })],
      {},
      {},
      { code: 'usage_limit_reached' },
    ],
    [
      'when the limit of the only one ends that may serve',
      [anAccount('a'), spent('b')],
      {},
      { strategy: 'single_account', singleAccountId: 'b' },
      { code: 'usage_limit_reached' },
    ],
    [
      'that the only one that may serve is gone',
      [anAccount('a')],
      {},
      { strategy: 'single_account', singleAccountId: 'gone' },
      { code: 'no_accounts', message: expect.stringContaining('not there any more') },
    ],
    [
      'that no account has the tag',
      [anAccount('a')],
      {},
      { onlyTags: ['work'] },
      { code: 'no_accounts', message: expect.stringContaining('onlyTags') },
    ],
    [
      'that the file’s account is out',
      [spent('a'), anAccount('b')],
      { owner: owner('file') },
      {},
      { code: 'owner_unavailable' },
    ],
    [
      'of a file before a limit, as only its account can serve',
      [spent('a'), spent('b')],
      { owner: owner('file') },
      {},
      { code: 'owner_unavailable' },
    ],
    [
      'that the file’s account is busy, if it is that',
      [busy('a'), anAccount('b')],
      { owner: owner('file') },
      {},
      { code: 'account_cap_reached' },
    ],
  ])('%s', async (_what, pool, search, settings, expected) => {
    expect(await told(pool, search, settings)).toMatchObject(expected)
  })

  it('to wait for the one request that tries an account after its rest', async () => {
    const probed = anAilingAccount('a', { failures: 3 }, { inFlight: 1, starting: 1 })
    const error = await told([probed])
    expect(error).toMatchObject({ code: 'no_accounts', details: { retryAfterSeconds: 5 } })
    expect(error.message).not.toContain('model')
  })

  it('how long the request has waited', async () => {
    const error = await told([busy('a')], {}, {}, turn({ waitedMs: 7_400 }))
    expect(error.message).toContain('within 7 s')
  })

  it.each(['response', 'conversation'] as const)(
    'to send everything again when the account of a %s is out',
    async (kind) => {
      const search = { owner: owner(kind) }
      expect(await told([spent('a'), anAccount('b')], search)).toMatchObject({ code: 'stream_incomplete' })
      const publicTurn = turn({ route: '/v1/responses' })
      expect(await told([spent('a'), anAccount('b')], search, {}, publicTurn)).toMatchObject({
        code: 'previous_response_not_found',
      })
    },
  )

  it.each(['limited', 'unauthorized', 'sign_in_lost'] as const)(
    'to send everything again when the account of a response said that it is out (%s)',
    async (kind) => {
      const search = { owner: owner('response'), last: fault(kind) }
      expect(await told([anAccount('a')], search)).toMatchObject({ code: 'stream_incomplete' })
    },
  )

  it('what the upstream said last, when the accounts that were tried are fit', async () => {
    expect(await told([anAccount('a')], { last: fault('transient') })).toMatchObject({
      name: 'UpstreamRefusal',
      fault: { kind: 'transient' },
    })
  })

  it('when the thread’s account is back, if only that can read its reasoning', async () => {
    const search = { last: fault('unreadable'), homeId: 'a' }
    expect(await told([spent('a'), anAccount('b')], search)).toMatchObject({ code: 'usage_limit_reached' })
    expect(await told([anAccount('b')], search)).toMatchObject({ code: 'upstream_error' })
  })

  it('to send everything again when only a prewarm went to another account than the thread’s', async () => {
    const search = { last: fault('unreadable'), homeId: 'a', owner: owner('response', 'b') }
    expect(await told([anAccount('a'), anAccount('b')], search)).toMatchObject({ code: 'stream_incomplete' })
    const stayed = { ...search, owner: owner('response', 'a') }
    expect(await told([anAccount('a'), anAccount('b')], stayed)).toMatchObject({ code: 'upstream_error' })
  })
})
