import { type Clock, pause } from '../lib/clock.ts'
import type { Secret } from '../lib/secrets.ts'
import type { Credential, NewTokens, Store } from '../store/store.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { type RefreshResult, refreshTokens } from '../upstream/oauth.ts'
import { decodeJwt, expiryOf } from './claims.ts'

/** An access token ready for use. `version` tells a later renewal which token was refused. */
export type AccessToken = { bearer: Secret; version: number }

/** No usable access token. `later`: a passing fault. The others end the sign-in until a person acts. */
export class TokenError extends Error {
  readonly kind: 'later' | 'reauth_required' | 'deactivated'
  readonly code: string
  constructor(kind: TokenError['kind'], code: string) {
    super(`The access token cannot be renewed: ${code}.`)
    this.name = 'TokenError'
    this.kind = kind
    this.code = code
  }
}

/** Keeps credentials fresh: one refresh per account at a time, whoever asks, and never one refresh token twice. */
export type Tokens = {
  /** @throws TokenError */
  current(accountId: string): Promise<AccessToken>
  /** After the upstream refused the token of `version`. @throws TokenError */
  renewed(accountId: string, version: number): Promise<AccessToken>
  /** Renew ahead of time if the token ends within `aheadMs`, or is older than `maxAgeMs` when it does not say. @throws TokenError */
  renewEarly(accountId: string, aheadMs: number, refreshedAtMs: number, maxAgeMs: number): Promise<void>
  /** The stored tokens may have changed: forget what is in memory. */
  forget(accountId: string): void
  forgetAll(): void
}

export type TokensDeps = {
  store: Store
  client: UpstreamClient
  clock: Clock
  authBaseUrl: string
  onRotated: (accountId: string) => void
}

/** Tokens that came in exchange for those of `used`. */
type Rotation = { used: Credential; next: NewTokens }

/** A token this near its end is renewed before it is used. */
const nearEndMs = 30_000
/** Another process that has marked a refresh gets this long to finish it. */
const otherRefreshMs = 30_000
const pollMs = 250
/** A request waits this long for it, then another account may serve. */
const patienceMs = 3_000
/** After a passing failure no new try for this long. */
const restMs = 5_000
const storeTries = 5
/** The refresh token may be spent and its successor lost: the sign-in ends with the access token, not before. */
const lostCodes = new Set(['reply_lost', 'invalid_response', 'refresh_interrupted'])

export function createTokens({ store, client, clock, authBaseUrl, onRotated }: TokensDeps): Tokens {
  const cached = new Map<string, Credential>()
  const loading = new Map<string, Promise<Credential>>()
  const refreshing = new Map<string, Promise<Credential>>()
  const restUntil = new Map<string, { untilMs: number; code: string }>()
  /** Rotated tokens that the store could not take yet: lost for good if they were forgotten. */
  const unsaved = new Map<string, Rotation>()

  const once = (running: Map<string, Promise<Credential>>, id: string, work: () => Promise<Credential>) => {
    const current = running.get(id)
    if (current) return current
    const started = work().finally(() => running.delete(id))
    running.set(id, started)
    return started
  }
  const reload = async (id: string): Promise<Credential> => {
    const credential = await store.accounts.credential(id)
    if (credential === null) throw new TokenError('reauth_required', 'account_removed')
    cached.set(id, credential)
    return credential
  }
  const load = async (id: string) => cached.get(id) ?? (await once(loading, id, () => reload(id)))

  const keep = async (id: string, rotation: Rotation): Promise<Credential> => {
    unsaved.set(id, rotation)
    for (let attempt = 1; ; attempt++) {
      try {
        await saveRotation(id, rotation)
        break
      } catch (error) {
        if (attempt === storeTries) throw error
        await pause(clock, 100 * 2 ** attempt, neverAborted)
      }
    }
    unsaved.delete(id)
    onRotated(id)
    // What is stored counts, whether it is ours or an import that came in between.
    return reload(id)
  }
  const saveRotation = async (id: string, { used, next }: Rotation): Promise<void> => {
    if (await store.accounts.rotateCredential(id, used.version, next, clock.now())) return
    // An import of the same file meanwhile put the spent token back under a new version: what replaced it is ours.
    const now = await store.accounts.credential(id)
    if (now?.refreshToken.reveal() === used.refreshToken.reveal()) {
      await store.accounts.rotateCredential(id, now.version, next, clock.now())
    }
  }

  const refresh = async (id: string): Promise<Credential> => {
    const left = unsaved.get(id)
    if (left) return keep(id, left)
    const rest = restUntil.get(id)
    if (rest && rest.untilMs > clock.now()) throw new TokenError('later', rest.code)
    const known = cached.get(id)
    const credential = await reload(id)
    // Another process was faster: its token is as good as a new one.
    if (known && credential.version > known.version && !ended(credential, nearEndMs)) return credential
    if (!(await store.accounts.beginRefresh(id, credential.version, clock.now())))
      return afterOther(id, credential.version)
    const result = await refreshTokens(client, authBaseUrl, credential.refreshToken)
    if (result.kind === 'rotated') {
      const { accessToken, refreshToken, idToken } = result
      const next = { accessToken, refreshToken, idToken, expiresAtMs: endOf(accessToken) }
      return keep(id, { used: credential, next })
    }
    return settle(id, credential, result)
  }

  /** A refresh that gave nothing. A stored token that moved meanwhile (an import) is as good as a rotation. */
  const settle = async (id: string, used: Credential, result: Exclude<RefreshResult, { kind: 'rotated' }>) => {
    const now = await reload(id)
    if (now.version !== used.version) return now
    if (result.kind === 'lost') throw new TokenError('reauth_required', result.code)
    if (result.kind === 'ended') throw new TokenError(result.as, result.code)
    await store.accounts.abandonRefresh(id, used.version)
    restUntil.set(id, { untilMs: clock.now() + restMs, code: result.code })
    throw new TokenError('later', result.code)
  }

  /** Somebody else marked this refresh: another process that will finish, or one that died in the middle. */
  const afterOther = async (id: string, version: number): Promise<Credential> => {
    const patienceEndsMs = clock.now() + patienceMs
    for (;;) {
      const now = await reload(id)
      if (now.version !== version) return now
      if (now.refreshStartedAtMs === null) throw new TokenError('later', 'refresh_failed_elsewhere')
      if (now.refreshStartedAtMs + otherRefreshMs <= clock.now())
        throw new TokenError('reauth_required', 'refresh_interrupted')
      if (clock.now() >= patienceEndsMs) throw new TokenError('later', 'refresh_elsewhere')
      await pause(clock, pollMs, neverAborted)
    }
  }

  const ended = ({ expiresAtMs }: Credential, aheadMs: number) =>
    expiresAtMs !== null && expiresAtMs - aheadMs <= clock.now()
  const token = ({ accessToken, version }: Credential): AccessToken => ({ bearer: accessToken, version })

  return {
    async current(id) {
      const credential = await load(id)
      if (!ended(credential, nearEndMs)) return token(credential)
      return token(await once(refreshing, id, () => refresh(id)))
    },
    async renewed(id, version) {
      const credential = await load(id)
      if (credential.version > version) return token(credential)
      return token(await once(refreshing, id, () => refresh(id)))
    },
    async renewEarly(id, aheadMs, refreshedAtMs, maxAgeMs) {
      const credential = await load(id)
      const isOld = credential.expiresAtMs === null && refreshedAtMs + maxAgeMs <= clock.now()
      // A refresh that was interrupted cannot be repeated; what is left of the access token is still good.
      if (credential.refreshStartedAtMs !== null || !(isOld || ended(credential, aheadMs))) return
      try {
        await once(refreshing, id, () => refresh(id))
      } catch (error) {
        const isLost = error instanceof TokenError && lostCodes.has(error.code)
        if (!isLost || ended(credential, nearEndMs)) throw error
      }
    },
    forget: (id) => void cached.delete(id),
    forgetAll: () => cached.clear(),
  }
}

const neverAborted = new AbortController().signal

/** Opaque tokens are allowed; their end shows when they are refused. */
function endOf(accessToken: Secret): number | null {
  const claims = decodeJwt(accessToken.reveal())
  return claims && expiryOf(claims)
}
