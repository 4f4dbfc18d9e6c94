import type { Role } from '../domain/access.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Secret } from '../lib/secrets.ts'
import type { SignInState, Store } from '../store/store.ts'
import { type Attempts, createAttempts } from './attempts.ts'
import type { Caller } from './door.ts'
import { checkPassword } from './password.ts'
import { recoveryHash, totpStep } from './totp.ts'

/** Checks what a caller proves itself with. Every check counts as an attempt. */
export type Proofs = {
  attempts: Attempts
  /** Whose password it is. @throws AppError */
  passwordOf(caller: Caller, password: string): Promise<{ role: Role; state: SignInState }>
  /** The admin's password, asked again before what cannot be undone. @throws AppError */
  adminPassword(caller: Caller, password: string): Promise<SignInState>
  /** A code of the app, or else a recovery code. @throws AppError */
  code(caller: Caller, secret: Secret | null, code: string): Promise<'code' | 'recovery_code'>
}

export function createProofs({ store, clock }: { store: Pick<Store, 'signIn'>; clock: Clock }): Proofs {
  const attempts = createAttempts(clock)
  const proofs: Proofs = {
    attempts,
    async passwordOf(caller, password) {
      const state = await store.signIn.state()
      const { passwordHash, viewerPasswordHash } = state
      if (passwordHash === null) throw new AppError('password_not_configured')
      const guesser = `password ${caller.address}`
      attempts.count(guesser, caller.isLocal)
      // Both, always: how long it takes must not tell which one was nearer.
      const isAdmin = await checkPassword(password, passwordHash)
      const isViewer = viewerPasswordHash !== null && (await checkPassword(password, viewerPasswordHash))
      if (!isAdmin && !isViewer) throw new AppError('invalid_credentials')
      attempts.forgive(guesser)
      return { role: isAdmin ? 'admin' : 'viewer', state }
    },
    async adminPassword(caller, password) {
      const { role, state } = await proofs.passwordOf(caller, password)
      if (role !== 'admin') throw new AppError('invalid_credentials')
      return state
    },
    async code(caller, secret, code) {
      const guesser = `code ${caller.address}`
      attempts.count(guesser, caller.isLocal)
      const step = secret && (await totpStep(secret, code.trim(), clock.now()))
      const fits =
        step === null
          ? secret !== null && (await store.signIn.takeRecoveryCode(recoveryHash(code)))
          : await store.signIn.takeTotpStep(step)
      if (!fits) throw new AppError('invalid_totp_code')
      attempts.forgive(guesser)
      return step === null ? 'recovery_code' : 'code'
    },
  }
  return proofs
}
