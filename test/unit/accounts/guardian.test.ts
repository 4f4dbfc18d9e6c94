import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGuardian, type Guardian, type SignInNews } from '../../../src/accounts/guardian.ts'
import { createTokens, TokenError, type Tokens } from '../../../src/accounts/tokens.ts'
import { type Health, healthy } from '../../../src/domain/account.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import type { Sender } from '../../../src/egress/outbound.ts'
import { Secret } from '../../../src/lib/secrets.ts'
import type { Store } from '../../../src/store/store.ts'
import { TransportError } from '../../../src/upstream/transport-error.ts'
import { nowMs } from '../../support/accounts.ts'
import { jwt } from '../../support/auth-json.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { createFakeAnswer } from '../../support/fake-answer.ts'
import { until } from '../../support/simulator-client.ts'
import { engines, imported, type TestDatabase } from '../../support/stores.ts'

// The guardian with the real tokens on a real store; only the sign-in server is played.

type Reply = 'rotate' | 'rotate_opaque' | { status: number; code: string } | 'lost' | 'unreachable'
type News = [name: string, kind: string, code: string | null]
type Ward = { name: string; id: string; health: Health; refreshedAtMs: number }

const [sqlite] = engines()
let database: TestDatabase
let store: Store
let clock: ManualClock
let wards: Ward[]
/** Names, in the order in which their refresh tokens came. */
let sent: string[]
let atOnce: number
let mostAtOnce: number
let reply: (name: string) => Reply
let news: News[]
let errors: [name: string, error: string][]

const lifeMs = 10 * dayMs
const jwtEnding = (endMs: number) => jwt({ iat: (endMs - lifeMs) / 1000, exp: endMs / 1000 })

const client: Sender = {
  async send({ body }) {
    const name = String(JSON.parse(String(body)).refresh_token).replace(/^refresh-|-next$/g, '')
    sent.push(name)
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    const given = reply(name)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    atOnce--
    if (given === 'lost') throw new TransportError('silent', new Error('timeout'))
    if (given === 'unreachable') throw new TransportError('unreachable', new Error('no route'))
    const tokens = {
      access_token: given === 'rotate' ? jwtEnding(clock.now() + lifeMs) : `opaque-${name}-next`,
      refresh_token: `refresh-${name}-next`,
      id_token: 'id',
    }
    const isGiven = given === 'rotate' || given === 'rotate_opaque'
    const answer = createFakeAnswer({ status: isGiven ? 200 : given.status })
    setImmediate(() => {
      answer.give(JSON.stringify(isGiven ? tokens : { error: { code: given.code } }))
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
  wards = []
  sent = []
  atOnce = 0
  mostAtOnce = 0
  news = []
  errors = []
  reply = () => 'rotate'
})
afterEach(() => database.dispose())

/** An account whose access token ends at this time; `null`: it does not say. */
async function ward(name: string, endsInMs: number | null, given: Partial<Health> = {}): Promise<Ward> {
  const expiresAtMs = endsInMs === null ? null : nowMs + endsInMs
  const accessToken = new Secret(expiresAtMs === null ? `opaque-${name}` : jwtEnding(expiresAtMs))
  const tokens = { accessToken, refreshToken: new Secret(`refresh-${name}`), idToken: null, expiresAtMs }
  const { id } = await imported(store, name, { tokens, refreshedAtMs: nowMs - hourMs })
  const made: Ward = { name, id, health: { ...healthy, ...given }, refreshedAtMs: nowMs - hourMs }
  wards.push(made)
  return made
}
const nameOf = (id: string) => wards.find((one) => one.id === id)?.name ?? id
const makeTokens = (over: Store = store) =>
  createTokens({ store: over, client, clock, authBaseUrl: 'http://auth.test', onRotated: () => {} })

/** Folds the news into the accounts, as the pool does. */
function guard(tokens: Pick<Tokens, 'facts' | 'renewAhead'> = makeTokens()): Guardian {
  const report = (id: string, event: SignInNews) => {
    const one = wards.find((ward) => ward.id === id)
    if (!one) throw new Error(`There is no account ${id}.`)
    news.push([one.name, event.kind, 'code' in event ? event.code : null])
    const signIn = event.kind === 'sign_in_lost' ? event.as : 'ok'
    one.health = { ...one.health, signIn, signInReason: 'code' in event ? event.code : null }
  }
  return createGuardian({
    pool: { accounts: () => wards, report },
    tokens,
    clock,
    onError: (id, error) => errors.push([nameOf(id), error instanceof TokenError ? error.code : String(error)]),
  })
}
/** Runs as the job does, every five minutes. */
async function runs(guardian: Guardian, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await guardian.run()
    clock.advance(5 * minuteMs)
  }
}
/** The clock runs on while it waits. */
async function hurried(work: Promise<unknown>): Promise<void> {
  let isOver = false
  const ended = work.finally(() => {
    isOver = true
  })
  await until(() => {
    if (!isOver) clock.advance(50)
    return isOver
  })
  await ended
}
const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`)

describe('the guardian', () => {
  it('renews what is due and leaves the rest', async () => {
    await ward('due', hourMs)
    await ward('over', -hourMs)
    await ward('young', 9 * dayMs)
    const guardian = guard()
    await guardian.run()
    expect(sent.toSorted()).toEqual(['due', 'over'])
    await guardian.run()
    expect(sent).toHaveLength(2)
    expect(news).toEqual([])
  })

  it('cares for paused accounts too, and never for those that are signed out or closed', async () => {
    await ward('paused', hourMs, { paused: true })
    await ward('out', hourMs, { signIn: 'reauth_required', signInReason: 'refresh_token_expired' })
    await ward('closed', hourMs, { signIn: 'deactivated', signInReason: 'account_deleted' })
    await guard().run()
    expect(sent).toEqual(['paused'])
  })

  it('renews by age what does not name its end', async () => {
    const old = await ward('old', null)
    old.refreshedAtMs = nowMs - 7 * dayMs
    await ward('young', null)
    await guard().run()
    expect(sent).toEqual(['old'])
  })

  it('does not renew again what was renewed just now, though the account is not read anew yet', async () => {
    const old = await ward('old', null)
    const long = await ward('long', 90 * dayMs)
    for (const one of [old, long]) one.refreshedAtMs = nowMs - 20 * dayMs
    const issued = (await store.accounts.credential(long.id))?.version ?? 0
    const given = { accessToken: new Secret(jwt({ exp: nowMs / 1000 + 90 * 86_400 })), idToken: null }
    const next = { ...given, refreshToken: new Secret('refresh-long'), expiresAtMs: nowMs + 90 * dayMs }
    await store.accounts.rotateCredential(long.id, issued, next, nowMs)
    reply = (name) => (name === 'old' ? 'rotate_opaque' : 'rotate')
    await runs(guard(), 3)
    expect(sent.toSorted()).toEqual(['long', 'old'])
  })

  it('begins with the most urgent, alone, and then takes three at a time', async () => {
    for (const [i, name] of names(12).entries()) await ward(name, 12 * hourMs - i * hourMs)
    await guard().run()
    expect(sent[0]).toBe('n11')
    expect(sent).toHaveLength(12)
    expect(mostAtOnce).toBe(3)
  })

  it('takes thirty in one run', async () => {
    for (const name of names(35)) await ward(name, hourMs)
    const guardian = guard()
    await guardian.run()
    expect(new Set(sent).size).toBe(30)
    await guardian.run()
    expect(new Set(sent).size).toBe(35)
    expect(sent).toHaveLength(35)
  })

  it('does not run twice at once', async () => {
    for (const name of names(3)) await ward(name, hourMs)
    const guardian = guard()
    await Promise.all([guardian.run(), guardian.run()])
    expect(sent).toHaveLength(3)
  })

  it('begins nothing after it was stopped', async () => {
    for (const name of names(9)) await ward(name, hourMs)
    const guardian = guard()
    reply = () => {
      if (sent.length === 4) guardian.stop()
      return 'rotate'
    }
    await guardian.run()
    expect(sent.length).toBeLessThanOrEqual(6)
    expect(atOnce).toBe(0)
  })
})

describe('an account that cannot be renewed for a passing reason', () => {
  it('is tried again after 5, 10, 20, 40 and then every 60 minutes', async () => {
    await ward('a', hourMs)
    const triedAt: number[] = []
    reply = () => {
      triedAt.push((clock.now() - nowMs) / minuteMs)
      return { status: 400, code: 'something_new' }
    }
    await runs(guard(), 50)
    expect(triedAt).toEqual([0, 5, 15, 35, 75, 135, 195])
    expect(news).toEqual([])
  })

  it('starts over once it was renewed', async () => {
    await ward('a', hourMs)
    reply = () => (sent.length <= 2 ? { status: 400, code: 'something_new' } : 'rotate')
    const guardian = guard()
    await runs(guardian, 4)
    expect(sent).toHaveLength(3)
    // The renewed token lives ten days; by then the next failure is a first one again.
    clock.advance(lifeMs)
    reply = () => ({ status: 400, code: 'something_new' })
    const before = sent.length
    await runs(guardian, 2)
    expect(sent.length - before).toBe(2)
  })

  it('does not keep the others from being renewed', async () => {
    await ward('bad', hourMs)
    await ward('odd', 2 * hourMs)
    for (const name of names(6)) await ward(name, 3 * hourMs)
    reply = (name) => {
      if (name === 'bad') return { status: 400, code: 'something_new' }
      return name === 'odd' ? { status: 403, code: 'something_else' } : 'rotate'
    }
    await guard().run()
    expect(sent).toHaveLength(8)
    expect(errors).toEqual([
      ['bad', 'something_new'],
      ['odd', 'something_else'],
    ])
  })

  it('nor does one whose tokens cannot be read', async () => {
    const broken = await ward('broken', hourMs)
    await ward('gone', hourMs)
    await ward('fine', hourMs)
    await store.accounts.remove(wards[1]?.id ?? '')
    const tokens = makeTokens()
    const facts: Tokens['facts'] = (id) =>
      id === broken.id ? Promise.reject(new Error('sealed with another key')) : tokens.facts(id)
    await guard({ ...tokens, facts }).run()
    expect(sent).toEqual(['fine'])
    expect(errors).toEqual([['broken', 'Error: sealed with another key']])
  })

  it('is still renewed at once when a request needs it', async () => {
    const { id } = await ward('a', minuteMs)
    reply = () => (sent.length === 1 ? { status: 503, code: 'overloaded' } : 'rotate')
    const tokens = makeTokens()
    await guard(tokens).run()
    clock.advance(minuteMs)
    await tokens.current(id)
    expect(sent).toHaveLength(2)
  })
})

describe('when the sign-in server is out', () => {
  it.each<Reply>(['unreachable', { status: 503, code: 'http_503' }])(
    'three accounts learn it, and the others are left in peace: %j',
    async (failure) => {
      for (const name of names(20)) await ward(name, hourMs)
      reply = () => failure
      const guardian = guard()
      await guardian.run()
      expect(sent).toHaveLength(3)
      await guardian.run()
      expect(sent).toHaveLength(3)
      expect(news).toEqual([])
    },
  )

  it('it is asked less and less, and everything is made up for when it is back', async () => {
    for (const name of names(20)) await ward(name, hourMs)
    reply = () => 'unreachable'
    const guardian = guard()
    await runs(guardian, 36)
    expect(sent.length).toBeLessThanOrEqual(18)
    reply = () => 'rotate'
    sent = []
    await runs(guardian, 24)
    expect(new Set(sent).size).toBe(20)
    expect(sent).toHaveLength(20)
  })

  it('and swallows what it is sent, one token is lost at a time, not the pool', async () => {
    for (const name of names(20)) await ward(name, hourMs)
    reply = () => 'lost'
    const guardian = guard()
    await guardian.run()
    expect(sent).toHaveLength(1)
    await runs(guardian, 36)
    expect(sent.length).toBeLessThanOrEqual(7)
    expect(new Set(sent).size).toBe(sent.length)
  })

  it('and says the same no to everybody, it is not believed for the whole pool at once', async () => {
    for (const name of names(20)) await ward(name, hourMs)
    reply = () => ({ status: 400, code: 'invalid_grant' })
    await guard().run()
    expect(sent).toHaveLength(3)
  })

  it('nothing is renewed while the store cannot keep it', async () => {
    for (const name of names(5)) await ward(name, hourMs)
    let isFull = true
    const rotateCredential: Store['accounts']['rotateCredential'] = (...given) =>
      isFull ? Promise.reject(new Error('disk full')) : store.accounts.rotateCredential(...given)
    const guardian = guard(makeTokens({ ...store, accounts: { ...store.accounts, rotateCredential } }))
    await hurried(guardian.run())
    expect(sent).toHaveLength(1)
    isFull = false
    clock.advance(5 * minuteMs)
    await guardian.run()
    expect(sent).toHaveLength(5)
    for (const { id, name } of wards) {
      expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe(`refresh-${name}-next`)
    }
  })
})

describe('a sign-in that is refused for good', () => {
  it('is named while the access token is good, and ends with it, without being sent again', async () => {
    await ward('a', 2 * hourMs)
    reply = () => ({ status: 401, code: 'refresh_token_reused' })
    const guardian = guard()
    await runs(guardian, 12)
    expect(news).toEqual([['a', 'sign_in_ending', 'refresh_token_reused']])
    await runs(guardian, 14)
    expect(news.slice(1)).toEqual([['a', 'sign_in_lost', 'refresh_token_reused']])
    expect(sent).toEqual(['a'])
  })

  it.each<[string, number, Reply, string, string]>([
    [
      'is over at once with an access token that has ended',
      -1,
      { status: 401, code: 'invalid_grant' },
      'sign_in_lost',
      'invalid_grant',
    ],
    [
      'is over at once when the account was closed',
      hourMs,
      { status: 403, code: 'account_deleted' },
      'sign_in_lost',
      'account_deleted',
    ],
    ['serves on when only the answer was lost', hourMs, 'lost', 'sign_in_ending', 'reply_lost'],
  ])('%s', async (_how, endsInMs, failure, kind, code) => {
    await ward('a', endsInMs)
    reply = () => failure
    await guard().run()
    expect(news).toEqual([['a', kind, code]])
  })

  it('keeps its name over a restart', async () => {
    await ward('a', 2 * hourMs)
    reply = () => ({ status: 401, code: 'refresh_token_reused' })
    await guard().run()
    clock.advance(2 * hourMs)
    await guard().run()
    expect(news.at(-1)).toEqual(['a', 'sign_in_lost', 'refresh_token_reused'])
    expect(sent).toEqual(['a'])
  })
})

describe('a refresh that another process began', () => {
  const mark = async ({ id }: Ward) => {
    const version = (await store.accounts.credential(id))?.version ?? 0
    expect(await store.accounts.beginRefresh(id, version, clock.now())).toBe(true)
    return version
  }

  it('and is at, is left to it', async () => {
    await mark(await ward('a', hourMs))
    await guard().run()
    expect({ sent, news, errors }).toEqual({ sent: [], news: [], errors: [] })
  })

  it('and never ended, is named, is not repeated, and ends the sign-in with the access token, also of a paused account', async () => {
    await mark(await ward('a', 2 * hourMs, { paused: true }))
    clock.advance(minuteMs)
    const guardian = guard()
    await runs(guardian, 3)
    expect(news).toEqual([['a', 'sign_in_ending', 'refresh_interrupted']])
    clock.advance(2 * hourMs)
    await guardian.run()
    expect(news.slice(1)).toEqual([['a', 'sign_in_lost', 'refresh_interrupted']])
    expect(sent).toEqual([])
  })

  it('and ended late after all, is taken as good', async () => {
    const one = await ward('a', 2 * hourMs)
    const version = await mark(one)
    clock.advance(minuteMs)
    const guardian = guard()
    await guardian.run()
    const next = { accessToken: new Secret(jwtEnding(nowMs + lifeMs)), refreshToken: new Secret('refresh-late') }
    await store.accounts.rotateCredential(
      one.id,
      version,
      { ...next, idToken: null, expiresAtMs: nowMs + lifeMs },
      nowMs,
    )
    await guardian.run()
    expect(news.map(([, kind]) => kind)).toEqual(['sign_in_ending', 'signed_in'])
    expect(one.health).toMatchObject({ signIn: 'ok', signInReason: null })
  })

  it('is not begun again: of two guardians on one database each token goes out once', async () => {
    for (const name of names(12)) await ward(name, hourMs)
    const other = makeTokens(await database.open())
    await hurried(Promise.all([guard().run(), guard(other).run()]))
    expect(sent).toHaveLength(12)
    expect(new Set(sent).size).toBe(12)
    expect(news).toEqual([])
    for (const { id, name } of wards) {
      const stored = await store.accounts.credential(id)
      expect(stored).toMatchObject({ version: 2, refreshStartedAtMs: null })
      expect(stored?.refreshToken.reveal()).toBe(`refresh-${name}-next`)
    }
  })
})
