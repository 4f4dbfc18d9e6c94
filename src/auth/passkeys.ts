import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { LRUCache } from 'lru-cache'
import type { Passkey } from '../domain/passkey.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { fingerprint, randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import type { Caller, Door, NewCookie } from './door.ts'
import type { Proofs } from './proofs.ts'

/** The host name that passkeys are tied to, and the page's origin. */
export type Site = { rpId: string; origin: string }

/** How whoever adds a passkey shows again who it is. */
type Proof = { password: string } | { passkey: AuthenticationResponseJSON }

/** The admin's passkeys. They come beside the password, which stays the last way in. */
export type Passkeys = {
  list(): Promise<Passkey[]>
  /** What the browser asks the authenticator for: to sign in, for the second step, or to show again who it is. */
  challenge(caller: Caller, site: Site): Promise<PublicKeyCredentialRequestOptionsJSON>
  /** With no password before it this is both factors: the authenticator has checked who it is. */
  signIn(caller: Caller, response: AuthenticationResponseJSON): Promise<NewCookie & { passkey: Passkey }>
  startAdding(caller: Caller, site: Site, proof: Proof): Promise<PublicKeyCredentialCreationOptionsJSON>
  add(caller: Caller, name: string, response: RegistrationResponseJSON): Promise<Passkey>
  rename(id: string, name: string): Promise<Passkey>
  remove(id: string): Promise<Passkey>
}

const mostPasskeys = 20
/** EdDSA, ES256, RS256: what authenticators have. Named, because the library would try out newer ones, with a warning of Node's. */
const algorithms = [-8, -7, -257]
/** How long a person may take at the authenticator. */
const challengeMs = 5 * 60_000
/** Challenges under way; the oldest go first. */
const mostChallenges = 1_000

type Purpose = 'sign_in' | 'second_step' | 'confirm' | 'add'
type Challenge = { purpose: Purpose; site: Site; holder: string | null; untilMs: number }

type PasskeyDeps = { store: Pick<Store, 'passkeys' | 'signIn'>; clock: Clock; door: Door; proofs: Proofs }

export function createPasskeys({ store, clock, door, proofs }: PasskeyDeps): Passkeys {
  const challenges = new LRUCache<string, Challenge>({ max: mostChallenges })
  const remember = (challenge: string, purpose: Purpose, site: Site, holder: string | null) =>
    void challenges.set(challenge, { purpose, site, holder, untilMs: clock.now() + challengeMs })
  /** Each is good for one answer, right or wrong. @throws AppError */
  const take = (
    response: { response: { clientDataJSON: string } },
    purposes: readonly Purpose[],
  ): Challenge & { text: string } => {
    const text = challengeIn(response.response.clientDataJSON)
    const found = text === null ? undefined : challenges.get(text)
    if (text === null || found === undefined) throw new AppError('invalid_passkey')
    challenges.delete(text)
    if (found.untilMs <= clock.now() || !purposes.includes(found.purpose)) throw new AppError('invalid_passkey')
    return { ...found, text }
  }
  const find = async (id: string) => {
    const found = (await store.passkeys.list()).find((one) => one.id === id)
    if (found === undefined) throw new AppError('passkey_not_found')
    return found
  }
  /** Checks the signature and notes the use. @throws AppError */
  const check = async (
    caller: Caller,
    response: AuthenticationResponseJSON,
    challenge: Challenge & { text: string },
  ) => {
    const guesser = `passkey ${caller.address}`
    proofs.attempts.count(guesser, caller.isLocal)
    const { site, purpose, text } = challenge
    const all = await store.passkeys.list()
    const passkey = all.find(({ credentialId, rpId }) => credentialId === response.id && rpId === site.rpId)
    if (passkey === undefined) throw new AppError('invalid_passkey')
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: text,
      expectedOrigin: site.origin,
      expectedRPID: site.rpId,
      // After the password, having the device is enough.
      requireUserVerification: purpose !== 'second_step',
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
        counter: passkey.counter,
      },
    }).catch(refused)
    if (!verified || !(await store.passkeys.use(passkey.id, authenticationInfo.newCounter, clock.now()))) {
      throw new AppError('invalid_passkey')
    }
    proofs.attempts.forgive(guesser)
    return passkey
  }

  return {
    list: () => store.passkeys.list(),
    async challenge(caller, site) {
      const standing = await door.standing(caller)
      const isIn =
        (standing.kind === 'signed_in' && standing.session.role === 'admin') ||
        (standing.kind === 'vouched' && standing.vouched.role === 'admin')
      if (!isIn) door.checkMayTry(caller)
      const here = (await store.passkeys.list()).filter(({ rpId }) => rpId === site.rpId)
      const isKnown = isIn || standing.kind === 'owes_code'
      const options = await generateAuthenticationOptions({
        rpID: site.rpId,
        timeout: challengeMs,
        userVerification: standing.kind === 'owes_code' ? 'preferred' : 'required',
        // Strangers are not told which ones there are: the authenticator offers what it has.
        ...(isKnown ? { allowCredentials: here.map(({ credentialId: id, transports }) => ({ id, transports })) } : {}),
      })
      const purpose = isIn ? 'confirm' : standing.kind === 'owes_code' ? 'second_step' : 'sign_in'
      const holder = isIn ? await door.insider(caller) : standing.kind === 'owes_code' ? standing.session.idHash : null
      remember(options.challenge, purpose, site, holder)
      return options
    },
    async signIn(caller, response) {
      door.checkMayTry(caller)
      const challenge = take(response, ['sign_in', 'second_step'])
      const standing = await door.standing(caller)
      const owing = standing.kind === 'owes_code' ? standing.session : null
      if (challenge.purpose === 'second_step' && challenge.holder !== owing?.idHash) {
        throw new AppError('invalid_passkey')
      }
      const passkey = await check(caller, response, challenge)
      const { passwordHash } = await store.signIn.state()
      const cookie = await door.open(caller, {
        ...{ level: 'full', role: 'admin', method: 'passkey', replaces: caller.token && fingerprint(caller.token) },
        holds: async (now) =>
          now.passwordHash === passwordHash &&
          now.passwordHash !== null &&
          (await store.passkeys.list()).some(({ id }) => id === passkey.id),
      })
      return { ...cookie, passkey }
    },
    async startAdding(caller, site, proof) {
      const holder = await door.insider(caller)
      if ((await store.signIn.state()).passwordHash === null) throw new AppError('password_not_configured')
      if ('password' in proof) await proofs.adminPassword(caller, proof.password)
      else {
        const challenge = take(proof.passkey, ['confirm'])
        if (challenge.holder !== holder) throw new AppError('invalid_passkey')
        await check(caller, proof.passkey, challenge)
      }
      const all = await store.passkeys.list()
      if (all.length >= mostPasskeys) throw tooMany()
      const here = all.filter(({ rpId }) => rpId === site.rpId)
      const options = await generateRegistrationOptions({
        rpName: 'codex-lb',
        rpID: site.rpId,
        userName: 'codex-lb dashboard',
        userDisplayName: 'codex-lb dashboard',
        timeout: challengeMs,
        attestationType: 'none',
        supportedAlgorithmIDs: algorithms,
        excludeCredentials: here.map(({ credentialId: id, transports }) => ({ id, transports })),
        // Signing in without a user name needs a credential that the authenticator finds by itself.
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      })
      remember(options.challenge, 'add', site, holder)
      return options
    },
    async add(caller, name, response) {
      const holder = await door.insider(caller)
      const { site, text, holder: starter } = take(response, ['add'])
      if (starter !== holder) throw new AppError('invalid_passkey')
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response,
        expectedChallenge: text,
        expectedOrigin: site.origin,
        expectedRPID: site.rpId,
        requireUserVerification: true,
        supportedAlgorithmIDs: algorithms,
      }).catch(refused)
      if (!verified) throw new AppError('invalid_passkey')
      const { credential, credentialBackedUp } = registrationInfo
      const passkey: Passkey = {
        id: randomId('pk_'),
        credentialId: credential.id,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        counter: credential.counter,
        transports: credential.transports ?? [],
        rpId: site.rpId,
        name,
        backedUp: credentialBackedUp,
        createdAtMs: clock.now(),
        lastUsedAtMs: null,
      }
      if (!(await store.passkeys.add(passkey, mostPasskeys))) throw new AppError('passkey_exists')
      // The password may have been removed while the authenticator was asked.
      if ((await store.signIn.state()).passwordHash === null) {
        await store.passkeys.remove(passkey.id)
        throw new AppError('password_not_configured')
      }
      return passkey
    },
    async rename(id, name) {
      const found = await find(id)
      if (!(await store.passkeys.rename(id, name))) throw new AppError('passkey_not_found')
      return { ...found, name }
    },
    async remove(id) {
      const found = await find(id)
      if (!(await store.passkeys.remove(id))) throw new AppError('passkey_not_found')
      return found
    },
  }
}

/** The library says in English what was wrong; the caller learns only that it was. */
function refused(cause: unknown): never {
  throw new AppError('invalid_passkey', {}, { cause })
}

function tooMany(): AppError {
  return new AppError('passkey_exists', { message: `There are ${mostPasskeys} passkeys already; remove one first.` })
}

function challengeIn(clientData: string): string | null {
  try {
    const { challenge } = JSON.parse(Buffer.from(clientData, 'base64url').toString('utf8')) as { challenge?: unknown }
    return typeof challenge === 'string' ? challenge : null
  } catch {
    // No client data, no challenge.
    return null
  }
}
