import type { Session } from '../domain/session.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { equalInConstantTime, fingerprint, type Secret } from '../lib/secrets.ts'
import type { SignInState, Store } from '../store/store.ts'
import { type AuthMode, type Caller, createDoor, type Door, type NewCookie, type Standing } from './door.ts'
import { createPasskeys, type Passkeys } from './passkeys.ts'
import { checkPassword, hashPassword } from './password.ts'
import { createProofs } from './proofs.ts'
import { newRecoveryCodes, newTotpSecret, recoveryHash, totpStep, totpUri } from './totp.ts'

export type { Caller, NewCookie } from './door.ts'

/**
 * Signing in to the dashboard: the admin's password with an optional second factor, passkeys beside it, a password for
 * those who only look, and sessions that can be ended.
 */
export type SignIn = {
  readonly mode: AuthMode
  readonly passkeys: Passkeys
  standing(caller: Caller): Promise<Standing>
  state(): Promise<SignInState>
  setFirstPassword(caller: Caller, password: string, bootstrapToken: string | null): Promise<NewCookie>
  /** Which password it is says the role. */
  logIn(caller: Caller, password: string): Promise<NewCookie>
  /** The second step; a recovery code does as well. */
  giveCode(caller: Caller, code: string): Promise<NewCookie & { method: Session['method'] }>
  changePassword(caller: Caller, current: string, next: string): Promise<void>
  /**
   * Shows once more that it is the admin, before something that must not happen on an unguarded screen. While there is no
   * password, only somebody at this machine can. The caller has been let in already. @throws AppError
   */
  reauthenticate(caller: Caller, password: string | null): Promise<void>
  /** Takes both passwords, the second factor and the passkeys away, and ends every session. */
  removePassword(caller: Caller, current: string): Promise<void>
  /** Null takes it away. Ends the sessions of viewers. */
  setViewerPassword(caller: Caller, password: string | null): Promise<void>
  startTotp(caller: Caller): Promise<{ secret: Secret; uri: string }>
  /** Gives the recovery codes, which are never shown again. Ends every other session. */
  confirmTotp(caller: Caller, code: string): Promise<string[]>
  disableTotp(caller: Caller, code: string): Promise<void>
  /** False: there was no session. */
  logOut(caller: Caller): Promise<boolean>
  /** How many other sessions were ended. */
  logOutOthers(caller: Caller): Promise<number>
  sessions(caller: Caller): Promise<{ session: Session; isCurrent: boolean }[]>
  /** By the beginning of its id. Null: there is none. */
  endSession(caller: Caller, shortId: string): Promise<Session | null>
  /** Makes the token known that lets a remote browser set the first password. */
  offerBootstrap(token: Secret): Promise<void>
}

const setupMs = 10 * 60_000

/** As much of a session's id as is shown: enough to tell two apart, useless as a cookie. */
export function shortIdOf({ idHash }: Pick<Session, 'idHash'>): string {
  return idHash.slice(0, 12)
}

type SignInDeps = { store: Store; clock: Clock; mode?: AuthMode }

export function createSignIn({ store, clock, mode = 'standard' }: SignInDeps): SignIn {
  const door: Door = createDoor({ store, clock, mode })
  const proofs = createProofs({ store, clock })
  const { attempts } = proofs
  /** Secrets that were shown but not confirmed, by session. */
  const offered = new Map<string, { secret: Secret; untilMs: number }>()
  const { standing, insider } = door

  const checkToken = async (caller: Caller, given: string | null) => {
    attempts.count(`token ${caller.address}`, caller.isLocal)
    const { bootstrapHash } = await store.signIn.state()
    const fits = bootstrapHash !== null && equalInConstantTime(fingerprint(given ?? ''), bootstrapHash)
    if (!fits) throw new AppError('invalid_bootstrap_token')
  }
  /** One password for two roles would make every viewer an admin. */
  const checkDiffers = async (password: string, otherHash: string | null, field: string) => {
    if (otherHash === null || !(await checkPassword(password, otherHash))) return
    const message = 'must differ: one of the two passwords is for the admin, the other for viewers.'
    throw new AppError('invalid_request', { message: `${field}: ${message}`, fields: [{ path: field, message }] })
  }

  return {
    mode,
    passkeys: createPasskeys({ store, clock, door, proofs }),
    standing,
    state: () => store.signIn.state(),
    async setFirstPassword(caller, password, bootstrapToken) {
      const isVouched = mode === 'trusted_header' && caller.vouched?.role === 'admin'
      if (!isVouched) {
        door.checkMayTry(caller)
        if (!caller.isLocal || mode !== 'standard') await checkToken(caller, bootstrapToken)
      }
      const passwordHash = await hashPassword(password)
      if (!(await store.signIn.setFirstPassword(passwordHash))) throw new AppError('password_already_configured')
      return door.open(caller, {
        ...{ level: 'full', role: 'admin', method: 'first_password', replaces: null },
        holds: (now) => now.passwordHash === passwordHash && now.totpSecret === null,
      })
    },
    async logIn(caller, password) {
      door.checkMayTry(caller)
      const { role, state } = await proofs.passwordOf(caller, password)
      const replaces = caller.token === null ? null : fingerprint(caller.token)
      const level = role === 'viewer' || state.totpSecret === null ? 'full' : 'password'
      return door.open(caller, {
        ...{ level, role, method: 'password', replaces },
        holds: (now) => (role === 'viewer' ? sameViewers(now, state) : sameFactors(now, state)),
      })
    },
    async giveCode(caller, code) {
      const found = await standing(caller)
      if (found.kind !== 'owes_code') throw new AppError('authentication_required')
      const state = await store.signIn.state()
      const method = await proofs.code(caller, state.totpSecret, code)
      const cookie = await door.open(caller, {
        ...{ level: 'full', role: found.session.role, method, replaces: found.session.idHash },
        holds: (now) => sameFactors(now, state),
      })
      return { ...cookie, method }
    },
    async changePassword(caller, current, next) {
      const kept = await insider(caller)
      const { viewerPasswordHash } = await proofs.adminPassword(caller, current)
      await checkDiffers(next, viewerPasswordHash, 'newPassword')
      await store.signIn.changePassword(await hashPassword(next), kept)
    },
    async reauthenticate(caller, password) {
      const { passwordHash } = await store.signIn.state()
      if (passwordHash === null) {
        if (!caller.isLocal) throw new AppError('local_only')
      } else if (password === null) {
        const message = 'is needed: your dashboard password, once more.'
        throw new AppError('invalid_request', {
          message: `password ${message}`,
          fields: [{ path: 'password', message }],
        })
      } else await proofs.adminPassword(caller, password)
    },
    async removePassword(caller, current) {
      await insider(caller)
      await proofs.adminPassword(caller, current)
      await store.signIn.clear()
    },
    async setViewerPassword(caller, password) {
      await insider(caller)
      const { passwordHash } = await store.signIn.state()
      if (password === null) return store.signIn.setViewerPassword(null)
      if (passwordHash === null) throw new AppError('password_not_configured')
      await checkDiffers(password, passwordHash, 'password')
      await store.signIn.setViewerPassword(await hashPassword(password))
    },
    async startTotp(caller) {
      const idHash = await insider(caller)
      const { passwordHash, totpSecret } = await store.signIn.state()
      if (passwordHash === null) throw new AppError('password_not_configured')
      if (totpSecret !== null) throw new AppError('totp_already_configured')
      const secret = newTotpSecret()
      for (const [key, { untilMs }] of offered) if (untilMs <= clock.now()) offered.delete(key)
      offered.set(idHash, { secret, untilMs: clock.now() + setupMs })
      return { secret, uri: totpUri(secret, 'dashboard') }
    },
    async confirmTotp(caller, code) {
      const idHash = await insider(caller)
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
      await insider(caller)
      await proofs.code(caller, (await store.signIn.state()).totpSecret, code)
      await store.signIn.clearTotp()
    },
    async logOut({ token }) {
      return token !== null && (await store.sessions.end(fingerprint(token)))
    },
    async logOutOthers(caller) {
      return store.sessions.endAll(await insider(caller))
    },
    async sessions(caller) {
      const idHash = await insider(caller)
      const all = await store.sessions.list(clock.now())
      return all.map((session) => ({ session, isCurrent: session.idHash === idHash }))
    },
    async endSession(caller, shortId) {
      await insider(caller)
      const all = await store.sessions.list(clock.now())
      const found = all.find((session) => shortIdOf(session) === shortId)
      return found && (await store.sessions.end(found.idHash)) ? found : null
    },
    offerBootstrap: (token) => store.signIn.setBootstrap(fingerprint(token.reveal())),
  }
}

function sameFactors(now: SignInState, then: SignInState): boolean {
  return now.passwordHash === then.passwordHash && now.totpSecret?.reveal() === then.totpSecret?.reveal()
}

/** Without the admin's password there are no viewers either. */
function sameViewers(now: SignInState, then: SignInState): boolean {
  return now.passwordHash !== null && now.viewerPasswordHash === then.viewerPasswordHash
}
