import { randomBytes } from 'node:crypto'
import type { Session } from '../domain/session.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { equalInConstantTime, fingerprint, type Secret } from '../lib/secrets.ts'
import type { SignInState, Store } from '../store/store.ts'
import { createAttempts } from './attempts.ts'
import { checkPassword, hashPassword } from './password.ts'
import { newRecoveryCodes, newTotpSecret, recoveryHash, totpStep, totpUri } from './totp.ts'

/** Where a request to the dashboard comes from. `token` is the session cookie's value. */
export type Caller = { token: string | null; isLocal: boolean; address: string; userAgent: string | null }

/** How a caller stands. `open`: there is no password yet, and the caller sits at this machine. */
type Standing =
  | { kind: 'open' }
  | { kind: 'signed_in'; session: Session }
  | { kind: 'owes_code'; session: Session }
  | { kind: 'stranger'; needs: 'password' | 'bootstrap' }

/** A cookie to be set, shown nowhere else. `expiresAtMs`: until when the browser keeps it. */
export type NewCookie = { token: string; expiresAtMs: number }

/** Signing in to the dashboard: one password, an optional second factor, sessions that can be ended. */
export type SignIn = {
  standing(caller: Caller): Promise<Standing>
  state(): Promise<SignInState>
  setFirstPassword(caller: Caller, password: string, bootstrapToken: string | null): Promise<NewCookie>
  logIn(caller: Caller, password: string): Promise<NewCookie>
  /** The second step; a recovery code does as well. */
  giveCode(caller: Caller, code: string): Promise<NewCookie>
  changePassword(caller: Caller, current: string, next: string): Promise<void>
  /** Takes the password and the second factor away, and ends every session. */
  removePassword(caller: Caller, current: string): Promise<void>
  startTotp(caller: Caller): Promise<{ secret: Secret; uri: string }>
  /** Gives the recovery codes, which are never shown again. Ends every other session. */
  confirmTotp(caller: Caller, code: string): Promise<string[]>
  disableTotp(caller: Caller, code: string): Promise<void>
  logOut(caller: Caller): Promise<void>
  /** How many other sessions were ended. */
  logOutOthers(caller: Caller): Promise<number>
  sessions(caller: Caller): Promise<{ session: Session; isCurrent: boolean }[]>
  /** Makes the token known that lets a remote browser set the first password. */
  offerBootstrap(token: Secret): Promise<void>
}

const idleMs = 7 * 24 * 60 * 60_000
const longestMs = 30 * 24 * 60 * 60_000
/** Half-way in, a caller has this long to give the code. */
const owedMs = 10 * 60_000
/** A session's last use is written again only after this long. */
const touchMs = 60_000
const setupMs = 10 * 60_000

export function createSignIn({ store, clock }: { store: Store; clock: Clock }): SignIn {
  const attempts = createAttempts(clock)
  /** Secrets that were shown but not confirmed, by session. */
  const offered = new Map<string, { secret: Secret; untilMs: number }>()

  /** `basis` is what the caller was checked against. @throws AppError when that has changed meanwhile */
  const open = async (
    caller: Caller,
    level: Session['level'],
    replaces: string | null,
    basis: Pick<SignInState, 'passwordHash' | 'totpSecret'>,
  ): Promise<NewCookie> => {
    const token = randomBytes(32).toString('base64url')
    const nowMs = clock.now()
    const expiresAtMs = nowMs + (level === 'full' ? idleMs : owedMs)
    const { userAgent, address } = caller
    const session = {
      idHash: fingerprint(token),
      level,
      createdAtMs: nowMs,
      lastSeenAtMs: nowMs,
      expiresAtMs,
      userAgent,
      address,
    }
    await (replaces === null ? store.sessions.add(session) : store.sessions.replace(replaces, session))
    // Written first, then looked at: a change of the password has either ended this session already or is seen here.
    const { passwordHash, totpSecret } = await store.signIn.state()
    if (passwordHash !== basis.passwordHash || totpSecret?.reveal() !== basis.totpSecret?.reveal()) {
      await store.sessions.end(session.idHash)
      throw new AppError('authentication_required')
    }
    // The cookie lasts as long as the session could; how long it may rest is for the server to say.
    return { token, expiresAtMs: level === 'full' ? nowMs + longestMs : expiresAtMs }
  }
  const find = async (caller: Caller): Promise<Session | null> => {
    if (caller.token === null) return null
    const session = await store.sessions.get(fingerprint(caller.token), clock.now())
    if (session === null || session.level !== 'full') return session
    const nowMs = clock.now()
    if (nowMs - session.lastSeenAtMs < touchMs) return session
    const expiresAtMs = Math.min(nowMs + idleMs, session.createdAtMs + longestMs)
    await store.sessions.touch(session.idHash, nowMs, expiresAtMs)
    return { ...session, lastSeenAtMs: nowMs, expiresAtMs }
  }
  const standing = async (caller: Caller): Promise<Standing> => {
    const session = await find(caller)
    if (session) return session.level === 'full' ? { kind: 'signed_in', session } : { kind: 'owes_code', session }
    const { passwordHash } = await store.signIn.state()
    if (passwordHash !== null) return { kind: 'stranger', needs: 'password' }
    return caller.isLocal ? { kind: 'open' } : { kind: 'stranger', needs: 'bootstrap' }
  }
  /** The password of a caller who is signed in already: asked again before what cannot be undone. */
  const signedIn = async (caller: Caller): Promise<Session> => {
    const found = await standing(caller)
    if (found.kind === 'signed_in') return found.session
    throw new AppError(found.kind === 'owes_code' ? 'totp_required' : 'authentication_required')
  }
  const passwordIs = async (caller: Caller, password: string): Promise<SignInState> => {
    const state = await store.signIn.state()
    if (state.passwordHash === null) throw new AppError('password_not_configured')
    const guesser = `password ${caller.address}`
    attempts.count(guesser, caller.isLocal)
    if (!(await checkPassword(password, state.passwordHash))) throw new AppError('invalid_credentials')
    attempts.forgive(guesser)
    return state
  }
  const codeIs = async (caller: Caller, secret: Secret | null, code: string): Promise<void> => {
    const guesser = `code ${caller.address}`
    attempts.count(guesser, caller.isLocal)
    const step = secret && (await totpStep(secret, code.trim(), clock.now()))
    const fits =
      step === null
        ? secret !== null && (await store.signIn.takeRecoveryCode(recoveryHash(code)))
        : await store.signIn.takeTotpStep(step)
    if (!fits) throw new AppError('invalid_totp_code')
    attempts.forgive(guesser)
  }

  return {
    standing,
    state: () => store.signIn.state(),
    async setFirstPassword(caller, password, bootstrapToken) {
      if (!caller.isLocal) {
        attempts.count(`token ${caller.address}`, caller.isLocal)
        const { bootstrapHash } = await store.signIn.state()
        const fits = bootstrapHash !== null && equalInConstantTime(fingerprint(bootstrapToken ?? ''), bootstrapHash)
        if (!fits) throw new AppError('invalid_bootstrap_token')
      }
      const passwordHash = await hashPassword(password)
      if (!(await store.signIn.setFirstPassword(passwordHash))) throw new AppError('password_already_configured')
      return open(caller, 'full', null, { passwordHash, totpSecret: null })
    },
    async logIn(caller, password) {
      const state = await passwordIs(caller, password)
      const before = caller.token === null ? null : fingerprint(caller.token)
      return open(caller, state.totpSecret === null ? 'full' : 'password', before, state)
    },
    async giveCode(caller, code) {
      const found = await standing(caller)
      if (found.kind !== 'owes_code') throw new AppError('authentication_required')
      const state = await store.signIn.state()
      await codeIs(caller, state.totpSecret, code)
      return open(caller, 'full', found.session.idHash, state)
    },
    async changePassword(caller, current, next) {
      const { idHash } = await signedIn(caller)
      await passwordIs(caller, current)
      await store.signIn.changePassword(await hashPassword(next), idHash)
    },
    async removePassword(caller, current) {
      await signedIn(caller)
      await passwordIs(caller, current)
      await store.signIn.clear()
    },
    async startTotp(caller) {
      const { idHash } = await signedIn(caller)
      if ((await store.signIn.state()).totpSecret !== null) throw new AppError('totp_already_configured')
      const secret = newTotpSecret()
      for (const [key, { untilMs }] of offered) if (untilMs <= clock.now()) offered.delete(key)
      offered.set(idHash, { secret, untilMs: clock.now() + setupMs })
      return { secret, uri: totpUri(secret, 'dashboard') }
    },
    async confirmTotp(caller, code) {
      const { idHash } = await signedIn(caller)
      const offer = offered.get(idHash)
      if (!offer || offer.untilMs <= clock.now()) throw new AppError('invalid_totp_setup')
      const guesser = `code ${caller.address}`
      attempts.count(guesser, caller.isLocal)
      const step = await totpStep(offer.secret, code.trim(), clock.now())
      if (step === null) throw new AppError('invalid_totp_code')
      attempts.forgive(guesser)
      const codes = newRecoveryCodes()
      const recoveryHashes = codes.map(recoveryHash)
      await store.signIn.setTotp({ secret: offer.secret, step, recoveryHashes }, idHash)
      offered.delete(idHash)
      return codes
    },
    async disableTotp(caller, code) {
      await signedIn(caller)
      await codeIs(caller, (await store.signIn.state()).totpSecret, code)
      await store.signIn.clearTotp()
    },
    async logOut({ token }) {
      if (token !== null) await store.sessions.end(fingerprint(token))
    },
    async logOutOthers(caller) {
      return store.sessions.endAll((await signedIn(caller)).idHash)
    },
    async sessions(caller) {
      const { idHash } = await signedIn(caller)
      const all = await store.sessions.list(clock.now())
      return all.map((session) => ({ session, isCurrent: session.idHash === idHash }))
    },
    offerBootstrap: (token) => store.signIn.setBootstrap(fingerprint(token.reveal())),
  }
}
