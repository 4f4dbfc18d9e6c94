import { isUsable, refreshTakesMs, type TokenFacts } from '../domain/custody.ts'
import type { Sender } from '../egress/outbound.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Secret } from '../lib/secrets.ts'
import type { Credential, NewTokens, Store } from '../store/store.ts'
import { type RefreshResult, refreshTokens } from '../upstream/oauth.ts'
import { type Claims, decodeJwt, expiryOf, plausibleTime } from './claims.ts'

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
  /** False when the token of `version` has a successor already: what the upstream says of it is out of date. */
  isNewest(accountId: string, version: number): boolean
  /** How the stored tokens stand, read anew. @throws TokenError */
  facts(accountId: string): Promise<TokenFacts & { version: number }>
  /** Renew ahead of time, unless the token of `version` has a successor already. @throws TokenError */
  renewAhead(accountId: string, version: number): Promise<void>
  /** The stored tokens may have changed: forget what is in memory. */
  forget(accountId: string): void
  forgetAll(): void
}

export type TokensDeps = {
  store: Store
  client: Sender
  clock: Clock
  authBaseUrl: string
  onRotated: (accountId: string) => void
}

/** Tokens that came in exchange for those of `used`. */
type Rotation = { used: Credential; next: NewTokens }

const pollMs = 250
/** A request waits this long for it, then another account may serve. */
const patienceMs = 3_000
/** After a passing failure no new try for this long. */
const restMs = 5_000
const storeTries = 5

export function createTokens({ store, client, clock, authBaseUrl, onRotated }: TokensDeps): Tokens {
  const cached = new Map<string, Credential>()
  const loading = new Map<string, Promise<Credential>>()
  const refreshing = new Map<string, Promise<Credential>>()
  const restUntil = new Map<string, { untilMs: number; code: string }>()
  /** Rotated tokens that the store could not take yet: lost for good if they were forgotten. */
  const unsaved = new Map<string, Rotation>()
  /** Refresh tokens that are spent without a successor, and how that came; the store knows only that they were sent. */
  const spent = new Map<string, { refreshToken: Secret; kind: TokenError['kind']; code: string }>()
  /** When this process received an access token, for one that does not say when it was made. */
  const received = new Map<string, { accessToken: Secret; atMs: number }>()

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
    received.set(id, { accessToken: rotation.next.accessToken, atMs: clock.now() })
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

  /** `version`: of the token that is to be replaced. */
  const refresh = async (id: string, version: number): Promise<Credential> => {
    const left = unsaved.get(id)
    if (left) return keep(id, left)
    const rest = restUntil.get(id)
    if (rest && rest.untilMs > clock.now()) throw new TokenError('later', rest.code)
    const credential = await reload(id)
    // Another process was faster: its token is as good as a new one.
    if (credential.version > version && isUsable(credential, clock.now())) return credential
    if (!(await store.accounts.beginRefresh(id, credential.version, clock.now())))
      return afterOther(id, credential.version)
    const result = await refreshTokens((request) => client.send(request, id), authBaseUrl, credential.refreshToken)
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
    if (result.kind !== 'later') {
      const kind = result.kind === 'ended' ? result.as : 'reauth_required'
      spent.set(id, { refreshToken: used.refreshToken, kind, code: result.code })
      throw new TokenError(kind, result.code)
    }
    await store.accounts.abandonRefresh(id, used.version)
    restUntil.set(id, { untilMs: clock.now() + restMs, code: result.code })
    throw new TokenError('later', result.code)
  }

  /** The refresh was marked before: by ourselves, by another process that will finish, or by one that died in the middle. */
  const afterOther = async (id: string, version: number): Promise<Credential> => {
    const patienceEndsMs = clock.now() + patienceMs
    for (;;) {
      const now = await reload(id)
      if (now.version !== version) return now
      if (now.refreshStartedAtMs === null) throw new TokenError('later', 'refresh_failed_elsewhere')
      const known = spent.get(id)
      if (known?.refreshToken.reveal() === now.refreshToken.reveal()) throw new TokenError(known.kind, known.code)
      if (now.refreshStartedAtMs + refreshTakesMs <= clock.now())
        throw new TokenError('reauth_required', 'refresh_interrupted')
      if (clock.now() >= patienceEndsMs) throw new TokenError('later', 'refresh_elsewhere')
      await pause(clock, pollMs, neverAborted)
    }
  }

  const token = ({ accessToken, version }: Credential): AccessToken => ({ bearer: accessToken, version })

  return {
    async current(id) {
      const credential = await load(id)
      if (isUsable(credential, clock.now())) return token(credential)
      return token(await once(refreshing, id, () => refresh(id, credential.version)))
    },
    async renewed(id, version) {
      const credential = await load(id)
      if (credential.version > version) return token(credential)
      return token(await once(refreshing, id, () => refresh(id, version)))
    },
    async facts(id) {
      const { version, accessToken, expiresAtMs, refreshStartedAtMs } = await reload(id)
      const claims = decodeJwt(accessToken.reveal())
      const last = received.get(id)
      const receivedAtMs = last?.accessToken.reveal() === accessToken.reveal() ? last.atMs : null
      const issuedAtMs = (claims && issueOf(claims)) ?? receivedAtMs
      return { version, issuedAtMs, expiresAtMs, refreshStartedAtMs, hasUnsaved: unsaved.has(id) }
    },
    async renewAhead(id, version) {
      await once(refreshing, id, () => refresh(id, version))
    },
    isNewest: (id, version) => (cached.get(id)?.version ?? version) <= version,
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

function issueOf({ iat }: Claims): number | null {
  return typeof iat === 'number' ? plausibleTime(Math.floor(iat) * 1000) : null
}
