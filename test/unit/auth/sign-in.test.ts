import { generate } from 'otplib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Caller, createSignIn, type SignIn } from '../../../src/auth/sign-in.ts'
import { fingerprint, Secret } from '../../../src/lib/secrets.ts'
import type { Store } from '../../../src/store/store.ts'
import { createManualClock, type ManualClock } from '../../support/clock.ts'
import { engines, type TestDatabase } from '../../support/stores.ts'

const minute = 60_000
const day = 24 * 60 * minute
const password = 'correct horse'

let database: TestDatabase
let store: Store
let clock: ManualClock
let signIn: SignIn

beforeEach(async () => {
  const [sqlite] = engines()
  if (!sqlite) throw new Error('There is no engine.')
  database = await sqlite.create()
  store = await database.open()
  clock = createManualClock(Date.UTC(2026, 0, 15, 12))
  signIn = createSignIn({ store, clock })
})
afterEach(() => database.dispose())

const caller = (token: string | null = null, given: Partial<Caller> = {}): Caller => ({
  token,
  isLocal: true,
  address: '127.0.0.1',
  userAgent: 'a browser',
  ...given,
})
const remote = (token: string | null = null) => caller(token, { isLocal: false, address: '203.0.113.5' })
const kindOf = async (one: Caller) => (await signIn.standing(one)).kind
const refused = (work: Promise<unknown>, code: string) => expect(work).rejects.toMatchObject({ code })
const codeNow = (secret: Secret) => generate({ secret: secret.reveal(), epoch: Math.floor(clock.now() / 1000) })

/** A password, and one browser that is signed in. */
async function withPassword(): Promise<Caller> {
  const { token } = await signIn.setFirstPassword(caller(), password, null)
  return caller(token)
}

/** A second factor as well. */
async function withTotp() {
  const me = await withPassword()
  const { secret } = await signIn.startTotp(me)
  const recoveryCodes = await signIn.confirmTotp(me, await codeNow(secret))
  clock.advance(minute)
  return { me, secret, recoveryCodes }
}

describe('before there is a password', { timeout: 30_000 }, () => {
  it('this machine is in, and others must bring the token', async () => {
    expect(await signIn.standing(caller())).toEqual({ kind: 'open' })
    expect(await signIn.standing(remote())).toEqual({ kind: 'stranger', needs: 'bootstrap' })
    expect(await signIn.standing(remote('a planted cookie'))).toEqual({ kind: 'stranger', needs: 'bootstrap' })
  })

  it('nothing can be logged into or changed', async () => {
    await refused(signIn.logIn(caller(), password), 'password_not_configured')
    await refused(signIn.changePassword(caller(), '', password), 'authentication_required')
    await refused(signIn.removePassword(caller(), ''), 'authentication_required')
    await refused(signIn.startTotp(caller()), 'authentication_required')
    await refused(signIn.giveCode(caller(), '123456'), 'authentication_required')
  })

  it('another machine sets the first one with the token, which then is used up', async () => {
    await refused(signIn.setFirstPassword(remote(), password, 'boot'), 'invalid_bootstrap_token')
    await signIn.offerBootstrap(new Secret('boot'))
    for (const wrong of [null, '', 'Boot', 'boot ', fingerprint('boot')]) {
      await refused(signIn.setFirstPassword(remote(), password, wrong), 'invalid_bootstrap_token')
    }
    expect((await signIn.state()).passwordHash).toBeNull()
    const { token } = await signIn.setFirstPassword(remote(), password, 'boot')
    expect(await kindOf(remote(token))).toBe('signed_in')
    await refused(signIn.setFirstPassword(remote(), 'another one', 'boot'), 'invalid_bootstrap_token')
    await refused(signIn.setFirstPassword(caller(), 'another one', null), 'password_already_configured')
    expect((await signIn.logIn(caller(), password)).token).toBeTruthy()
  })

  it('of several who set the first one at once one succeeds', async () => {
    const tries = ['one', 'two', 'three'].map((text) => signIn.setFirstPassword(caller(), `password ${text}`, null))
    const outcomes = await Promise.allSettled(tries)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await store.sessions.list(clock.now())).toHaveLength(1)
  })
})

describe('a password', { timeout: 30_000 }, () => {
  it('makes this machine a stranger too', async () => {
    const me = await withPassword()
    expect(await signIn.standing(caller())).toEqual({ kind: 'stranger', needs: 'password' })
    expect(await kindOf(me)).toBe('signed_in')
    // Whoever has the cookie is in, wherever the browser is now.
    expect(await kindOf(remote(me.token))).toBe('signed_in')
  })

  it('is checked, and each sign-in is a session with a cookie of its own', async () => {
    await withPassword()
    await refused(signIn.logIn(caller(), 'wrong horse'), 'invalid_credentials')
    await refused(signIn.logIn(caller(), `${password} `), 'invalid_credentials')
    const [one, other] = [await signIn.logIn(caller(), password), await signIn.logIn(caller(), password)]
    expect(one.token).not.toBe(other.token)
    expect(one.token).toMatch(/^[\w-]{43}$/)
    expect(await store.sessions.list(clock.now())).toHaveLength(3)
  })

  it('never adopts a cookie that somebody planted, and ends the session of the one that was there', async () => {
    const me = await withPassword()
    const { token } = await signIn.logIn(caller('planted'), password)
    expect(token).not.toBe('planted')
    expect(await kindOf(caller('planted'))).toBe('stranger')
    const again = await signIn.logIn(caller(token), password)
    expect(again.token).not.toBe(token)
    expect(await kindOf(caller(token))).toBe('stranger')
    expect(await kindOf(me)).toBe('signed_in')
  })

  it('stands in the database only as a hash, and so do cookies', async () => {
    const me = await withPassword()
    const stored = JSON.stringify([await signIn.state(), await store.sessions.list(clock.now())])
    expect(stored).not.toContain(password)
    expect(stored).not.toContain(me.token)
    expect(stored).toContain(fingerprint(me.token ?? ''))
  })

  it('that changes ends the other sessions, and the old one opens nothing', async () => {
    const me = await withPassword()
    const other = caller((await signIn.logIn(caller(), password)).token)
    await refused(signIn.changePassword(me, 'wrong horse', 'a new one'), 'invalid_credentials')
    await refused(signIn.changePassword(caller(), password, 'a new one'), 'authentication_required')
    expect(await kindOf(other)).toBe('signed_in')
    await signIn.changePassword(me, password, 'a new one')
    expect([await kindOf(me), await kindOf(other)]).toEqual(['signed_in', 'stranger'])
    await refused(signIn.logIn(caller(), password), 'invalid_credentials')
    await signIn.logIn(caller(), 'a new one')
  })

  it('that changes while somebody signs in with the old one leaves no session behind', async () => {
    const me = await withPassword()
    const meanwhile = createSignIn({
      clock,
      store: {
        ...store,
        sessions: {
          ...store.sessions,
          async add(session) {
            await signIn.changePassword(me, password, 'a new one')
            await store.sessions.add(session)
          },
        },
      },
    })
    await refused(meanwhile.logIn(caller(), password), 'authentication_required')
    expect(await store.sessions.list(clock.now())).toHaveLength(1)
  })

  it('that is removed opens this machine again, without sessions or second factor', async () => {
    const { me, secret } = await withTotp()
    await refused(signIn.removePassword(me, 'wrong horse'), 'invalid_credentials')
    await signIn.removePassword(me, password)
    expect(await kindOf(me)).toBe('open')
    expect(await signIn.standing(remote(me.token))).toEqual({ kind: 'stranger', needs: 'bootstrap' })
    expect(await signIn.state()).toMatchObject({ passwordHash: null, totpSecret: null, recoveryCodesLeft: 0 })
    const next = caller((await signIn.setFirstPassword(caller(), password, null)).token)
    await refused(signIn.disableTotp(next, await codeNow(secret)), 'invalid_totp_code')
  })

  it('can be guessed at eight times a minute, the right one included', async () => {
    await withPassword()
    for (let n = 0; n < 8; n++) await refused(signIn.logIn(remote(), 'wrong horse'), 'invalid_credentials')
    await refused(signIn.logIn(remote(), password), 'too_many_attempts')
    await signIn.logIn(caller(), password)
    clock.advance(minute)
    await signIn.logIn(remote(), password)
  })

  it('is guessed at where it is asked again, too', async () => {
    const me = await withPassword()
    for (let n = 0; n < 4; n++) {
      await refused(signIn.changePassword(me, 'wrong horse', 'a new one'), 'invalid_credentials')
      await refused(signIn.removePassword(me, 'wrong horse'), 'invalid_credentials')
    }
    await refused(signIn.changePassword(me, password, 'a new one'), 'too_many_attempts')
    await refused(signIn.removePassword(me, password), 'too_many_attempts')
  })
})

describe('a session', { timeout: 30_000 }, () => {
  it('lasts seven days after its last use', async () => {
    const me = await withPassword()
    clock.advance(7 * day - 1)
    expect(await kindOf(me)).toBe('signed_in')
    clock.advance(7 * day - 1)
    expect(await kindOf(me)).toBe('signed_in')
    clock.advance(7 * day)
    expect(await kindOf(me)).toBe('stranger')
  })

  it('lasts thirty days at most, and its cookie no longer', async () => {
    const startMs = clock.now()
    const { token, expiresAtMs } = await signIn.setFirstPassword(caller(), password, null)
    expect(expiresAtMs).toBe(startMs + 30 * day)
    for (let n = 0; n < 29; n++) {
      clock.advance(day)
      expect(await kindOf(caller(token)), `day ${n}`).toBe('signed_in')
    }
    clock.advance(day - 1)
    expect(await kindOf(caller(token))).toBe('signed_in')
    clock.advance(1)
    expect(await kindOf(caller(token))).toBe('stranger')
  })

  it('writes its use down once a minute, not with every request', async () => {
    const me = await withPassword()
    const seen = async () => (await store.sessions.list(clock.now()))[0]?.lastSeenAtMs
    const before = await seen()
    clock.advance(minute - 1)
    await signIn.standing(me)
    expect(await seen()).toBe(before)
    clock.advance(1)
    await signIn.standing(me)
    expect(await seen()).toBe(clock.now())
  })

  it('ends when it is logged out, and the others stay', async () => {
    const me = await withPassword()
    const other = caller((await signIn.logIn(caller(), password)).token)
    await signIn.logOut(me)
    await signIn.logOut(me)
    await signIn.logOut(caller())
    expect([await kindOf(me), await kindOf(other)]).toEqual(['stranger', 'signed_in'])
  })

  it('can end all others, half-way ones included', async () => {
    const { me } = await withTotp()
    const half = caller((await signIn.logIn(remote(), password)).token)
    await refused(signIn.logOutOthers(half), 'totp_required')
    expect(await signIn.sessions(me)).toHaveLength(2)
    expect(await signIn.logOutOthers(me)).toBe(1)
    expect([await kindOf(me), await kindOf(half)]).toEqual(['signed_in', 'stranger'])
    expect((await signIn.sessions(me)).map(({ isCurrent }) => isCurrent)).toEqual([true])
  })
})

describe('the second factor', { timeout: 30_000 }, () => {
  it('is set up by the session that was shown the secret, within ten minutes', async () => {
    const me = await withPassword()
    const other = caller((await signIn.logIn(caller(), password)).token)
    const { secret } = await signIn.startTotp(me)
    await refused(signIn.confirmTotp(other, await codeNow(secret)), 'invalid_totp_setup')
    await refused(signIn.confirmTotp(me, '000000'), 'invalid_totp_code')
    clock.advance(10 * minute)
    await refused(signIn.confirmTotp(me, await codeNow(secret)), 'invalid_totp_setup')
    expect((await signIn.state()).totpSecret).toBeNull()

    const again = await signIn.startTotp(me)
    expect(again.secret.reveal()).not.toBe(secret.reveal())
    expect(await signIn.confirmTotp(me, await codeNow(again.secret))).toHaveLength(10)
    expect([await kindOf(me), await kindOf(other)]).toEqual(['signed_in', 'stranger'])
    await refused(signIn.startTotp(me), 'totp_already_configured')
    await refused(signIn.confirmTotp(me, await codeNow(again.secret)), 'invalid_totp_setup')
  })

  it('leaves whoever gave the password half-way: it opens nothing and ends after ten minutes', async () => {
    await withTotp()
    const { token, expiresAtMs } = await signIn.logIn(caller(), password)
    expect(expiresAtMs).toBe(clock.now() + 10 * minute)
    const half = caller(token)
    expect(await kindOf(half)).toBe('owes_code')
    for (const work of [
      () => signIn.changePassword(half, password, 'a new one'),
      () => signIn.removePassword(half, password),
      () => signIn.startTotp(half),
      () => signIn.confirmTotp(half, '123456'),
      () => signIn.disableTotp(half, '123456'),
      () => signIn.logOutOthers(half),
      () => signIn.sessions(half),
    ]) {
      await refused(work(), 'totp_required')
    }
    clock.advance(10 * minute - 1)
    expect(await kindOf(half)).toBe('owes_code')
    clock.advance(1)
    expect(await kindOf(half)).toBe('stranger')
  })

  it('lets in with a code, under a new cookie, and each code once', async () => {
    const { secret } = await withTotp()
    const code = await codeNow(secret)
    const half = caller((await signIn.logIn(caller(), password)).token)
    const { token } = await signIn.giveCode(half, ` ${code} `)
    expect(token).not.toBe(half.token)
    expect([await kindOf(caller(token)), await kindOf(half)]).toEqual(['signed_in', 'stranger'])

    const next = caller((await signIn.logIn(caller(), password)).token)
    await refused(signIn.giveCode(next, code), 'invalid_totp_code')
    clock.advance(30_000)
    await refused(signIn.giveCode(next, code), 'invalid_totp_code')
    await signIn.giveCode(next, await codeNow(secret))
  })

  it('does not take the code of the set-up again, nor one of an earlier step', async () => {
    const me = await withPassword()
    const { secret } = await signIn.startTotp(me)
    const earlier = await codeNow(secret)
    clock.advance(30_000)
    const code = await codeNow(secret)
    await signIn.confirmTotp(me, code)
    const half = caller((await signIn.logIn(caller(), password)).token)
    for (const used of [code, earlier]) await refused(signIn.giveCode(half, used), 'invalid_totp_code')
  })

  it('of two who give the same code at once lets one in', async () => {
    const { secret } = await withTotp()
    const halves = [await signIn.logIn(caller(), password), await signIn.logIn(caller(), password)]
    const code = await codeNow(secret)
    const tries = await Promise.allSettled(halves.map(({ token }) => signIn.giveCode(caller(token), code)))
    expect(tries.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })

  it('takes each recovery code once, in any spelling', async () => {
    const { recoveryCodes } = await withTotp()
    const [code = ''] = recoveryCodes
    const half = caller((await signIn.logIn(caller(), password)).token)
    await refused(signIn.giveCode(half, 'aaaaa-aaaaa'), 'invalid_totp_code')
    const { token } = await signIn.giveCode(half, code.toUpperCase().replace('-', ' '))
    expect(await kindOf(caller(token))).toBe('signed_in')
    expect((await signIn.state()).recoveryCodesLeft).toBe(9)
    const next = caller((await signIn.logIn(caller(), password)).token)
    await refused(signIn.giveCode(next, code), 'invalid_totp_code')
  })

  it('gives whoever knows the password no more than eight codes a minute', async () => {
    const { secret } = await withTotp()
    const half = remote((await signIn.logIn(remote(), password)).token)
    for (let n = 0; n < 7; n++) await refused(signIn.giveCode(half, '000000'), 'invalid_totp_code')
    const again = remote((await signIn.logIn(remote(), password)).token)
    await refused(signIn.giveCode(again, '000000'), 'invalid_totp_code')
    await refused(signIn.giveCode(again, await codeNow(secret)), 'too_many_attempts')
  })

  it('is asked of nobody who is not half-way', async () => {
    const { me, secret } = await withTotp()
    await refused(signIn.giveCode(caller(), await codeNow(secret)), 'authentication_required')
    await refused(signIn.giveCode(me, await codeNow(secret)), 'authentication_required')
  })

  it('that comes on while somebody signs in is not passed by', async () => {
    const me = await withPassword()
    const { secret } = await signIn.startTotp(me)
    const meanwhile = createSignIn({
      clock,
      store: {
        ...store,
        sessions: {
          ...store.sessions,
          async add(session) {
            await signIn.confirmTotp(me, await codeNow(secret))
            await store.sessions.add(session)
          },
        },
      },
    })
    await refused(meanwhile.logIn(caller(), password), 'authentication_required')
    expect(await store.sessions.list(clock.now())).toHaveLength(1)
  })

  it('goes away for a code or a recovery code', async () => {
    const { me, secret } = await withTotp()
    await refused(signIn.disableTotp(me, '000000'), 'invalid_totp_code')
    await refused(signIn.disableTotp(caller(), await codeNow(secret)), 'authentication_required')
    await signIn.disableTotp(me, await codeNow(secret))
    expect(await signIn.state()).toMatchObject({ totpSecret: null, recoveryCodesLeft: 0 })
    expect(await kindOf(caller((await signIn.logIn(caller(), password)).token))).toBe('signed_in')
  })
})
