import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AccessToken, createTokens, TokenError, type Tokens } from '../../../src/accounts/tokens.ts'
import { hourMs } from '../../../src/domain/quota.ts'
import type { Sender } from '../../../src/egress/outbound.ts'
import { Secret } from '../../../src/lib/secrets.ts'
import type { NewTokens, Store } from '../../../src/store/store.ts'
import { TransportError } from '../../../src/upstream/transport-error.ts'
import { nowMs } from '../../support/accounts.ts'
import { jwt } from '../../support/auth-json.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { createFakeAnswer } from '../../support/fake-answer.ts'
import { until } from '../../support/simulator-client.ts'
import { candidate, engines, imported, type TestDatabase } from '../../support/stores.ts'

type Reply = { status: number; body: unknown } | TransportError
const [sqlite] = engines()
let database: TestDatabase
let store: Store
let clock: ManualClock
let sent: string[]
let replies: Reply[]

const set = (name: string, expiresAtMs: number | null = nowMs + hourMs): NewTokens => ({
  accessToken: new Secret(jwt(expiresAtMs === null ? { name } : { name, exp: expiresAtMs / 1000 })),
  refreshToken: new Secret(`refresh-${name}`),
  idToken: null,
  expiresAtMs,
})
const rotation = (name: string): Reply => {
  const { accessToken, refreshToken } = set(name)
  return {
    status: 200,
    body: { access_token: accessToken.reveal(), refresh_token: refreshToken.reveal(), id_token: 'id' },
  }
}
const refused = (status: number, code: string): Reply => ({ status, body: { error: { code, message: 'No.' } } })
const isToken = (value: unknown): value is AccessToken =>
  typeof value === 'object' && value !== null && 'bearer' in value
const nameIn = ({ bearer }: { bearer: Secret }): string =>
  JSON.parse(Buffer.from(bearer.reveal().split('.')[1] ?? '', 'base64url').toString()).name

/** Answers refreshes from `replies`, and notes which token was sent. */
const client: Sender = {
  async send({ body }) {
    sent.push(JSON.parse(String(body)).refresh_token)
    const reply = replies.shift() ?? refused(500, 'nothing_prepared')
    if (reply instanceof TransportError) throw reply
    const answer = createFakeAnswer({ status: reply.status })
    setImmediate(() => {
      answer.give(JSON.stringify(reply.body))
      answer.finish()
    })
    return answer
  },
}

beforeEach(async () => {
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  store = await database.open()
  clock = createManualClock(nowMs)
  sent = []
  replies = []
})
afterEach(() => database.dispose())

const make = (over: Store = store, through: Sender = client): Tokens =>
  createTokens({ store: over, client: through, clock, authBaseUrl: 'http://auth.test', onRotated: () => {} })
const account = async (name: string, tokens = set(name)) => (await imported(store, name, { tokens })).id

/** The code of the token error, or the name of the token; the clock runs on while it waits. */
async function outcome(work: Promise<unknown>): Promise<string> {
  let ended: string | null = null
  work.then(
    (token) => {
      ended = isToken(token) ? nameIn(token) : 'done'
    },
    (error: unknown) => {
      ended = error instanceof TokenError ? `${error.kind}: ${error.code}` : `threw ${(error as Error).message}`
    },
  )
  await until(() => {
    if (ended === null) clock.advance(50)
    return ended !== null
  })
  return ended ?? ''
}

describe('an access token', () => {
  it.each<[string, number | null, boolean]>([
    ['that is good for an hour is used', nowMs + hourMs, false],
    ['that does not say its end is used', null, false],
    ['that ends in half a minute is renewed before', nowMs + 30_000, true],
    ['that has ended is renewed', nowMs - 1, true],
  ])('%s', async (_rule, expiresAtMs, isRenewed) => {
    const id = await account('old', set('old', expiresAtMs))
    replies = [rotation('new')]
    expect(await outcome(make().current(id))).toBe(isRenewed ? 'new' : 'old')
    expect(sent).toEqual(isRenewed ? ['refresh-old'] : [])
  })

  it('is renewed once for everybody who asks at the same time', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [rotation('new')]
    const tokens = make()
    const names = await Promise.all(Array.from({ length: 100 }, async () => nameIn(await tokens.current(id))))
    expect(new Set(names)).toEqual(new Set(['new']))
    expect(sent).toEqual(['refresh-old'])
    const stored = await store.accounts.credential(id)
    expect(stored?.refreshToken.reveal()).toBe('refresh-new')
  })

  it('that was refused is renewed once, however many were refused', async () => {
    const id = await account('old')
    replies = [rotation('new'), rotation('newer')]
    const tokens = make()
    const { version } = await tokens.current(id)
    await Promise.all(Array.from({ length: 20 }, () => tokens.renewed(id, version)))
    expect(await outcome(tokens.renewed(id, version))).toBe('new')
    expect(sent).toEqual(['refresh-old'])
  })

  it('that another process renewed meanwhile is taken over, and no refresh token is spent', async () => {
    const id = await account('old')
    const tokens = make()
    const { version } = await tokens.current(id)
    await store.accounts.rotateCredential(id, version, set('other'), nowMs)
    expect(await outcome(tokens.renewed(id, version))).toBe('other')
    expect(sent).toEqual([])
  })

  it('that another process renewed, and that has ended again, is renewed', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [rotation('new')]
    const tokens = make()
    await tokens.facts(id)
    const stored = await store.accounts.credential(id)
    await store.accounts.rotateCredential(id, stored?.version ?? 0, set('other', nowMs), nowMs)
    expect(await outcome(tokens.current(id))).toBe('new')
    expect(sent).toEqual(['refresh-other'])
  })

  it('of an account that was removed is none', async () => {
    const id = await account('old', set('old', nowMs))
    await store.accounts.remove(id)
    expect(await outcome(make().current(id))).toBe('reauth_required: account_removed')
  })
})

describe('a refresh that fails', () => {
  it.each<[string, Reply, string, 'kept' | 'spent']>([
    ['for good', refused(401, 'refresh_token_expired'), 'reauth_required: refresh_token_expired', 'spent'],
    [
      'because the account was closed',
      refused(403, 'account_deactivated'),
      'deactivated: account_deactivated',
      'spent',
    ],
    ['on the other side', refused(503, 'overloaded'), 'later: overloaded', 'kept'],
    ['for a reason that nobody knows', refused(400, 'something_new'), 'later: something_new', 'kept'],
    ['before it was sent', new TransportError('unreachable', new Error('no route')), 'later: auth_unreachable', 'kept'],
    ['on the way back', new TransportError('broken', new Error('reset')), 'reauth_required: reply_lost', 'spent'],
    ['without an answer', new TransportError('silent', new Error('timeout')), 'reauth_required: reply_lost', 'spent'],
    [
      'with an answer that lacks a token',
      { status: 200, body: { access_token: 'a' } },
      'reauth_required: invalid_response',
      'spent',
    ],
  ])('%s', async (_how, reply, expected, refreshToken) => {
    const id = await account('old', set('old', nowMs))
    replies = [reply, rotation('new')]
    const tokens = make()
    expect(await outcome(tokens.current(id))).toBe(expected)
    clock.advance(40_000)
    const again = await outcome(make().current(id))
    // A token that may be spent is never sent again, not even after a restart.
    expect(sent).toEqual(refreshToken === 'kept' ? ['refresh-old', 'refresh-old'] : ['refresh-old'])
    expect(again).toBe(refreshToken === 'kept' ? 'new' : 'reauth_required: refresh_interrupted')
  })

  it('for a passing reason rests a while before the next try', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [refused(503, 'overloaded'), rotation('new')]
    const tokens = make()
    expect(await outcome(tokens.current(id))).toBe('later: overloaded')
    clock.advance(4_000)
    await expect(tokens.current(id)).rejects.toMatchObject({ kind: 'later', code: 'overloaded' })
    expect(sent).toHaveLength(1)
    clock.advance(1_000)
    expect(await outcome(tokens.current(id))).toBe('new')
  })

  it('does not matter when the account was imported anew meanwhile', async () => {
    const id = await account('old', set('old', nowMs))
    const slow: Sender['send'] = async (request) => {
      await store.accounts.import(candidate('old', { tokens: set('imported') }), nowMs)
      return client.send(request, null)
    }
    replies = [refused(401, 'refresh_token_reused')]
    const tokens = createTokens({
      store,
      client: { ...client, send: slow },
      clock,
      authBaseUrl: 'http://auth.test',
      onRotated: () => {},
    })
    expect(await outcome(tokens.current(id))).toBe('imported')
  })
})

describe('a rotated token', () => {
  it('is not lost when the store fails: it is stored later, and nothing is sent again', async () => {
    const id = await account('old', set('old', nowMs))
    let fails = 7
    const rotateCredential: Store['accounts']['rotateCredential'] = (...given) =>
      fails-- > 0 ? Promise.reject(new Error('disk full')) : store.accounts.rotateCredential(...given)
    replies = [rotation('new')]
    const tokens = make({ ...store, accounts: { ...store.accounts, rotateCredential } })
    expect(await outcome(tokens.current(id))).toBe('threw disk full')
    expect(await outcome(tokens.current(id))).toBe('new')
    expect(sent).toEqual(['refresh-old'])
    expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe('refresh-new')
  })

  it('replaces the spent one that an import put back meanwhile', async () => {
    const id = await account('old', set('old', nowMs))
    const send: Sender['send'] = async (request) => {
      await store.accounts.import(candidate('old', { tokens: set('old', nowMs) }), nowMs)
      return client.send(request, null)
    }
    replies = [rotation('new')]
    const tokens = createTokens({
      store,
      client: { ...client, send },
      clock,
      authBaseUrl: 'http://auth.test',
      onRotated: () => {},
    })
    expect(await outcome(tokens.current(id))).toBe('new')
    expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe('refresh-new')
  })
})

describe('a refresh that another process has begun', () => {
  /** Asks for a token while another process holds the refresh; `version` is the one that is being refreshed. */
  async function ask() {
    const id = await account('old', set('old', nowMs))
    const version = (await store.accounts.credential(id))?.version ?? 0
    await store.accounts.beginRefresh(id, version, clock.now())
    let isWaiting = false
    const beginRefresh: Store['accounts']['beginRefresh'] = async (...given) => {
      const began = await store.accounts.beginRefresh(...given)
      isWaiting = true
      return began
    }
    const asked = make({ ...store, accounts: { ...store.accounts, beginRefresh } }).current(id)
    asked.catch(() => {})
    await until(() => isWaiting)
    return { id, version, asked }
  }

  it('is waited for', async () => {
    const { id, version, asked } = await ask()
    await store.accounts.rotateCredential(id, version, set('other'), nowMs)
    expect(await outcome(asked)).toBe('other')
    expect(sent).toEqual([])
  })

  it('and has given up is tried later', async () => {
    const { id, version, asked } = await ask()
    await store.accounts.abandonRefresh(id, version)
    expect(await outcome(asked)).toBe('later: refresh_failed_elsewhere')
    expect(sent).toEqual([])
  })

  it('and takes long does not hold a request up: another account may serve meanwhile', async () => {
    const { asked } = await ask()
    expect(await outcome(asked)).toBe('later: refresh_elsewhere')
    expect(sent).toEqual([])
  })

  it('and never ended is not repeated: the token may be spent', async () => {
    const { id, asked } = await ask()
    await outcome(asked)
    clock.advance(30_000)
    expect(await outcome(make().current(id))).toBe('reauth_required: refresh_interrupted')
    expect(sent).toEqual([])
  })
})

describe('ahead of time', () => {
  it('a token is renewed though it is good', async () => {
    const id = await account('old')
    replies = [rotation('new')]
    const tokens = make()
    const { version } = await tokens.facts(id)
    expect(await outcome(tokens.renewAhead(id, version))).toBe('done')
    expect(await outcome(tokens.current(id))).toBe('new')
    expect(sent).toEqual(['refresh-old'])
  })

  it('a token is not renewed twice: whoever looked before gets what there is', async () => {
    const id = await account('old')
    replies = [rotation('new'), rotation('newer')]
    const tokens = make()
    const { version } = await tokens.facts(id)
    await tokens.renewAhead(id, version)
    tokens.forgetAll()
    await tokens.renewAhead(id, version)
    expect(sent).toEqual(['refresh-old'])
  })

  it('and by a request at the same time it is renewed once', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [rotation('new')]
    const tokens = make()
    const { version } = await tokens.facts(id)
    const [bearer] = await Promise.all([tokens.current(id), tokens.renewAhead(id, version)])
    expect(nameIn(bearer)).toBe('new')
    expect(sent).toEqual(['refresh-old'])
  })

  it('a request goes on with the token that is good while it is renewed', async () => {
    const id = await account('old')
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    const send: Sender['send'] = async (request) => {
      await held
      return client.send(request, null)
    }
    replies = [rotation('new')]
    const tokens = make(store, { ...client, send })
    const { version } = await tokens.facts(id)
    const renewal = tokens.renewAhead(id, version)
    expect(await outcome(tokens.current(id))).toBe('old')
    answer()
    await renewal
    expect(await outcome(tokens.current(id))).toBe('new')
  })

  it('two processes at the same time renew it once, and both have the new one', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [rotation('new'), rotation('newer')]
    const processes = [make(), make(await database.open())]
    const [{ version } = { version: 0 }] = await Promise.all(processes.map((tokens) => tokens.facts(id)))
    const names = await outcome(Promise.all(processes.map((tokens) => tokens.renewAhead(id, version))))
    expect(names).toBe('done')
    expect(sent).toEqual(['refresh-old'])
    for (const tokens of processes) expect(await outcome(tokens.current(id))).toBe('new')
  })
})

describe('how tokens stand', () => {
  it('is read anew each time', async () => {
    const accessToken = new Secret(jwt({ iat: nowMs / 1000 - 60, exp: nowMs / 1000 + 60 }))
    const id = await account('old', { ...set('old'), accessToken, expiresAtMs: nowMs + 60_000 })
    const tokens = make()
    const first = await tokens.facts(id)
    const asImported = { issuedAtMs: nowMs - 60_000, expiresAtMs: nowMs + 60_000, refreshStartedAtMs: null }
    expect(first).toMatchObject({ ...asImported, hasUnsaved: false })
    await store.accounts.beginRefresh(id, first.version, nowMs)
    expect(await tokens.facts(id)).toMatchObject({ refreshStartedAtMs: nowMs })
    await store.accounts.rotateCredential(id, first.version, set('other', null), nowMs)
    const rotated = { version: first.version + 1, issuedAtMs: null, expiresAtMs: null, refreshStartedAtMs: null }
    expect(await tokens.facts(id)).toMatchObject(rotated)
  })

  it('after a passing failure is as before: the refresh may be tried again', async () => {
    const id = await account('old')
    replies = [refused(503, 'overloaded')]
    const tokens = make()
    expect(await outcome(tokens.renewAhead(id, 1))).toBe('later: overloaded')
    expect(await tokens.facts(id)).toMatchObject({ refreshStartedAtMs: null })
  })

  it('names a rotation that the store has not taken, and a renewal brings it home without the network', async () => {
    const id = await account('old')
    let isFull = true
    const rotateCredential: Store['accounts']['rotateCredential'] = (...given) =>
      isFull ? Promise.reject(new Error('disk full')) : store.accounts.rotateCredential(...given)
    replies = [rotation('new')]
    const tokens = make({ ...store, accounts: { ...store.accounts, rotateCredential } })
    expect(await outcome(tokens.renewAhead(id, 1))).toBe('threw disk full')
    expect(await tokens.facts(id)).toMatchObject({ hasUnsaved: true })
    isFull = false
    await tokens.renewAhead(id, 1)
    expect(await tokens.facts(id)).toMatchObject({ hasUnsaved: false, version: 2 })
    expect(sent).toEqual(['refresh-old'])
  })
})

describe('a sign-in that was refused for good', () => {
  it('keeps its name when it is asked for again', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [refused(401, 'refresh_token_reused')]
    const tokens = make()
    expect(await outcome(tokens.current(id))).toBe('reauth_required: refresh_token_reused')
    clock.advance(40_000)
    expect(await outcome(tokens.current(id))).toBe('reauth_required: refresh_token_reused')
    expect(sent).toEqual(['refresh-old'])
  })

  it('is forgotten when another token is imported', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [refused(401, 'refresh_token_reused'), rotation('new')]
    const tokens = make()
    await outcome(tokens.current(id))
    await store.accounts.import(candidate('old', { tokens: set('imported', nowMs), refreshedAtMs: nowMs }), nowMs)
    tokens.forgetAll()
    expect(await outcome(tokens.current(id))).toBe('new')
    expect(sent).toEqual(['refresh-old', 'refresh-imported'])
  })
})

describe('what is said about a failed refresh', () => {
  const token = 'refresh-old'
  it.each<[string, unknown]>([
    ['as the code', { error: { code: token } }],
    ['in upper case', { error: { code: token.toUpperCase() } }],
    ['inside the code', { error: { error: `unknown_${token}` } }],
    ['as the whole error', { error: token }],
    ['in a sentence', { error: `The token ${token} is unknown.` }],
    ['as another code', { error_code: token }],
    ['in the message', { code: 'not_now', message: `The token ${token} is unknown.` }],
  ])('never has the token, even when the answer has it %s', async (_where, body) => {
    const id = await account('old', set('old', nowMs))
    replies = [{ status: 400, body }]
    const error = await make()
      .current(id)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TokenError)
    expect(inspect(error, { depth: 9, showHidden: true }).toLowerCase()).not.toContain(token)
    expect(['http_400', 'not_now']).toContain((error as TokenError).code)
  })

  it('never has the tokens that came back incomplete', async () => {
    const id = await account('old', set('old', nowMs))
    replies = [{ status: 200, body: { access_token: 'access-new', refresh_token: 'refresh-new' } }]
    const error = await make()
      .current(id)
      .catch((thrown: unknown) => thrown)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/(access|refresh)-new/)
  })
})
