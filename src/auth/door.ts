import { randomBytes } from 'node:crypto'
import type { Role } from '../domain/access.ts'
import type { Session } from '../domain/session.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { fingerprint } from '../lib/secrets.ts'
import type { SignInState, Store } from '../store/store.ts'

/** How the dashboard lets in, fixed for the life of the program. */
export type AuthMode = 'standard' | 'trusted_header' | 'disabled'

/** Whom a trusted reverse proxy has signed in. */
export type Vouched = { name: string; role: Role }

/** Where a request to the dashboard comes from. `token` is the session cookie's value. */
export type Caller = {
  token: string | null
  isLocal: boolean
  address: string
  userAgent: string | null
  vouched?: Vouched | null
}

/**
 * How a caller stands. `open`: there is no password yet and the caller sits at this machine, or sign-in is switched off.
 * `vouched`: a trusted proxy says who it is.
 */
export type Standing =
  | { kind: 'open' }
  | { kind: 'signed_in'; session: Session }
  | { kind: 'owes_code'; session: Session }
  | { kind: 'vouched'; vouched: Vouched }
  | { kind: 'stranger'; needs: 'password' | 'bootstrap' | 'proxy' }

/** A cookie to be set, shown nowhere else. `expiresAtMs`: until when the browser keeps it. */
export type NewCookie = { token: string; expiresAtMs: number; session: Pick<Session, 'idHash' | 'role' | 'level'> }

/** A new session: `replaces` is the one that it steps up from. */
type Entry = Pick<Session, 'level' | 'role' | 'method'> & {
  replaces: string | null
  /** Whether what the caller was checked against still holds. */
  holds: (state: SignInState) => boolean | Promise<boolean>
}

/** Sessions: who has one, and how one is opened. */
export type Door = {
  readonly mode: AuthMode
  standing(caller: Caller): Promise<Standing>
  /** @throws AppError when what the caller was checked against has changed meanwhile */
  open(caller: Caller, entry: Entry): Promise<NewCookie>
  /** The session of a caller who is in, or a name that no session has for one who needs none. @throws AppError */
  insider(caller: Caller): Promise<string>
  /** Signing in is not for everybody in every mode. @throws AppError */
  checkMayTry(caller: Caller): void
}

const idleMs = 7 * 24 * 60 * 60_000
const longestMs = 30 * 24 * 60 * 60_000
/** Half-way in, a caller has this long to give the code. */
const owedMs = 10 * 60_000
/** A session's last use is written again only after this long. */
const touchMs = 60_000

type DoorDeps = { store: Pick<Store, 'sessions' | 'signIn'>; clock: Clock; mode: AuthMode }

export function createDoor({ store, clock, mode }: DoorDeps): Door {
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
    if (mode === 'disabled') return { kind: 'open' }
    if (mode === 'trusted_header') {
      if (caller.vouched) return { kind: 'vouched', vouched: caller.vouched }
      // The password is for the day when the proxy is out of order: it opens nothing from elsewhere.
      if (!caller.isLocal) return { kind: 'stranger', needs: 'proxy' }
    }
    const session = await find(caller)
    if (session) return session.level === 'full' ? { kind: 'signed_in', session } : { kind: 'owes_code', session }
    const { passwordHash } = await store.signIn.state()
    if (passwordHash !== null) return { kind: 'stranger', needs: 'password' }
    if (mode === 'trusted_header') return { kind: 'stranger', needs: 'proxy' }
    return caller.isLocal ? { kind: 'open' } : { kind: 'stranger', needs: 'bootstrap' }
  }
  return {
    mode,
    standing,
    async open(caller, { level, role, method, replaces, holds }) {
      const token = randomBytes(32).toString('base64url')
      const nowMs = clock.now()
      const { userAgent, address } = caller
      const session: Session = {
        idHash: fingerprint(token),
        ...{ level, role, method, userAgent, address },
        createdAtMs: nowMs,
        lastSeenAtMs: nowMs,
        expiresAtMs: nowMs + (level === 'full' ? idleMs : owedMs),
      }
      await (replaces === null ? store.sessions.add(session) : store.sessions.replace(replaces, session))
      // Written first, then looked at: a change of the password has either ended this session already or is seen here.
      if (!(await holds(await store.signIn.state()))) {
        await store.sessions.end(session.idHash)
        throw new AppError('authentication_required')
      }
      // The cookie lasts as long as the session could; how long it may rest is for the server to say.
      return { token, expiresAtMs: level === 'full' ? nowMs + longestMs : session.expiresAtMs, session }
    },
    async insider(caller) {
      if (mode === 'disabled') throw new AppError('sign_in_disabled')
      const found = await standing(caller)
      if (found.kind === 'signed_in') return found.session.idHash
      if (found.kind === 'vouched') return `proxy ${found.vouched.name}`
      throw new AppError(found.kind === 'owes_code' ? 'totp_required' : 'authentication_required')
    },
    checkMayTry({ isLocal }) {
      if (mode === 'disabled') throw new AppError('sign_in_disabled')
      if (mode === 'trusted_header' && !isLocal) throw new AppError('proxy_auth_required')
    },
  }
}
