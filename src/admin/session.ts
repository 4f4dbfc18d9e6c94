import '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../auth/door.ts'
import type { Site } from '../auth/passkeys.ts'
import { type NewCookie, type SignIn, shortIdOf } from '../auth/sign-in.ts'
import {
  Done,
  PasswordChange,
  PasswordLogin,
  PasswordRemoval,
  PasswordSetup,
  RecoveryCodes,
  SessionView,
  TotpCode,
  TotpOffer,
} from '../contract/session.ts'
import type { Actor } from '../domain/access.ts'
import { iso } from './account-views.ts'
import { cookieName } from './caller.ts'
import { qrDataUri } from './qr.ts'
import { route } from './route.ts'

export type SessionDeps = {
  signIn: SignIn
  callerOf: (request: FastifyRequest) => Caller
  /** True when the browser came by https, here or at a trusted proxy. */
  isSecure: (request: FastifyRequest) => boolean
  /** What passkeys are tied to here; throws where browsers offer none. */
  siteOf: (request: FastifyRequest) => Site
  onPasswordRemoved: () => Promise<void>
  version: string
  demo: boolean
}

export const base = '/api/dashboard-auth'
const done = { status: 'ok' } as const

/** What signing in and out have in common: the cookie, and how the browser stands then. */
export function createCookies({ signIn, callerOf, isSecure, siteOf, version, demo }: SessionDeps) {
  const settings = (request: FastifyRequest) => ({
    path: '/',
    httpOnly: true,
    sameSite: 'lax' as const,
    secure: isSecure(request),
  })
  const hasPasskeys = async (request: FastifyRequest) => {
    try {
      const { rpId } = siteOf(request)
      return (await signIn.passkeys.list()).some((one) => one.rpId === rpId)
    } catch {
      // Where browsers offer none, there are none to offer.
      return false
    }
  }
  const view = async (request: FastifyRequest, caller: Caller): Promise<SessionView> => {
    const standing = await signIn.standing(caller)
    const state = await signIn.state()
    const isIn = standing.kind !== 'stranger' && standing.kind !== 'owes_code'
    const session = 'session' in standing ? standing.session : null
    const vouched = standing.kind === 'vouched' ? standing.vouched : null
    const role = standing.kind === 'open' ? 'admin' : (vouched?.role ?? session?.role ?? null)
    const isAdmin = isIn && role === 'admin'
    return {
      authenticated: isIn,
      role: isIn ? role : null,
      authMode: signIn.mode,
      userName: vouched?.name ?? null,
      proxyRequired: standing.kind === 'stranger' && standing.needs === 'proxy',
      passkeysOffered: standing.kind !== 'open' && (await hasPasskeys(request)),
      passwordRequired: state.passwordHash !== null,
      totpRequiredOnLogin: standing.kind === 'owes_code',
      // Whoever is not in learns only what the sign-in page has to ask.
      totpConfigured: isAdmin && state.totpSecret !== null,
      recoveryCodesLeft: isAdmin ? state.recoveryCodesLeft : 0,
      bootstrapRequired: standing.kind === 'stranger' && standing.needs === 'bootstrap',
      passwordSessionActive: standing.kind === 'signed_in',
      expiresAt: session && iso(session.expiresAtMs),
      version,
      demo,
    }
  }
  return {
    view,
    give(request: FastifyRequest, reply: FastifyReply, { token, expiresAtMs }: NewCookie) {
      reply.setCookie(cookieName, token, { ...settings(request), expires: new Date(expiresAtMs) })
      return view(request, { ...callerOf(request), token })
    },
    clear(request: FastifyRequest, reply: FastifyReply) {
      reply.clearCookie(cookieName, settings(request))
      return done
    },
    /** The audit log's word for a browser that is in from now on. */
    actorOf: (request: FastifyRequest, { session }: NewCookie): Actor => ({
      ...{ kind: 'session', name: shortIdOf(session), address: callerOf(request).address },
    }),
  }
}

export type Cookies = ReturnType<typeof createCookies>

/** Passwords and codes: getting in to the dashboard and out of it. */
export function sessionRoutes(deps: SessionDeps, { view, give, clear, actorOf }: Cookies) {
  const { signIn, callerOf } = deps
  return [
    route(
      {
        method: 'GET',
        path: `${base}/session`,
        access: 'public',
        summary: 'How this browser stands',
        answer: SessionView,
      },
      ({ request }) => view(request, callerOf(request)),
    ),
    route(
      {
        method: 'POST',
        path: `${base}/password/setup`,
        access: 'door',
        audit: 'password.set',
        summary: 'Set the first password',
        body: PasswordSetup,
        answer: SessionView,
      },
      async ({ request, reply, body, audit }) => {
        const caller = callerOf(request)
        const by = caller.vouched ? 'proxy_header' : caller.isLocal ? 'this_machine' : 'bootstrap_token'
        audit({ after: { method: by } })
        const cookie = await signIn.setFirstPassword(caller, body.password, body.bootstrapToken ?? null)
        audit({ actor: actorOf(request, cookie) })
        return give(request, reply, cookie)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/password/login`,
        access: 'door',
        audit: 'session.sign_in',
        summary: 'Sign in; which password it is says the role',
        body: PasswordLogin,
        answer: SessionView,
      },
      async ({ request, reply, body, audit }) => {
        audit({ after: { method: 'password' } })
        const cookie = await signIn.logIn(callerOf(request), body.password)
        const { role, level } = cookie.session
        const owes = level === 'full' ? {} : { owes: 'second_factor' }
        audit({ actor: actorOf(request, cookie), after: { method: 'password', role, ...owes } })
        return give(request, reply, cookie)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/verify`,
        access: 'door',
        audit: 'session.sign_in',
        summary: 'Give the code that is owed',
        body: TotpCode,
        answer: SessionView,
      },
      async ({ request, reply, body, audit }) => {
        audit({ after: { method: 'code' } })
        const cookie = await signIn.giveCode(callerOf(request), body.code)
        const { session, method } = cookie
        audit({ actor: actorOf(request, cookie), after: { method, role: session.role } })
        return give(request, reply, cookie)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/logout`,
        access: 'door',
        audit: 'session.sign_out',
        summary: 'Sign out',
        answer: Done,
      },
      async ({ request, reply, audit }) => {
        const caller = callerOf(request)
        const standing = await signIn.standing(caller)
        if ('session' in standing) {
          audit({ actor: { kind: 'session', name: shortIdOf(standing.session), address: caller.address } })
        }
        if (!(await signIn.logOut(caller))) audit({ nothing: true })
        return clear(request, reply)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/password/change`,
        access: 'admin',
        audit: 'password.change',
        summary: 'Change the password; other sessions end',
        body: PasswordChange,
        answer: Done,
      },
      async ({ request, body }) => {
        await signIn.changePassword(callerOf(request), body.currentPassword, body.newPassword)
        return done
      },
    ),
    route(
      {
        method: 'DELETE',
        path: `${base}/password`,
        access: 'admin',
        audit: 'password.remove',
        summary: 'Remove both passwords, the second factor and every passkey',
        body: PasswordRemoval,
        answer: Done,
      },
      async ({ request, reply, body, audit }) => {
        const { totpSecret, viewerPasswordHash } = await signIn.state()
        const passkeys = (await signIn.passkeys.list()).length
        audit({ before: { secondFactor: totpSecret !== null, viewers: viewerPasswordHash !== null, passkeys } })
        await signIn.removePassword(callerOf(request), body.password)
        await deps.onPasswordRemoved()
        return clear(request, reply)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/setup/start`,
        access: 'admin',
        audit: null,
        summary: 'Offer a secret for an authenticator app',
        answer: TotpOffer,
      },
      async ({ request }) => {
        const { secret, uri } = await signIn.startTotp(callerOf(request))
        return { secret: secret.reveal(), otpauthUri: uri, qrSvgDataUri: await qrDataUri(uri) }
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/setup/confirm`,
        access: 'admin',
        audit: 'second_factor.enable',
        summary: 'Switch the second factor on',
        body: TotpCode,
        answer: RecoveryCodes,
      },
      async ({ request, body }) => ({ recoveryCodes: await signIn.confirmTotp(callerOf(request), body.code) }),
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/disable`,
        access: 'admin',
        audit: 'second_factor.disable',
        summary: 'Switch the second factor off',
        body: TotpCode,
        answer: Done,
      },
      async ({ request, body }) => {
        await signIn.disableTotp(callerOf(request), body.code)
        return done
      },
    ),
  ]
}
